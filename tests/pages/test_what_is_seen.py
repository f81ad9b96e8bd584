"""What a person sees on a page, and where: with a small screen, and after a button was pressed."""

import pytest
from playwright.sync_api import expect

from tests.pages import story
from tests.pages.site import REFRESHES

pytestmark = [pytest.mark.full, pytest.mark.timeout(240)]


@pytest.fixture
def connection(site):
    """A connection that contributors may use."""
    site.put_connection()


@pytest.mark.parametrize("has_scripts", [True, False], ids=["with scripts", "without"])
def test_refused_save_is_seen_and_has_the_focus(sign_in, connection, has_scripts):
    page = sign_in("Administrator", java_script_enabled=has_scripts)
    story.begin_export(page, "Brevo of the shop")
    story.fill_export(page, "refused", "Refused", "Follow the segment")
    story.choice(page, "E-mail address").select_option("")
    page.get_by_role("button", name="Save").click()
    refused = page.get_by_role("heading", name="Nothing was saved: this would not work")
    expect(refused).to_be_in_viewport()
    expect(page.locator("#check")).to_be_focused()
    page.get_by_role("link", name="E-mail address").click()
    expect(page.get_by_text("Choose the column with the e-mail address.")).to_be_in_viewport()


_LONG = {
    "CustomerId": "C-1",
    "EMail": "ana@example.com",
    "CustomerLoyaltyProgrammeMembershipLevel": "platinum-for-good",
}


def test_long_names_of_columns_do_not_make_a_form_scroll_sideways(site, sign_in, connection):
    site.upload("segments", "Long", f"{','.join(_LONG)}\n{','.join(_LONG.values())}\n", refresh=REFRESHES[0])
    page = sign_in("Administrator", viewport={"width": 320, "height": 740})
    page.goto("/api/pages/new-export?connection=brevo&segment=segments|CustomerInsights_abcd1234/BlobExport|Long")
    page.locator("details").first.evaluate("details => details.open = true")
    expect(page.get_by_role("region", name="Columns")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 320


def test_one_click_on_save_saves_once_however_long_brevo_takes(site, sign_in, connection):
    page = sign_in("Administrator")
    story.begin_export(page, "Brevo of the shop")
    story.fill_export(page, "new-list", "With a new list", "Send changes")
    page.get_by_label("Where Brevo has no list of this name").check()
    expect(page.get_by_text("Everything that can be checked is in order.")).to_be_visible()
    sent = []
    page.on("request", lambda request: sent.append(request.post_data or "") if request.method == "POST" else None)
    site.sandbox.change(latency_seconds=1.0)
    try:
        page.get_by_label("or another list, by its name").fill("Made once")
        page.get_by_role("button", name="Save").click()
        expect(story.heading(page)).to_have_text("With a new list")
    finally:
        site.sandbox.change(latency_seconds=0.0)
    assert len([each for each in sent if "action=save" in each]) == 1
    made = [each.name for each in site.sandbox.account.lists.values()]
    assert made.count("Made once") == 1
