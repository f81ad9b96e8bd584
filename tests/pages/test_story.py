"""From an empty app to contacts in Brevo's list, as people do it in Chromium."""

import re

import pytest
from playwright.sync_api import expect

from tests.pages import story
from tests.pages.site import CONTACTS, ROWS

pytestmark = pytest.mark.timeout(240)


def test_administrator_goes_from_nothing_to_contacts_in_the_list(site, sign_in):
    page = sign_in("Administrator")
    expect(page.get_by_text("There is no export yet.")).to_be_visible()
    for name in ("Person", "History"):
        page.get_by_role("link", name=name, exact=True).click()
        expect(page.get_by_text("This could not be done")).to_have_count(0)
    story.add_connection(page, "first", "First account")
    story.connect(page)
    site.ask_for_no_leavers("first")
    story.begin_export(page, "First account")
    story.fill_export(page, "first", "First export", "Send changes")
    story.save(page)
    assert (site.runs("first"), site.imports()) == ([], 0)
    story.plan(page)
    assert site.imports() == 0
    asked = []
    page.on("request", lambda request: asked.append(request.headers.get("hx-request")))
    story.approve(page, f"Approve: send {CONTACTS}, remove nobody")
    story.watch(page)
    assert "true" in asked
    assert {row["reason"] for row in story.rejected_rows(page)} == {
        "invalid_email", "missing_email", "duplicate_email"
    }  # fmt: skip
    assert len(story.members_at_brevo(page, site, "High-value customers")) == CONTACTS


# The whole story


def whole_story(site, page, name):
    """All that may be done with an export, from its form to its end."""
    title, copy = f"Export {name}", f"Copy {name}"
    story.begin_export(page, "Brevo of the shop")
    story.fill_export(page, name, title, "Follow the segment")
    story.check(page)
    story.preview(page)
    before = site.imports()
    story.save(page)
    story.plan(page)
    assert site.imports() == before
    story.approve(page, re.compile("^Approve"))
    story.watch(page)
    assert len(story.rejected_rows(page)) == ROWS - CONTACTS
    members = story.members_at_brevo(page, site, "High-value customers")
    assert set(members) == {f"c{n}@example.com" for n in range(1, CONTACTS + 1)}
    assert {name: members["c7@example.com"][name] for name in ("FIRSTNAME", "LASTNAME", "SMS")} == {
        "FIRSTNAME": "Ana7", "LASTNAME": "Pop", "SMS": "40720000007"
    }  # fmt: skip
    story.ask_why(page, title, "c7@example.com", re.compile("is in"))
    story.ask_why(page, title, "stranger@example.com", re.compile("^No row of the newest snapshot"))
    story.schedule(page, title, "each day, or on weekdays", "06:00")
    expect(story.card(page, title)).to_contain_text("Mon at 6:00")
    story.schedule(page, title, "only when a person starts it")
    expect(story.card(page, title)).to_contain_text("off")
    story.duplicate(page, title, f"{name}-copy", copy)
    story.card(page, title).get_by_role("link", name="succeeded").click()
    story.undo(page)
    assert story.members_at_brevo(page, site, "High-value customers") == {}
    story.detach(page, title)
    story.remove(page, title)
    story.remove(page, copy)


@pytest.fixture
def shared_connection(site):
    """A connection that contributors may use."""
    site.put_connection()


@pytest.fixture
def alone(site, shared_connection):
    """No export of an earlier test, and no contact of one: an undo takes out nobody whom another export has put in."""
    if site.call("GET", "exports")[0] == 200:
        site.remove_exports()
    site.sandbox.reset()


@pytest.mark.full
@pytest.mark.parametrize("role", ["Administrator", "Contributor"])
def test_whole_story_of_an_export(site, sign_in, alone, role):
    whole_story(site, sign_in(role), f"by-{role.lower()}")


@pytest.mark.full
@pytest.mark.parametrize("role", ["Administrator", "Contributor"])
def test_whole_story_of_an_export_without_scripts(site, sign_in, alone, role):
    whole_story(site, sign_in(role, java_script_enabled=False), f"plain-by-{role.lower()}")


@pytest.mark.full
def test_first_steps_without_scripts(site, sign_in):
    page = sign_in("Administrator", java_script_enabled=False)
    story.add_connection(page, "plain", "Plain account")
    story.connect(page)
    page.get_by_text("Withdraw consent").click()
    page.get_by_role("button", name="Withdraw it").click()
    expect(page.get_by_text("Consent was withdrawn.")).to_be_visible()
    page.get_by_role("button", name="Remove the connection").click()
    expect(page.get_by_text("Plain account")).to_have_count(0)


@pytest.mark.full
def test_bar_moves_by_itself_and_the_page_stays_what_it_is(site, sign_in, shared_connection):
    site.put_export("slow", sync_mode="full")
    page = sign_in("Administrator")
    story.open_export(page, "Slow")
    with site.sandbox.slow_imports(6.0):
        page.get_by_role("button", name="Run", exact=True).click()
        page.evaluate("window.isTheSame = true")
        expect(story.state(page)).to_have_text("waiting for Brevo")
        assert page.evaluate("window.isTheSame"), "the page was loaded again"
    story.watch(page)


# Roles


@pytest.fixture
def finished(site, shared_connection):
    """The id of a finished run of the export `shown`."""
    site.put_export("shown", display_name="Shown")
    runs = site.runs("shown") or [site.finish(site.start("shown"))]
    assert runs[0]["status"] == "succeeded_with_rejections"
    return runs[0]["run_id"]


def links(page):
    return page.get_by_role("navigation").get_by_role("link").all_inner_texts()


@pytest.mark.full
def test_viewer_sees_exports_and_runs_and_can_change_nothing(site, sign_in, finished):
    page = sign_in("Viewer")
    assert links(page) == ["Exports", "Connections"]
    main = page.get_by_role("main")
    expect(main.get_by_role("button")).to_have_text(["Show"])
    story.open_export(page, "Shown")
    expect(main.get_by_role("button")).to_have_count(0)
    main.get_by_role("row", name="succeeded").get_by_role("link").click()
    expect(main.get_by_role("button")).to_have_count(0)
    assert len(story.rejected_rows(page)) == ROWS - CONTACTS
    page.get_by_role("link", name="Connections").click()
    expect(page.get_by_text("There is no connection that you may use.")).to_be_visible()


@pytest.mark.full
def test_contributor_uses_a_connection_and_does_not_see_its_settings(site, sign_in, finished):
    page = sign_in("Contributor")
    assert links(page) == ["Exports", "Connections", "Person"]
    page.get_by_role("link", name="Connections").click()
    expect(page.get_by_role("link", name="Add connection")).to_have_count(0)
    page.get_by_role("link", name="Brevo of the shop").click()
    expect(page.get_by_role("link", name="Shown")).to_be_visible()
    expect(page.get_by_role("main").get_by_role("button")).to_have_count(0)
    assert "BREVO_API_KEY" not in page.content()


@pytest.mark.full
@pytest.mark.parametrize(
    ("role", "paths"),
    [
        ("Contributor", ["new-connection", "connections/brevo/edit", "history", "health"]),
        (
            "Viewer",
            [
                *("new-connection", "connections/brevo", "new-export", "history", "health", "person"),
                *(f"exports/shown/{what}" for what in ("edit", "duplicate", "schedule", "detach", "remove")),
            ],
        ),
        ("Without-role", ["", "exports/shown", "connections", "person"]),
    ],
)
def test_page_that_a_role_may_not_see_says_so(site, sign_in, finished, role, paths):
    page = sign_in(role)
    for path in paths:
        answer = page.goto(f"/api/pages/{path}")
        assert answer.status in (403, 404), f"{role} sees {path}: {answer.status}"
        expect(story.heading(page)).to_have_text("This could not be done")


@pytest.mark.full
def test_who_signs_out_is_asked_to_sign_in_and_comes_back_to_the_same_page(site, sign_in, finished):
    page = sign_in("Viewer")
    page.get_by_role("link", name="Sign out").click()
    page.goto(f"/api/pages/runs/{finished}")
    page.get_by_role("button", name="Viewer").click()
    expect(page).to_have_url(f"{site.url}/api/pages/runs/{finished}")


@pytest.mark.full
def test_run_page_whose_sign_in_has_ended_leads_to_the_sign_in(site, sign_in, shared_connection):
    """The page asks for its moving part: what it gets instead is not put into it."""
    site.put_export("left", sync_mode="full")
    page = sign_in("Administrator")
    story.open_export(page, "Left")
    with site.sandbox.slow_imports(6.0):
        page.get_by_role("button", name="Run", exact=True).click()
        page.context.clear_cookies()
        expect(page.get_by_role("heading", name="Sign in on this machine")).to_be_visible()
        expect(page.get_by_role("heading", level=1)).to_have_count(1)
    page.get_by_role("button", name="Administrator").click()
    story.watch(page)


@pytest.mark.full
def test_form_is_checked_as_it_is_filled_in(site, sign_in, shared_connection):
    page = sign_in("Administrator")
    story.begin_export(page, "Brevo of the shop")
    story.choice(page, "Brevo list").select_option("12")
    page.get_by_label("Id", exact=True).fill("Not An Id")
    page.get_by_label("Id", exact=True).blur()
    expect(page.get_by_role("alert")).to_contain_text("This would not work")
    page.get_by_label("Id", exact=True).fill("an-id")
    page.get_by_label("Id", exact=True).blur()
    expect(page.get_by_text("Everything that can be checked is in order.")).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)


@pytest.mark.full
def test_attributes_of_the_account_come_into_the_form_and_stay_when_it_is_checked(sign_in, shared_connection):
    page = sign_in("Administrator")
    story.begin_export(page, "Brevo of the shop")
    offered = page.get_by_role("group", name="Match data").locator("datalist option[value=CITY]")
    expect(offered).to_be_attached()
    page.get_by_role("button", name="Check", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("This would not work")
    expect(offered).to_be_attached()


@pytest.mark.full
def test_form_of_somebody_whose_sign_in_has_ended_says_so_and_keeps_what_is_typed(sign_in, shared_connection):
    page = sign_in("Administrator")
    story.begin_export(page, "Brevo of the shop")
    page.context.clear_cookies()
    page.get_by_label("Id", exact=True).fill("late")
    page.get_by_label("Id", exact=True).blur()
    expect(page.get_by_role("alert")).to_contain_text("Nobody is signed in.")
    expect(page.get_by_label("Id", exact=True)).to_have_value("late")


@pytest.mark.full
@pytest.mark.parametrize("has_scripts", [True, False], ids=["with scripts", "without"])
def test_enter_in_a_field_of_the_form_checks_it(sign_in, shared_connection, has_scripts):
    """A browser takes the first button of a form then, whichever that is."""
    page = sign_in("Administrator", java_script_enabled=has_scripts)
    story.begin_export(page, "Brevo of the shop")
    attributes = page.get_by_label("Attribute")
    before = attributes.count()
    page.get_by_label("Id", exact=True).fill("Not An Id")
    page.get_by_label("Id", exact=True).press("Enter")
    expect(page.get_by_text("This would not work")).to_be_visible()
    expect(attributes).to_have_count(before)


@pytest.mark.full
def test_language_and_time_zone_are_kept(site, sign_in, finished):
    page = sign_in("Viewer")
    page.get_by_role("link", name="English, UTC").click()
    story.choice(page, "Language").select_option("ro")
    story.choice(page, "Time zone").select_option("Europe/Bucharest")
    page.get_by_role("button", name="Save").click()
    page.goto(f"/api/pages/runs/{finished}")
    expect(page.locator("html")).to_have_attribute("lang", "ro")
    expect(page.get_by_role("contentinfo")).to_contain_text("Europe/Bucharest")
    expect(page.get_by_role("link", name="Exporturi", exact=True)).to_be_visible()
