"""The form of an export: likely pairs, faults beside their fields, a preview, and a save that runs nothing."""

import json
import re

import pytest

from shared.administration import stored_segments
from shared.errors import ConfigurationError
from tests.flow.pages.export_form import begun, faults, filled


def test_new_export_begins_with_a_connection_and_a_segment(browser):
    page = browser.open("/new-export")
    assert "Gold" in page.text
    assert "Match data" not in page.text


def test_first_export_of_an_app_that_may_not_list_containers_begins_with_the_name_of_one(browser, monkeypatch):
    """So it is as azd up makes it: its identity has a role on each container with segments."""

    def denied():
        raise ConfigurationError("storage_denied", "Storage denied access to the account's containers.")

    app, where = browser.flow.app, browser.flow.app.settings.export_config.split("/")
    document = app.configuration.read().model_dump(mode="json", exclude_unset=True) | {"exports": []}
    app.storage.app_blobs.write(*where, json.dumps(document).encode())
    monkeypatch.setattr(app.storage.segment_blobs, "containers", denied)
    page = browser.open("/new-export")
    assert "Name one below." in page.text
    assert "There is no segment in storage yet." not in page.text
    container = browser.flow.export["source"]["container"]
    page = browser.open(f"/new-export?container={container}")
    assert 'type="radio" name="segment"' in page.html
    assert "Gold" in page.text
    assert "EMail" in begun(browser).html


def test_likely_pairs_are_chosen_and_lists_are_offered_by_name(browser):
    page = begun(browser)
    assert '<option value="EMail" selected>' in page.html
    assert '<option value="FirstName" selected>' in page.html
    assert "a••@e••••••.com" in page.text
    assert "ana@example.com" not in page.html
    assert "(no. 12, " in page.text
    assert "choose a list" in page.text


def test_check_puts_each_fault_beside_its_field_and_saves_nothing(browser):
    before = browser.flow.app.configuration.read_bytes()
    page = browser.send_raw("/new-export", filled(begun(browser), email="", list_id="99999", action="check"))
    assert page.status == 400
    assert faults(page) == {"email": "Choose the column with the e-mail address."}
    assert "1 field needs attention: E-mail address" in page.text
    assert '<a href="#field-email">' in page.html
    assert page.html.count("Choose the column with the e-mail address.") == 1
    assert browser.flow.app.configuration.read_bytes() == before
    page = browser.send_raw("/new-export", filled(begun(browser), list_id="99999", action="check"))
    assert page.status == 400
    assert list(faults(page)) == ["list"]
    page = browser.send_raw("/new-export", filled(begun(browser), list_id="", segments=[], action="save"))
    assert faults(page) == {"segments": "Choose a segment.", "list": "Choose a list."}
    assert "2 fields need attention: Brevo list , Segments" in page.text


def test_script_gets_the_check_alone(browser):
    values = filled(begun(browser), action="check")
    browser.headers["hx-request"] = "true"
    page = browser.send_raw("/new-export", values)
    assert "<html" not in page.html
    assert "Everything that can be checked is in order." in page.text


def test_script_puts_each_fault_at_its_field_and_takes_old_ones_away(browser):
    browser.headers["hx-request"] = "true"
    page = browser.send_raw("/new-export", filled(begun(browser), email="", action="check"))
    assert faults(page) == {"email": "Choose the column with the e-mail address."}
    assert '<p class="fault" id="fault-list" hx-swap-oob="true"></p>' in page.html
    assert page.html.count("Choose the column with the e-mail address.") == 1


def test_fault_of_what_the_form_does_not_show_is_said_at_its_foot(browser):
    document = json.loads(browser.flow.app.configuration.read_bytes())
    document["exports"][0]["exclude"] = {"segments": ["Nowhere"]}
    browser.flow.app.storage.app_blobs.write(
        *browser.flow.app.settings.export_config.split("/"), json.dumps(document).encode()
    )
    path = f"/exports/{browser.flow.export_id}/edit"
    page = browser.open(path)
    values = filled(page, etag=page.hidden("etag"), list_id=str(document["exports"][0]["list_id"]), action="check")
    page = browser.send_raw(path, values)
    assert page.status == 400
    assert "needs attention" not in page.text
    assert "exclude.segments: " in page.text


@pytest.mark.parametrize(
    ("name", "made"),
    [("Clienți fideli (2027)", "clienti-fideli-2027"), ("Second", "second"), ("客户", "export"), ("x" * 60, "x" * 50)],
)
def test_id_that_is_left_empty_is_made_from_the_name_and_shown(browser, name, made):
    for action in ("check", "preview"):
        page = browser.send_raw("/new-export", filled(begun(browser), id="", display_name=name, action=action))
        assert page.status == 200, page.text
        assert f'id="field-id" maxlength="50" value="{made}"' in page.html
    answer = browser.send_raw("/new-export", filled(begun(browser), id="", display_name=name, action="save"))
    assert answer.to == f"/api/pages/exports/{made}?done=saved"
    other = filled(begun(browser), id="", display_name=name, sync_mode="full", action="save")
    again = browser.send_raw("/new-export", other)
    assert again.to == f"/api/pages/exports/{made[:45]}-2?done=saved"


def test_script_says_which_id_is_made_and_puts_nothing_into_the_field_that_somebody_may_be_typing_into(browser):
    browser.headers["hx-request"] = "true"
    page = browser.send_raw("/new-export", filled(begun(browser), id="", list_id="", action="check"))
    assert '<span id="made-id" hx-swap-oob="true">It would be second.</span>' in page.html
    assert 'name="id"' not in page.html
    page = browser.send_raw("/new-export", filled(begun(browser), id="mine", list_id="", action="check"))
    assert '<span id="made-id" hx-swap-oob="true"></span>' in page.html
    assert 'name="id"' not in page.html


def test_preview_shows_masked_contacts_and_the_json(browser):
    page = browser.send_raw("/new-export", filled(begun(browser), action="preview"))
    assert page.status == 200, page.text
    assert "3 rows, 2 contacts." in page.text
    assert "invalid e-mail address" in page.text
    assert "ana@example.com" not in page.html
    assert '"email": "EMail"' in page.text


def test_one_more_attribute_keeps_what_is_typed(browser):
    page = browser.send_raw(
        "/new-export", filled(begun(browser), attribute=["CITY"], column=["FirstName"], action="add")
    )
    assert page.html.count('name="attribute"') == 4
    assert 'value="CITY"' in page.html
    assert 'value="Second"' in page.html


def test_save_adds_the_export_and_runs_nothing(browser):
    answer = browser.send_raw("/new-export", filled(begun(browser), action="save"))
    assert answer.to == "/api/pages/exports/second?done=saved"
    saved = browser.flow.app.document().export("second")
    assert (saved.list_id, saved.segments, saved.mapping.email) == (12, ["Gold"], "EMail")
    assert saved.mapping.first_name.field == "FirstName"
    assert list(browser.flow.app.store.latest("second")) == []


def test_edit_keeps_what_the_form_does_not_show(browser):
    export = browser.flow.export_id
    change = {"exclude": {"list_ids": [13]}, "leave_out_missing_attributes": True}
    change |= {"default_country": "RO", "max_profiles": 10, "hold_hours": 24}
    document = json.loads(browser.flow.app.configuration.read_bytes())
    document["exports"][0].update(change)
    browser.flow.app.storage.app_blobs.write(
        *browser.flow.app.settings.export_config.split("/"), json.dumps(document).encode()
    )
    page = browser.open(f"/exports/{export}/edit")
    values = filled(page, display_name="Renamed", leave_out_missing_attributes="yes", action="save")
    values |= {"hold_hours": "12", "default_country": "", "max_profiles": ""}
    values |= {"etag": page.hidden("etag"), "list_id": str(document["exports"][0]["list_id"])}
    assert browser.send_raw(f"/exports/{export}/edit", values).to.endswith("?done=saved")
    saved = browser.flow.app.document().export(export)
    assert saved.display_name == "Renamed"
    assert saved.exclude.list_ids == [13]
    assert (saved.default_country, saved.max_profiles, saved.hold_hours) == (None, None, 12)
    assert saved.leave_out_missing_attributes
    assert saved.source.model_dump() == browser.flow.app.document().export(export).source.model_dump()


def test_what_is_typed_stays_whatever_is_wrong(browser):
    taken = filled(begun(browser), id=browser.flow.export_id, display_name="Mine")
    cron = filled(begun(browser), display_name="Mine", schedule="cron", cron="7:00 weekdays")
    unticked = filled(begun(browser), display_name="Mine", schedule="with_refresh", cron="0 7 * * 1-5")
    twice = filled(begun(browser), display_name="Mine", attribute=["CITY", "city"], column=["EMail", "FirstName"])
    for typed, field, words in (
        (taken, "id", "There is an export of this id already."),
        (cron, "schedule", "cron takes five fields"),
        (unticked, "schedule", "A cron line is typed, but another choice is ticked."),
        (twice, "attributes", "CITY is mapped twice"),
        (taken | {"id": "x", "max_shrink": "much"}, "max_shrink", "must be a number"),
    ):
        for action in ("check", "save"):
            page = browser.send_raw("/new-export", {**typed, "action": action})
            assert page.status == 400
            assert faults(page)[field].startswith(words) or action == "save"
            assert f'id="field-{field}"' in page.html
            assert 'value="Mine"' in page.html
    assert [each.id for each in browser.flow.app.document().exports] == [browser.flow.export_id]


def test_form_that_somebody_overtook_says_so_and_leads_to_the_export_as_it_is(browser):
    export = browser.flow.export_id
    page = browser.open(f"/exports/{export}/edit")
    stale = filled(page, display_name="Mine", action="save") | {"etag": page.hidden("etag")}
    browser.send(f"/exports/{export}/schedule", schedule="with_refresh")
    page = browser.send_raw(f"/exports/{export}/edit", stale)
    assert page.status == 412
    assert f'href="/api/pages/exports/{export}/edit"' in page.html
    assert 'value="Mine"' in page.html


def test_other_export_to_the_same_list_is_named(browser):
    number = str(browser.flow.export["list_id"])
    page = browser.send_raw("/new-export", filled(begun(browser), list_id=number, action="check"))
    assert f"The export {browser.flow.export['display_name']} puts people into this list as well." in page.text


def test_shares_are_in_per_cent(browser):
    assert re.search('name="max_shrink" [^>]*inputmode="decimal" value="50"', begun(browser).html)
    typed = filled(begun(browser), max_shrink="12,5", max_removed="", action="save")
    browser.send_raw("/new-export", typed)
    saved = browser.flow.app.document().export("second")
    assert (saved.max_shrink, saved.max_removed) == (0.125, 0.3)


def test_form_looks_at_the_segments_of_its_folder_alone_and_once(browser, monkeypatch):
    looked_at = []
    find = stored_segments.find_snapshot

    def noted(blobs, source, segments):
        looked_at.append((source.folder, *segments))
        return find(blobs, source, segments)

    source = browser.flow.export["source"]
    put = browser.flow.app.storage.segment_blobs.write
    put(source["container"], "Elsewhere/Other/2026/11/24/0500/Other_1.csv", b"CustomerId,EMail\n1,ana@example.com\n")
    put(source["container"], f"{source['folder']}/Silver/2026/11/24/0500/Silver_1.csv", b"CustomerId,EMail\n")
    monkeypatch.setattr(stored_segments, "find_snapshot", noted)
    for opened in (lambda: begun(browser), lambda: browser.open(f"/exports/{browser.flow.export_id}/edit")):
        page = opened()
        assert "Silver" in page.text
        assert "Other" not in page.text
        assert sorted(looked_at) == [(source["folder"], "Gold"), (source["folder"], "Silver")]
        looked_at.clear()


def test_segment_that_is_gone_leads_to_the_choice_again(browser):
    page = browser.open("/new-export?connection=brevo-eu&segment=nowhere%7Cfolder%7CGone")
    assert page.status == 200
    assert "Go on" in page.text


def test_choice_of_a_segment_asks_brevo_nothing(browser):
    before = sum(browser.flow.sandbox.log.totals().values())
    assert "Gold" in browser.open("/new-export?connection=brevo-eu").text
    assert sum(browser.flow.sandbox.log.totals().values()) == before


def test_rows_of_the_last_snapshots_are_drawn_beside_the_segment(browser):
    assert "<svg" not in begun(browser).html
    browser.flow.run()
    for day, count in ((25, 2), (26, 4)):
        rows = "".join(f"{n},p{n}@example.com,Name\n" for n in range(count))
        browser.flow.segment(f"CustomerId,EMail,FirstName\n{rows}", refresh=f"2026/11/{day}/0500")
        assert browser.flow.run(accept=True)["rows_read"] == count
    for page in (begun(browser), *map(browser.open, ("/new-export", f"/exports/{browser.flow.export_id}/edit"))):
        assert "<title>Rows of Gold in its last 3 snapshots, the oldest first: 3; 2; 4</title>" in page.html
        assert page.html.count('class="bar"') == 3


def test_second_run_of_a_snapshot_is_no_part_of_the_trend(browser):
    browser.flow.run()
    browser.flow.run()
    assert "<svg" not in begun(browser).html


def test_attribute_that_has_no_column_yet_stays_in_the_form(browser):
    typed = filled(begun(browser), attribute=["CITY", ""], column=["", "FirstName"])
    for action in ("add", "check"):
        page = browser.send_raw("/new-export", {**typed, "action": action})
        assert 'list="attributes" maxlength="50" value="CITY"' in page.html
        rows = page.html.split('name="attribute"')
        assert '<option value="FirstName" selected>' in rows[2]


def test_column_without_an_attribute_is_no_loss_without_a_word(browser):
    typed = filled(begun(browser), attribute=["CITY", " "], column=["EMail", "FirstName"], action="save")
    page = browser.send_raw("/new-export", typed)
    assert page.status == 400
    assert faults(page)["attributes"] == "Name the attribute of each column, or choose “not mapped” for the column."
    assert browser.flow.app.document().export("second") is None


def test_attribute_beside_all_other_columns_is_no_loss_without_a_word(browser):
    browser.configure(mapping={"email": "EMail", "attributes": "all"})
    path = f"/exports/{browser.flow.export_id}/edit"
    page = browser.open(path)
    typed = {"etag": page.hidden("etag"), "all_attributes": "yes", "attribute": ["CITY"], "column": ["FirstName"]}
    page = browser.send_raw(path, filled(page, **typed, action="save"))
    assert faults(page)["attributes"].startswith("Attributes are typed beside all other columns.")


def test_hours_take_a_comma_as_shares_do(browser):
    page = browser.send_raw("/new-export", filled(begun(browser), hold_hours="1,5", max_shrink="12,5", action="save"))
    assert page.status == 303, page.text
    saved = browser.flow.app.document().export("second")
    assert (saved.hold_hours, saved.max_shrink) == (1.5, 0.125)
