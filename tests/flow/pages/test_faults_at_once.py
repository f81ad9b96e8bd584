"""A form of an export that would not work says all that is wrong with it at once, and that nothing was saved."""

from tests.flow.pages.export_form import begun, faults, filled

WRONG = {"id": "Not An Id", "display_name": "", "email": "", "max_profiles": "many", "hold_hours": "0"}


def test_all_faults_are_said_at_once(browser):
    """Else each fix would only lead to the next fault."""
    page = browser.send_raw("/new-export", filled(begun(browser), **WRONG, action="check"))
    assert list(faults(page)) == ["id", "name", "email", "max_profiles", "hold_hours"]
    assert faults(page)["email"] == "Choose the column with the e-mail address."
    assert "5 fields need attention" in page.text


def test_fault_that_the_form_says_in_its_own_words_is_said_once(browser):
    page = browser.send_raw("/new-export", filled(begun(browser), email="", segments=[], list_id="", action="check"))
    assert list(faults(page)) == ["list", "segments", "email"]
    assert all("; " not in words for words in faults(page).values())


def test_all_faults_are_said_of_an_export_whose_list_is_named(browser):
    named = {"list_name": "Spring", "list_id": "", "make_list": "yes"}
    page = browser.send_raw("/new-export", filled(begun(browser), **named, **WRONG, action="save"))
    assert list(faults(page)) == ["id", "name", "email", "max_profiles", "hold_hours"]


def test_refused_save_says_that_nothing_was_saved_where_the_page_opens(browser):
    """The faults stand at the foot of a long form: its beginning, where a page opens, looks as if all were well."""
    page = begun(browser)
    [save] = [each for each in page.html.split("<button") if 'value="save"' in each]
    assert 'formaction="/api/pages/new-export#check"' in save
    assert '<section id="check" aria-live="polite" tabindex="-1">' in page.html
    page = browser.send_raw("/new-export", filled(page, email="", action="save"))
    assert "Nothing was saved: this would not work" in page.text
    page = browser.send_raw("/new-export", filled(begun(browser), email="", action="check"))
    assert "Nothing was saved" not in page.text
