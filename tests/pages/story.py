"""What people do on the pages, step by step: with scripts or without, by the words that they read."""

import csv
import io
import re
from pathlib import Path

from playwright.sync_api import expect

from tests.pages.site import CONTACTS, ROWS, SEGMENT

LOST = re.compile(f"^{ROWS - CONTACTS} of the first {ROWS} rows would not be sent: invalid e-mail address")
ENDED = re.compile("^succeeded")


def heading(page):
    return page.get_by_role("heading", level=1)


def choice(page, label):
    """By its role: its label has the words of each option within it."""
    return page.get_by_role("combobox", name=label, exact=True)


def add_connection(page, name, title):
    page.get_by_role("link", name="Connections", exact=True).click()
    page.get_by_role("link", name="Add connection").click()
    page.get_by_label("Id", exact=True).fill(name)
    page.get_by_label("Name", exact=True).fill(title)
    page.get_by_label("Contributor").check()
    page.get_by_role("button", name="Save").click()
    expect(heading(page)).to_have_text(title)
    expect(page.get_by_text("not given")).to_be_visible()


def connect(page):
    page.get_by_label("I agree").check()
    page.get_by_label("Your name, for the record").fill("Ada")
    page.get_by_role("button", name="Test, and connect if I agree").click()
    expect(page.get_by_text("Every step passed")).to_be_visible()
    expect(page.get_by_text(re.compile("^given on"))).to_be_visible()


def begin_export(page, connection):
    """The form of a new export, with each field that it has matched."""
    open_exports(page)
    page.get_by_role("link", name="Add export").click()
    choice(page, "Connection").select_option(label=connection)
    page.get_by_label(SEGMENT).check()
    page.get_by_role("button", name="Go on").click()
    matched = {"E-mail address": "EMail", "First name": "FirstName", "Last name": "LastName", "Phone": "Telephone1"}
    for field, column in matched.items():
        expect(choice(page, field)).to_have_value(column)


def fill_export(page, name, title, mode):
    page.get_by_label("Id", exact=True).fill(name)
    page.get_by_label("Name", exact=True).fill(title)
    choice(page, "Brevo list").select_option("12")
    page.get_by_label(mode, exact=True).check()


def check(page):
    page.get_by_role("button", name="Check", exact=True).click()
    expect(page.get_by_text("Everything that can be checked is in order.")).to_be_visible()
    expect(choice(page, "E-mail address")).to_have_accessible_description(LOST)


def preview(page):
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_text(f"{ROWS} rows, {CONTACTS} contacts.")).to_be_visible()
    expect(page.get_by_role("row", name="address occurs twice 1")).to_be_visible()
    assert "c1@example.com" not in page.content()


def save(page):
    page.get_by_role("button", name="Save; nothing runs by it").click()
    expect(page.get_by_text("Saved. Nothing was sent")).to_be_visible()
    expect(page.get_by_text("There was no run yet.")).to_be_visible()


def open_export(page, title):
    open_exports(page)
    page.get_by_role("link", name=title, exact=True).click()
    expect(heading(page)).to_have_text(title)


def plan(page):
    """The plan, once it waits for approval: the page goes there by itself."""
    page.get_by_role("button", name="Plan").click()
    expect(state(page)).to_have_text("waiting for approval")


def approve(page, words):
    page.get_by_role("button", name=words).click()
    expect(page.get_by_text("Approved. The run goes on.")).to_be_visible()


def state(page):
    return page.locator("#run .state")


def watch(page):
    """Until the bar is at its end; nobody reloads the page."""
    expect(state(page)).to_have_text(ENDED)
    expect(page.get_by_role("progressbar", name="Progress")).to_have_attribute("value", "1.00")


def members_at_brevo(page, site, list_name):
    """A list's members as the sandbox's own page shows them: of each address, the words in each column."""
    theirs = page.context.new_page()
    theirs.goto(site.sandbox.origin)
    theirs.get_by_role("link", name=list_name, exact=True).click()
    theirs.wait_for_url("**/?list=*")
    shown = theirs.get_by_role("region", name="Contacts", exact=True)
    expect(shown).to_contain_text(f"“{list_name}”")
    names = shown.get_by_role("columnheader").all_inner_texts()
    rows = [row.get_by_role("cell").all_inner_texts() for row in shown.get_by_role("row").all()[1:]]
    theirs.close()
    return {row[0]: dict(zip(names, row, strict=True)) for row in rows}


def rejected_rows(page):
    """What the link downloads."""
    with page.expect_download() as started:
        page.get_by_role("link", name="Download the rejected rows (CSV)").click()
    assert started.value.suggested_filename.endswith("-rejected.csv")
    return list(csv.DictReader(io.StringIO(Path(started.value.path()).read_text(encoding="utf-8-sig"))))


def ask_why(page, title, email, words):
    page.get_by_role("link", name="Person").click()
    choice(page, "Export").select_option(label=title)
    page.get_by_label("E-mail address").fill(email)
    page.get_by_role("button", name="Answer").click()
    expect(page.get_by_role("heading", name=words)).to_be_visible()
    assert email not in page.url


def open_exports(page):
    """The first page. What became of each export comes with scripts by itself, and without them by a link."""
    page.get_by_role("link", name="Exports", exact=True).click()
    expect(heading(page)).to_have_text("Exports")
    page.wait_for_load_state()
    without_scripts = page.get_by_role("link", name="Show what became of each export")
    if without_scripts.count():
        without_scripts.click()
        expect(without_scripts).to_have_count(0)


def card(page, title):
    """What the first page has of an export."""
    open_exports(page)
    return page.get_by_role("listitem").filter(has=page.get_by_role("heading", name=title, exact=True))


def schedule(page, title, choice, at=""):
    card(page, title).get_by_role("link", name="Schedule").click()
    page.get_by_label(choice).check()
    if at:
        page.get_by_label("At", exact=True).fill(at)
        page.get_by_label("Monday").check()
    page.get_by_role("button", name="Save the schedule").click()
    expect(page.get_by_text("The schedule was changed.")).to_be_visible()


def duplicate(page, title, name, new_title):
    card(page, title).get_by_role("link", name="Duplicate").click()
    page.get_by_label("Id of the copy").fill(name)
    page.get_by_label("Name", exact=True).fill(new_title)
    page.get_by_role("button", name="Make the copy").click()
    expect(page.get_by_text("A copy was made.")).to_be_visible()


def undo(page):
    """Approves the undo as well, which waits as a plan does."""
    page.get_by_role("link", name="Undo").click()
    page.get_by_role("button", name="Undo the run").click()
    expect(heading(page)).to_have_text("Undo")
    expect(state(page)).to_have_text("waiting for approval")
    page.get_by_role("button", name=re.compile("^Approve")).click()
    watch(page)


def detach(page, title):
    card(page, title).get_by_role("link", name="Detach").click()
    page.get_by_role("button", name="Detach the export").click()
    expect(page.get_by_text("Detached. The export keeps its settings and sends nothing.")).to_be_visible()
    expect(card(page, title)).to_contain_text("detached")


def remove(page, title):
    card(page, title).get_by_role("link", name="Remove").click()
    page.get_by_role("button", name="Remove the export").click()
    expect(page.get_by_text("Removed. The list's members stay in Brevo.")).to_be_visible()
    expect(card(page, title)).to_have_count(0)
