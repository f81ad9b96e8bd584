"""A new list, made from the form of an export when that is saved, and how often a check asks Brevo."""

import pytest

from shared.administration import exports, made_lists
from shared.administration.audit import read_audit
from shared.errors import ConfigurationError
from tests.flow.operating.tools import ADMINISTRATOR
from tests.flow.pages.export_form import begun, faults, filled


def lists(browser):
    return {number: each.name for number, each in browser.flow.sandbox.account.lists.items()}


def wanted(browser, name="Gold customers", **others):
    return filled(begun(browser), **{"list_id": "", "list_name": name, "make_list": "yes", **others})


@pytest.mark.parametrize("action", ["check", "preview"])
def test_check_makes_no_list_and_says_that_one_is_made(browser, action):
    before = lists(browser)
    page = browser.send_raw("/new-export", wanted(browser, action=action))
    assert page.status == 200, page.text
    assert "The list Gold customers is made in Brevo when the export is saved." in page.text
    assert 'name="make_list" value="yes" checked' in page.html
    assert lists(browser) == before


def test_save_makes_the_list_once_and_a_repeated_one_uses_it_and_says_so(browser):
    before = lists(browser)
    answer = browser.send_raw("/new-export", wanted(browser, action="save"))
    assert answer.to.endswith("?done=list_made")
    assert "the list was made in Brevo" in browser.open(answer.to).text
    ((number, name),) = lists(browser).items() - before.items()
    assert (name, browser.flow.app.document().export("second").list_id) == ("Gold customers", number)
    made = next(each for each in read_audit(browser.flow.app, ADMINISTRATOR, limit=9)[0] if each.what == "make list")
    assert made.target == str(number)
    page = browser.send_raw("/new-export", wanted(browser, "gold customers ", id="third", action="check"))
    assert f"Brevo has a list of this name already, number {number}: it is used." in page.text
    answer = browser.send_raw("/new-export", wanted(browser, "gold customers ", id="third", action="save"))
    assert answer.to.endswith("?done=list_used")
    assert browser.flow.app.document().export("third").list_id == number
    assert len(lists(browser)) == len(before) + 1


def test_list_is_not_made_for_an_export_that_cannot_be_saved(browser):
    before = lists(browser)
    for wrong in ({"email": "Nowhere"}, {"id": browser.flow.export_id}, {"max_shrink": "much"}):
        page = browser.send_raw("/new-export", wanted(browser, action="save", **wrong))
        assert page.status == 400
    assert lists(browser) == before


def test_save_that_breaks_behind_the_list_is_repeated_with_the_same_list(browser, monkeypatch):
    before = lists(browser)
    with monkeypatch.context() as broken:

        def fails(*_):
            raise ConfigurationError("configuration_read_only", "It cannot be written now.")

        broken.setattr(exports, "_save", fails)
        assert browser.send_raw("/new-export", wanted(browser, action="save")).status == 400
    assert browser.send_raw("/new-export", wanted(browser, action="save")).to.endswith("?done=list_used")
    assert len(lists(browser)) == len(before) + 1


def test_two_saves_at_the_same_moment_make_one_list(browser, monkeypatch):
    """Both have looked for a list of the name before one of them makes it."""
    before, form, real, other = lists(browser), wanted(browser, action="save"), made_lists.make_list, []

    def while_it_is_made(session, name):
        monkeypatch.setattr(made_lists, "make_list", real)
        other.append(browser.send_raw("/new-export", form | {"list_name": "gold customers"}))
        return real(session, name)

    monkeypatch.setattr(made_lists, "make_list", while_it_is_made)
    assert browser.send_raw("/new-export", form).to.endswith("?done=list_made")
    assert "Another save makes the list of this name just now." in other[0].text
    assert len(lists(browser)) == len(before) + 1


def test_list_that_could_not_be_made_is_made_by_the_next_save(browser):
    before, form = lists(browser), wanted(browser, action="save")
    browser.flow.sandbox.fail_next("POST /contacts/lists", "403")
    assert browser.send_raw("/new-export", form).status == 400
    assert browser.send_raw("/new-export", form).to.endswith("?done=list_made")
    assert len(lists(browser)) == len(before) + 1


def test_name_without_the_tick_names_a_list_that_is_there(browser):
    page = browser.send_raw("/new-export", wanted(browser, make_list="", action="save"))
    assert page.status == 400
    assert faults(page) == {"list": "Brevo has no list of this name"}


def test_name_that_several_lists_have_is_refused(browser):
    browser.flow.sandbox.seed(lists=[{"id": 31, "name": "Gold customers"}, {"id": 32, "name": "Gold customers"}])
    page = browser.send_raw("/new-export", wanted(browser, action="save"))
    assert page.status == 400
    assert "several lists have this name: " in faults(page)["list"]


@pytest.mark.parametrize("action", ["check", "preview"])
def test_attributes_are_asked_for_once(browser, action):
    values = filled(begun(browser), action=action)
    browser.headers["hx-request"] = "true"
    totals = browser.flow.sandbox.log.totals
    before = totals().get("GET /contacts/attributes", 0)
    assert browser.send_raw("/new-export", values).status == 200
    assert totals()["GET /contacts/attributes"] == before + 1


def test_check_by_the_script_saves_nothing_whatever_button_was_pressed_last(browser):
    """It names that button: typed and saved at once, the form was sent a second time, which made a second list."""
    before, saved = lists(browser), browser.flow.app.configuration.read_bytes()
    values = wanted(browser, action="save")
    browser.headers["hx-request"] = "true"
    page = browser.send_raw("/new-export", values)
    assert "Everything that can be checked is in order." in page.text
    assert lists(browser) == before
    assert browser.flow.app.configuration.read_bytes() == saved
