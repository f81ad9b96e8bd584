"""Connections: added, tested step by step, connected with consent, withdrawn, removed."""

import re

from shared.brevo.probed import ProbeAnswers, as_probed, save_probe


def added(browser, **others):
    values = {"id": "second", "display_name": "Second", "key_setting": browser.flow.connection["api_key"]["setting"]}
    return browser.send("/new-connection", **{**values, **others})


def test_connection_is_added_without_consent_and_connected_with_it(browser):
    assert added(browser, role_contributor="yes").to == "/api/pages/connections/second?done=connection_saved"
    page = browser.open("/connections/second")
    assert "not given" in page.text
    assert "Contributor" in page.text
    tested = browser.send("/connections/second/connect", page="/connections/second")
    assert "key accepted : passed" in tested.text
    assert "Everything but your consent is in order" in tested.text
    assert "consent : failed" in tested.text
    nameless = browser.send("/connections/second/connect", page="/connections/second", agree="yes")
    assert "Type your name to record your consent. Nothing was tested." in nameless.text
    assert "not given" in nameless.text
    agreed = {"agree": "yes", "agreed_by": "Ioana Pop"}
    connected = browser.send("/connections/second/connect", page="/connections/second", **agreed)
    assert "given on" in connected.text
    withdrawn = browser.send("/connections/second/disconnect", page="/connections/second")
    assert withdrawn.to.endswith("?done=disconnected")
    assert "not given" in browser.open("/connections/second").text
    browser.send("/connections/second/remove", page="/connections/second")
    assert browser.open("/connections/second").status == 404


def test_step_that_fails_is_shown_and_nothing_is_connected(browser, monkeypatch):
    added(browser)
    monkeypatch.delenv(browser.flow.connection["api_key"]["setting"])
    agreed = {"agree": "yes", "agreed_by": "Ioana Pop"}
    page = browser.send("/connections/second/connect", page="/connections/second", **agreed)
    assert "A step failed" in page.text
    assert "not given" in page.text


def test_raw_key_in_the_form_is_refused_and_shown_nowhere(browser):
    key = "xkeysib-" + "a1" * 32  # pragma: allowlist secret
    page = added(browser, key_setting=key)
    assert page.status == 400
    assert key not in page.html.replace(f'value="{key}"', "")


def test_contributor_sees_the_name_of_a_shared_connection_alone(browser):
    added(browser, role_contributor="yes")
    browser.role = "contributor"
    page = browser.open("/connections/second")
    assert "Second" in page.text
    assert browser.flow.connection["api_key"]["setting"] not in page.text
    assert "Withdraw" not in page.text


def test_id_that_is_taken_is_said_in_the_form_with_all_that_was_typed(browser):
    added(browser)
    page = added(browser, display_name="Another")
    assert page.status == 400
    assert "Id: there is the connection second already" in page.text
    assert 'value="Another"' in page.html


def test_attributes_of_the_account_come_as_a_part_of_a_form_or_as_a_page(browser):
    page = browser.open("/connections/brevo-eu/attributes")
    assert "FIRSTNAME" in page.text
    assert "<html" in page.html
    browser.headers["hx-request"] = "true"
    part = browser.open("/connections/brevo-eu/attributes")
    assert "FIRSTNAME" in part.text
    assert "<html" not in part.html
    browser.role = "contributor"
    assert browser.open("/connections/brevo-eu/attributes").status == 403


def test_id_that_is_left_empty_is_made_from_the_name(browser):
    assert (
        added(browser, id="", display_name="Ümlaut & Co").to == "/api/pages/connections/umlaut-co?done=connection_saved"
    )
    again = added(browser, id=" ", display_name="Umlaut Co")
    assert again.to == "/api/pages/connections/umlaut-co-2?done=connection_saved"
    page = added(browser, id="", display_name="Third", key_setting="")
    assert page.status == 400
    assert 'name="id" maxlength="50" value="third"' in page.html


def test_page_says_whether_it_is_connected_when_its_test_passed_and_what_was_probed(browser):
    added(browser)
    page = browser.open("/connections/second")
    assert "State not connected yet: its exports send nothing until" in page.text
    assert "Not tried yet. segment-export probe second --list LIST" in page.text
    agreed = {"agree": "yes", "agreed_by": "Ioana Pop"}
    tested = browser.send("/connections/second/connect", page="/connections/second", **agreed)
    assert "probe : Not tried yet." in tested.text
    page = browser.open("/connections/second")
    assert re.search(r"State connected since \w{3} \d+ \w+ \d{4}: its test passed, and Ioana Pop has agreed", page.text)
    assert re.search("Test last passed [A-Z][a-z]{2} ", page.text)
    answers = ProbeAnswers("2026-11-20T08:00:00+00:00", ext_id="attributes")
    save_probe(browser.flow.app.storage.accounts, browser.flow.connection["api_key"]["setting"], answers)
    assert "Tried on Fri 20 Nov 2026, 08:00" in browser.open("/connections/second").text


def test_page_asks_brevo_nothing(browser):
    before = sum(browser.flow.sandbox.log.totals().values())
    assert browser.open("/connections/brevo-eu").status == 200
    assert sum(browser.flow.sandbox.log.totals().values()) == before


def test_date_format_that_nobody_has_chosen_stays_the_one_that_the_account_was_seen_to_read(browser):
    added(browser)
    setting = browser.flow.connection["api_key"]["setting"]
    form = {"display_name": "Renamed", "key_setting": setting}
    page = browser.open("/connections/second/edit")
    chosen = re.search(r'<select name="date_format">.*?</select>', page.html, re.DOTALL)[0]
    assert "selected" not in chosen.replace('<option value="" selected>', "")
    assert browser.send("/connections/second/edit", **form, date_format="").to

    def saved():
        return next(each for each in browser.flow.app.configuration.read().connections if each.id == "second")

    read = ProbeAnswers("2026-11-24T05:00:00+00:00", date_formats=("DD-MM-YYYY",))
    assert as_probed(saved(), read).date_format == "DD-MM-YYYY"
    assert browser.send("/connections/second/edit", **form, date_format="YYYY-MM-DD").to
    assert as_probed(saved(), read).date_format == "YYYY-MM-DD"
    assert "<option selected>YYYY-MM-DD" in browser.open("/connections/second/edit").html
    assert browser.send("/connections/second/edit", **form, date_format="").to
    assert as_probed(saved(), read).date_format == "DD-MM-YYYY"


def test_day_of_the_consent_stands_in_the_form_of_the_other_times(browser):
    day = browser.flow.app.document().connections[0].consent.agreed_on
    text = browser.open("/connections/brevo-eu").text
    assert f"given on {day:%a} {day.day} {day:%b %Y} by" in text
    assert day.isoformat() not in text
    browser.headers["accept-language"] = "ro"
    assert day.isoformat() not in browser.open("/connections/brevo-eu").text
