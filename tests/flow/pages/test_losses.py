"""What a check marks at each field of the form of an export: how many of the first values would be lost, and why."""

import json
import re
from html import unescape

import pytest

from shared.errors import TransientError
from shared.staging import losses
from tests.flow.pages.export_form import begun, filled

LOSING = """CustomerId,EMail,FirstName,Phone,Born
1,ana@example.com,Ana,0722 300 400,1990-01-31
2,ben@example.com,Ben,0722,31.1.1990
3,no address,Cleo,,
4,dan@example.com,Dan,0722 300 400,
5,,Eva,,
"""


@pytest.fixture
def losing(browser):
    """The form's values for a segment of which some values cannot be sent."""
    browser.flow.segment(LOSING, refresh="2026/11/25/0500")
    mapped = {"phone": "Phone", "attribute": ["CITY", "BIRTHDAY"], "column": ["FirstName", "Born"]}
    return filled(begun(browser), default_country="RO", **mapped)


def marks(page):
    """What is marked at each field, by its id."""
    found = re.findall(r'<p class="lost" id="lost-([^"]*)"[^>]*>(.*?)</p>', page.html)
    return {field: unescape(words).strip() for field, words in found if words.strip()}


LOST = {
    "email": "2 of the first 5 rows would not be sent: invalid e-mail address (1); no e-mail address (1).",
    "phone": "2 of the first 3 values would be lost: phone number of another contact (1); phone number left out (1).",
    "attribute-2": "1 of the first 2 values would be lost: date left out (1).",
}


@pytest.mark.parametrize("action", ["check", "preview"])
def test_check_marks_at_each_field_what_would_be_lost_and_why(browser, losing, action):
    assert marks(begun(browser)) == {}
    page = browser.send_raw("/new-export", losing | {"action": action})
    assert page.status == 200, page.text
    assert marks(page) == LOST
    assert "is marked at each field" in page.text


def test_check_is_in_order_only_where_the_guard_of_lost_values_would_let_the_run_pass(browser, losing):
    page = browser.send_raw("/new-export", losing | {"action": "check", "max_warnings": "70"})
    assert "Everything that can be checked is in order." in page.text
    assert "country is chosen" not in page.text
    page = browser.send_raw("/new-export", losing | {"action": "check", "max_warnings": "50"})
    assert "A run would wait for approval: a field loses more of its values" in page.text
    assert "is in order" not in page.text
    page = browser.send_raw("/new-export", losing | {"action": "check", "default_country": ""})
    assert "Numbers without a country code are read once their country is chosen." in page.text


def test_script_puts_the_marks_at_the_fields_and_takes_old_ones_away(browser, losing):
    browser.headers["hx-request"] = "true"
    page = browser.send_raw("/new-export", losing | {"action": "check"})
    assert marks(page) == LOST
    assert len(re.findall('class="lost"[^>]* hx-swap-oob="true"', page.html)) == 7
    page = browser.send_raw("/new-export", losing | {"action": "check", "phone": "", "email": ""})
    assert marks(page) == {}
    assert len(re.findall('class="lost"[^>]* hx-swap-oob="true"', page.html)) == 7


def test_losses_are_counted_of_the_first_customers_alone(browser, losing, monkeypatch):
    monkeypatch.setattr(losses, "MOST_CUSTOMERS", 2)
    page = browser.send_raw("/new-export", losing | {"action": "check"})
    assert marks(page)["phone"] == "1 of the first 2 values would be lost: phone number left out (1)."


def test_column_of_two_attributes_counts_its_reasons_at_each_of_them_alone(browser, losing):
    both = {"attribute": ["WHATSAPP", "BIRTHDAY"], "column": ["Phone", "Born"]}
    page = browser.send_raw("/new-export", losing | both | {"action": "check"})
    assert marks(page) == LOST | {"attribute-1": LOST["phone"]}


def test_losses_that_cannot_be_counted_leave_the_check_what_it_is(browser, losing, monkeypatch):
    def fails(*_):
        raise TransientError("snapshot_changed", "A segment file is gone.")

    monkeypatch.setattr(losses, "own_snapshot", fails)
    page = browser.send_raw("/new-export", losing | {"action": "check"})
    assert page.status == 200
    assert "It is not known how many values would be lost: A segment file is gone." in page.text
    assert marks(page) == {}


def test_mapping_of_all_columns_names_the_attributes_that_lose_values(browser, losing):
    document = json.loads(browser.flow.app.configuration.read_bytes())
    document["exports"][0] |= {"mapping": {"email": "EMail", "attributes": "all"}, "leave_out_missing_attributes": True}
    place = browser.flow.app.settings.export_config.split("/")
    browser.flow.app.storage.app_blobs.write(*place, json.dumps(document).encode())
    browser.flow.segment("CustomerId,EMail,Birthday\n1,ana@example.com,31.1.1990\n", refresh="2026/11/26/0500")
    path = f"/exports/{browser.flow.export_id}/edit"
    page = browser.open(path)
    values = filled(page, first_name="", all_attributes="yes", leave_out_missing_attributes="yes", action="check")
    values |= {"etag": page.hidden("etag")}
    values |= {"list_id": str(document["exports"][0]["list_id"])}
    page = browser.send_raw(path, values)
    assert marks(page) == {"all": "BIRTHDAY: 1 of 1 value would be lost: date left out (1)."}


def groups(page):
    """The reasons of a preview by the words above them."""
    tables = re.findall("<caption>(.*?)</caption>.*?<tbody>(.*?)</tbody>", page.html)
    return {unescape(words): re.findall('<th scope="row">(.*?)</th>', rows) for words, rows in tables}


def test_preview_tells_rows_that_are_not_sent_from_values_that_are_lost(browser, losing):
    page = browser.send_raw("/new-export", losing | {"action": "preview"})
    assert groups(page) == {
        "Rows that are not sent, and why": ["no e-mail address", "invalid e-mail address"],
        "Values that are lost: the contact is sent without them": [
            "phone number left out",
            "phone number of another contact",
            "date left out",
        ],
    }
    browser.flow.segment("CustomerId,EMail,FirstName,Phone,Born\n1,ana@example.com,,,\n", refresh="2026/11/26/0500")
    assert groups(browser.send_raw("/new-export", losing | {"action": "preview"})) == {}


def test_preview_counts_the_rows_that_the_export_does_not_take(browser):
    only = {"column": "FirstName", "is": ["Ana"]}
    browser.configure(source={**browser.flow.export["source"], "only": only})
    path = f"/exports/{browser.flow.export_id}/edit"
    page = browser.open(path)
    values = filled(page, etag=page.hidden("etag"), action="preview", lists_of="brevo-eu")
    shown = browser.send_raw(path, values).text
    assert "3 rows, 1 contacts." in shown
    assert "Rows of a customer who has another row: 0. Rows that the export does not take: 2." in shown
