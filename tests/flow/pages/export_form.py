"""The form of an export, as a browser has it and as it is sent."""

import re
from html import unescape

EDITED = {"display_name": "Gold", "connection": "brevo-eu", "segments": ["Gold"], "email": "EMail", "sync_mode": "full"}


def begun(browser):
    """The form of a new export of the segment that lies in storage."""
    source = browser.flow.export["source"]
    segment = "|".join((source["container"], source["folder"], "Gold"))
    return browser.open(f"/new-export?connection=brevo-eu&segment={segment.replace('|', '%7C').replace('/', '%2F')}")


def filled(page, **others):
    return {
        "token": page.hidden("token"),
        "source": page.hidden("source"),
        "id": "second",
        "display_name": "Second",
        "connection": "brevo-eu",
        "list_id": "12",
        "segments": "Gold",
        "email": "EMail",
        "first_name": "FirstName",
        "schedule": "off",
        "sync_mode": "changes_only",
        **others,
    }


def faults(page):
    """What stands at each field, by its name."""
    found = re.findall(r'<p class="fault" id="fault-([^"]*)"[^>]*>(.*?)</p>', page.html)
    return {field: unescape(words).strip() for field, words in found if words.strip()}
