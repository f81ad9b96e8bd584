"""Which rejected contacts can be sent once more without a number, and what they then look like."""

import json

import pytest

from shared.brevo import rejections as module
from shared.brevo.body import contact_texts, without_values
from shared.brevo.processes import NUMBER_REPORTS, Process, Report
from shared.brevo.rejections import read_rejections

PEOPLE = [
    {"email": "ana@example.com", "attributes": {"SMS": "+40722000111", "WHATSAPP": "+40722000112"}},
    {"email": "ion@example.com", "attributes": {}},
]


def body_of(people):
    lines = ",\n".join(json.dumps(each, separators=(",", ":"), ensure_ascii=False) for each in people)
    return f'{{"jsonBody":[{lines}],"listIds":[12],"updateExistingContacts":true}}'.encode()


def rejected(monkeypatch, *reports):
    """What is read of reports: (attribute, lines) each."""
    lines = {str(number): rows for number, (_, rows) in enumerate(reports)}
    monkeypatch.setattr(module, "read_report", lambda url, *_: iter([["EMAIL", "SMS"], *lines[url]]))
    reports = tuple(
        Report("brevo_duplicate_phone" if attribute else "brevo_other", (str(number),), 0, attribute)
        for number, (attribute, _) in enumerate(reports)
    )
    return read_rejections(Process(1, "completed", reports), lambda: [body_of(PEOPLE)], 2, "https://api.brevo.com/v3")


def test_reports_of_numbers_are_of_the_attributes_that_can_hold_one():
    assert set(NUMBER_REPORTS.values()) == {"SMS", "WHATSAPP", "LANDLINE_NUMBER"}


def test_contact_that_two_reports_of_numbers_name_loses_both(monkeypatch):
    found = rejected(monkeypatch, ("SMS", [["ana@example.com", ""]]), ("WHATSAPP", [["Ana@Example.com", ""]]))
    assert found.numbers == {0: {"SMS", "WHATSAPP"}}
    assert found.counts == {"brevo_duplicate_phone": 1}
    assert (found.without({0}).counts, found.without({0}).contacts) == ({}, {})


@pytest.mark.parametrize(
    "reports",
    [
        [("SMS", [["", "+40722000111"]])],
        [("SMS", [["ana@example.com", ""]]), ("", [["ana@example.com", ""]])],
        [("", [["ana@example.com", ""]]), ("SMS", [["ana@example.com", ""]])],
        [("", [["ana@example.com", ""]])],
    ],
    ids=["by number alone", "another reason behind", "another reason before", "another reason"],
)
def test_contact_that_is_rejected_for_more_than_a_number_or_not_by_address_stays_rejected(monkeypatch, reports):
    found = rejected(monkeypatch, *reports)
    assert (found.numbers, list(found.contacts)) == ({}, [0])


@pytest.mark.parametrize("number", range(3))
def test_contact_is_read_from_a_body_as_it_stands_there(number):
    people = [
        {"email": "ana@example.com", "attributes": {"CITY": 'a ",\\n{"email":"x@y.z"} ]}'}},
        {"email": "ion@example.com", "attributes": {"CITY": "Iași\n\u2028 👍"}},
        {"email": "eva@example.com", "attributes": {"TAGS": ["a", "b"]}},
    ]
    [(index, text)] = contact_texts([body_of(people)], {number})
    assert (index, json.loads(text)) == (number, people[number])


SMS = '"SMS":"+40722000111"'


@pytest.mark.parametrize(
    ("attributes", "left"),
    [
        (SMS, ""),
        (f'{SMS},"CITY":"X"', '"CITY":"X"'),
        (f'"CITY":"X",{SMS}', '"CITY":"X"'),
        (f'"A":1.50,{SMS},"B":true', '"A":1.50,"B":true'),
        (f'{SMS},"WHATSAPP":"0722","B":1', '"B":1'),
        (f'{SMS},"WHATSAPP":40722000111', ""),
        ('"sms":"+40722000111"', ""),
        (r'"SMS":"a \" b"', ""),
        ('"SMS":""', '"SMS":""'),
        (r'"CITY":"\"SMS\":\"+40722000111\""', r'"CITY":"\"SMS\":\"+40722000111\""'),
        ('"NOSMS":"+40722000111"', '"NOSMS":"+40722000111"'),
        ('"TAGS":["SMS","WHATSAPP"]', '"TAGS":["SMS","WHATSAPP"]'),
    ],
)
def test_values_are_cut_and_all_else_stays_to_the_letter(attributes, left):
    contact = '{"email":"ana@example.com","attributes":{%s}}'
    assert without_values(contact % attributes, {"SMS", "WHATSAPP"}) == contact % left
