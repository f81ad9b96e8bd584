"""Brevo's reports, joined to the contacts of a body: by address, by number, by the customer's id alone."""

import json

import pytest

from shared.brevo.download import Download
from shared.brevo.processes import Process, Report
from shared.brevo.rejections import read_rejections

ODD_IDS = ['C"1', '"C-1"', 'C-1"', "C\\1", 'C\\"1', "C;1", "C,1", "Ș-1", "C\t1", "C'1", "C\n1", "=C-1", "C\\u0031"]


def rejections(monkeypatch, text, ids, form="attributes", reason="brevo_duplicate_customer", links=1, phone=""):
    """What is read of the report's text, where the body has contacts with these ids."""
    monkeypatch.setattr(Download, "fetch", lambda self, url, base_url, file: file.write(text.encode()))
    contacts = [
        {"email": f"a{n}@example.com", "attributes": {"EXT_ID": ext_id, "CITY": "X"}}
        if form == "attributes"
        else {"email": f"a{n}@example.com", "ext_id": ext_id, "attributes": {}}
        for n, ext_id in enumerate(ids)
    ]
    contacts[-1]["attributes"] |= {"SMS": f"+{phone}"} if phone else {}
    lines = ",\n".join(json.dumps(each, separators=(",", ":"), ensure_ascii=False) for each in contacts)
    body = f'{{"jsonBody":[{lines}],"listIds":[12]}}'.encode()
    process = Process(7, "completed", (Report(reason, ("https://example.com/r",) * links, 0),))
    return read_rejections(process, lambda: [body], len(ids), "https://api.brevo.com/v3")


def quoted(ext_id):
    return '"' + ext_id.replace('"', '""') + '"'


@pytest.mark.parametrize("form", ["attributes", "field"])
@pytest.mark.parametrize("ext_id", ODD_IDS)
def test_customer_is_found_by_an_id_whatever_signs_it_has(monkeypatch, form, ext_id):
    found = rejections(monkeypatch, f"EXT_ID;CITY\n{quoted(ext_id)};X\n", ["C-0", ext_id, "C-2"], form)
    assert found.contacts == {1: ("brevo_duplicate_customer", "a1@example.com")}
    assert (found.counts, found.unmatched) == ({"brevo_duplicate_customer": 1}, 0)


def test_only_the_customer_with_the_whole_id_is_meant(monkeypatch):
    found = rejections(monkeypatch, "EXT_ID;CITY\nC;X\n", ['C"1', "C\\2", "C"])
    assert list(found.contacts) == [2]


@pytest.mark.parametrize(
    ("text", "unmatched"),
    [
        ("C-1;X\n", 0),
        ("EXT_ID;CITY\nC-1;X\nC-1;X\n", 0),
        ("EXT_ID;CITY\nC-1;X\nC-9;X\nC-9;X\n", 1),
        ("EXT_ID\n\nC-1\n", 0),
    ],
    ids=["no header", "twice", "a stranger twice", "one column"],
)
def test_lines_that_name_no_customer_of_the_body_are_counted_once(monkeypatch, text, unmatched):
    found = rejections(monkeypatch, text, ["C-0", "C-1"])
    assert (list(found.contacts), found.unmatched) == ([1], unmatched)


@pytest.mark.parametrize(
    "text",
    [
        "EMAIL,SMS\na1@example.com,+40722000111\n",
        '"EMAIL","SMS"\r\n"A1@Example.com","+40722000111"\r\n',
        "EMAIL;SMS\na1@example.com;+40722000111\n",
        '"EMAIL";"SMS"\n"a1@example.com";""\n',
        "\ufeffEMAIL\na1@example.com\n",
        "EMAIL\tSMS\na1@example.com\t+40722000111\n",
        'FIRSTNAME;EMAIL\n"Ana;\nMaria, ""A""";a1@example.com\n',
        'FIRSTNAME,EMAIL\n"Ana;Maria",a1@example.com\n',
        "a1@example.com;Long Street 5, floor 2, to the left\n",
        'FIRSTNAME;EMAIL\n"Ana, Maria;a1@example.com\n',
        'FIRSTNAME;EMAIL\nAna; "a1@example.com"\n',
    ],
)
def test_contact_is_found_whatever_separates_and_quotes_the_cells(monkeypatch, text):
    found = rejections(monkeypatch, text, ["C-0", "C-1"], reason="brevo_other")
    assert (found.contacts, found.unmatched) == ({1: ("brevo_other", "a1@example.com")}, 0)


def test_header_of_a_report_that_is_only_counted_is_no_contact(monkeypatch):
    monkeypatch.setattr("shared.brevo.rejections.MOST_NAMED", 1)
    text = "EMAIL;SMS\na0@example.com;\na1@example.com;\n"
    found = rejections(monkeypatch, text, ["C-0", "C-1", "C-2", "C-3"], reason="brevo_other", links=2)
    assert (found.counts, found.unnamed) == ({"brevo_other": 4}, 3)


@pytest.mark.parametrize(
    ("cell", "is_number"),
    [
        ("+40722", True),
        ("00 (4) 07-22", True),
        ("+407220001112223", True),
        ("+4072", False),
        ("+4072200011122233", False),
        ("none", False),
    ],
)
def test_contact_is_found_by_a_number_of_as_many_digits_as_numbers_have(monkeypatch, cell, is_number):
    digits = "".join(filter(str.isdecimal, cell.removeprefix("00")))
    found = rejections(monkeypatch, f"EMAIL;SMS\n;{cell}\n", ["C-0", "C-1"], reason="brevo_other", phone=digits)
    assert (list(found.contacts), found.unmatched) == (([1], 0) if is_number else ([], 1))
