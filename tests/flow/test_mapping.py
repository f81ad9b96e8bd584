"""What becomes of each value, read from the contacts that the sandbox has then."""

import json

import pytest

from tests.flow.one_column import check_warned, column, received, send

# Types


def test_text_keeps_every_character_and_loses_the_space_around_it(flow):
    values = {
        "Ana": "Ana",
        "  Ana\t": "Ana",
        "\u00a0\u2003Ana\u202f\ufeff": "Ana",
        "Ana  Maria": "Ana  Maria",
        'say "hi"': 'say "hi"',
        "back\\slash \\n \\u0041": "back\\slash \\n \\u0041",
        "two\nlines": "two\nlines",
        "tab\tinside": "tab\tinside",
        "bell\x07 escape\x1b del\x7f.": "bell\x07 escape\x1b del\x7f.",
        "</script>&amp;<b>": "</script>&amp;<b>",
        "emoji 👩‍👩‍👧 🇷🇴": "emoji 👩‍👩‍👧 🇷🇴",
        "Ștefănuță Ñandú 山田": "Ștefănuță Ñandú 山田",
        "=1+1": "=1+1",
        "NULL and void": "NULL and void",
        "0012": "0012",
        "x\u2028y\u2029z": "x\u2028y\u2029z",
        "ș" * 10_000: "ș" * 10_000,
        "": None,
        "   ": None,
    }
    send(flow, {"attributes": {"CITY": "Value"}}, column(values))
    assert received(flow, "CITY", len(values)) == list(values.values())


DATES = [
    "1985-02-03",
    "2020-02-29T23:59:59Z",
    "2020-02-29 00:00:00.0000000",
    "2001-12-31T23:30:00+02:00",
    " 1985-02-03 ",
]


@pytest.mark.parametrize("date_format", ["YYYY-MM-DD", "DD-MM-YYYY", "MM-DD-YYYY"])
def test_date_is_sent_in_the_account_s_format_and_as_its_own_day(flow, date_format):
    flow.sandbox.change(date_format=date_format.lower())
    flow.change_connection(date_format=date_format)
    send(flow, {"attributes": {"BIRTHDAY": {"field": "Value", "type": "date"}}}, column(DATES))
    # The sandbox stores what it has understood in ISO form.
    assert received(flow, "BIRTHDAY", 5) == ["1985-02-03", "2020-02-29", "2020-02-29", "2001-12-31", "1985-02-03"]
    assert not flow.sandbox.imports.records()[0].unusable_values


def test_invalid_date_is_a_warning_and_its_contact_is_sent_without(flow):
    bad = [
        "1985-02-30",
        "2021-02-29",
        "03/02/1985",
        "3.2.1985",
        "unknown",
        "1985",
        "0000-00-00",
        "1985-2-3",
        "202001",
        "2020-01-01x",
    ]
    status = send(flow, {"attributes": {"BIRTHDAY": {"field": "Value", "type": "date"}}}, column(["1985-02-03", *bad]))
    check_warned(flow, status, "invalid_date", 1, len(bad))
    assert received(flow, "BIRTHDAY", 11) == ["1985-02-03"] + [None] * 10


def test_number_is_sent_as_a_json_number(flow, monkeypatch):
    values = {
        "0": 0.0,
        "-7": -7.0,
        "+7": 7.0,
        "007": 7.0,
        "1.50": 1.5,
        ".5": 0.5,
        "5.": 5.0,
        "1e3": 1000.0,
        "1E-2": 0.01,
        " 42 ": 42.0,
    }
    body = capture_bodies(monkeypatch)
    send(flow, {"attributes": {"LIFETIME_VALUE": {"field": "Value", "type": "number"}}}, column(values))
    assert received(flow, "LIFETIME_VALUE", len(values)) == list(values.values())
    sent = [contact["attributes"]["LIFETIME_VALUE"] for contact in json.loads(body[0])["jsonBody"]]
    assert all(isinstance(value, int | float) for value in sent)


def test_invalid_number_is_a_warning(flow):
    bad = ["abc", "1,5", "1 000", "1_000", "0x10", "NaN", "Infinity", "-inf", "1e999", "--1", "1.2.3", "½", "٣"]
    status = send(flow, {"attributes": {"LIFETIME_VALUE": {"field": "Value", "type": "number"}}}, column(["7", *bad]))
    check_warned(flow, status, "invalid_number", 1, len(bad))


TRUE = ["true", "TRUE", "1", "yes", "Y", "t", " True "]
FALSE = ["false", "0", "No", "n", "F"]


def test_boolean_is_sent_as_a_json_boolean(flow):
    send(flow, {"attributes": {"NEWSLETTER_OPT_IN": {"field": "Value", "type": "boolean"}}}, column(TRUE + FALSE))
    assert received(flow, "NEWSLETTER_OPT_IN", 12) == [True] * 7 + [False] * 5


def test_boolean_is_sent_in_the_account_s_words(flow):
    flow.sandbox.change(ignores_false=True)
    flow.change_connection(boolean_words={"true": "Yes", "false": "No"})
    send(flow, {"attributes": {"NEWSLETTER_OPT_IN": {"field": "Value", "type": "boolean"}}}, column(TRUE + FALSE))
    assert received(flow, "NEWSLETTER_OPT_IN", 12) == [True] * 7 + [False] * 5


def test_invalid_boolean_is_a_warning(flow):
    bad = ["maybe", "2", "ja", "-", "truee", "10"]
    status = send(
        flow, {"attributes": {"NEWSLETTER_OPT_IN": {"field": "Value", "type": "boolean"}}}, column(["no", *bad])
    )
    check_warned(flow, status, "invalid_boolean", 1, len(bad))
    assert received(flow, "NEWSLETTER_OPT_IN", 7) == [False] + [None] * 6


# Names and addresses


def test_attributes_are_sent_in_upper_case_and_names_as_the_account_has_them(flow):
    flow.sandbox.seed(attributes=[{"name": "PRENOM"}, {"name": "NOM"}])
    mapping = {
        "first_name": {"field": "F", "attribute": "prenom"},
        "last_name": {"field": "L", "attribute": "Nom"},
        "phone": {"field": "P"},
        "attributes": {"city": "C", "Country": "c2"},
    }
    send(flow, mapping, "EMail,F,L,P,C,c2\nana@example.com,Ana,Pop,0722 123 456,Cluj,RO\n")
    assert flow.sent() == {
        "ana@example.com": {"PRENOM": "Ana", "NOM": "Pop", "SMS": "40722123456", "CITY": "Cluj", "COUNTRY": "RO"}
    }


def test_all_sends_every_other_column_by_its_own_upper_case_name(flow, monkeypatch):
    body = capture_bodies(monkeypatch)
    flow.sandbox.seed(attributes=[{"name": "CUSTOMERID"}, {"name": "SHOE_SIZE"}])
    mapping = {"first_name": "FirstName", "attributes": "all"}
    send(flow, mapping, "CustomerId,EMail,FirstName,City,Shoe_Size\nC-1,ana@example.com,Ana,Cluj,\n")
    assert json.loads(body[0])["jsonBody"] == [
        {"email": "ana@example.com", "attributes": {"FIRSTNAME": "Ana", "CUSTOMERID": "C-1", "CITY": "Cluj"}}
    ]


def test_all_has_a_column_that_differs_from_a_mapped_one_only_by_its_case(flow):
    mapping = {"first_name": "Name", "attributes": "all"}
    send(flow, mapping, "EMail,Name,NAME\nana@example.com,Ana,Pop\n", create_missing_attributes=True)
    assert flow.sent() == {"ana@example.com": {"FIRSTNAME": "Ana", "NAME": "Pop"}}


def test_column_that_would_fill_an_attribute_twice_is_named_with_all(flow):
    flow.change(mapping={"email": "EMail", "first_name": "Given", "attributes": "all"})
    flow.segment("EMail,Given,FirstName\nana@example.com,Ana,Anne\n")
    flow.run_fails("column_twice", "two columns would fill the attribute FIRSTNAME", "Gold_1.csv")


@pytest.mark.parametrize("header", ["EMail,FirstName,", "EMail,FirstName,, ,", ",EMail,FirstName", "EMail,,FirstName"])
def test_column_without_a_name_is_none_of_all(flow, header):
    cells = {"EMail": "ana@example.com", "FirstName": "Ana"}
    row = ",".join(cells.get(name, "") for name in header.split(","))
    send(flow, {"first_name": "FirstName", "attributes": "all"}, f"{header}\n{row}\n")
    assert flow.sent() == {"ana@example.com": {"FIRSTNAME": "Ana"}}


def test_column_without_a_name_in_one_of_two_files_is_no_difference(flow):
    flow.change(mapping={"email": "EMail", "attributes": "all"})
    flow.segment("EMail,FIRSTNAME,\nana@example.com,Ana,\n")
    flow.segment("EMail,FIRSTNAME\nion@example.com,Ion\n", partition=2)
    assert flow.run()["status"] == "succeeded"
    assert flow.sent() == {"ana@example.com": {"FIRSTNAME": "Ana"}, "ion@example.com": {"FIRSTNAME": "Ion"}}


@pytest.mark.parametrize(
    ("name", "shown"), [("Shoe Size", "SHOE SIZE"), ("Größe", "GRÖSSE"), ("x" * 51, "(not shown)")]
)
def test_attribute_of_a_name_that_brevo_takes_for_none_is_named_and_none_is_made(flow, name, shown):
    mapping = {"email": "EMail", "attributes": "all"}
    flow.change(mapping=mapping, create_missing_attributes=True)
    flow.segment(f"EMail,Shoes,{name}\nana@example.com,2,38\n")
    flow.run_fails("attributes_missing", shown, "letters", '"all"')
    assert "SHOES" not in {each.name for each in flow.sandbox.account.attributes}


def test_addresses_are_lower_cased_and_idn_domains_sent_as_punycode(flow):
    send(flow, {}, "EMail\nAna.POP@Example.COM\nion@münchen.de\n  eva@example.com\u00a0\n")
    assert set(flow.sent()) == {"ana.pop@example.com", "ion@xn--mnchen-3ya.de", "eva@example.com"}


def test_invalid_addresses_are_rejected_with_their_field(flow):
    bad = ["nobody", "a@b", "a@@example.com", "a b@example.com", "@example.com", "a@example..com"]
    bad += ["Ana <ana@example.com>", "ana@example.com;eva@example.com", "ana@127.0.0.1", "ana@example.test"]
    status = send(
        flow, {}, "CustomerId,EMail\n" + "".join(f"C-{n},{e}\n" for n, e in enumerate(bad)) + "C,ok@example.com\n"
    )
    rejected = [row for row in flow.rejects(status["run_id"]) if row["reason"] == "invalid_email"]
    assert [int(row["line"]) for row in rejected] == list(range(2, 12))
    assert {row["field"] for row in rejected} == {"EMail"}
    assert set(flow.sent()) == {"ok@example.com"}


# Empty values


def test_empty_value_leaves_what_brevo_has_unless_the_export_erases(flow):
    flow.sandbox.seed(
        contacts=[{"email": "ana@example.com", "attributes": {"CITY": "Cluj", "SMS": "+40722123456"}, "lists": [13]}]
    )
    mapping = {"phone": "P", "attributes": {"CITY": "C"}}
    send(flow, mapping, "EMail,P,C\nana@example.com,,\n")
    assert flow.sent()["ana@example.com"] == {"CITY": "Cluj", "SMS": "40722123456"}
    send(flow, mapping, "EMail,P,C\nana@example.com,not a phone,\n", erase_empty=True)
    assert flow.sent()["ana@example.com"] == {"SMS": "40722123456"}
    send(flow, mapping, "EMail,P,C\nana@example.com,,\neva@example.com,0722000111,\n", erase_empty=True)
    assert flow.sent()["ana@example.com"] == {}


def test_erasing_leaves_invalid_values_of_every_type_alone(flow):
    before = {"BIRTHDAY": "1985-02-03", "LIFETIME_VALUE": 7, "NEWSLETTER_OPT_IN": True}
    flow.sandbox.seed(
        contacts=[
            {"email": "ana@example.com", "attributes": before},
            {"email": "eva@example.com", "attributes": before},
        ]
    )
    attributes = {
        "BIRTHDAY": {"field": "B", "type": "date"},
        "LIFETIME_VALUE": {"field": "N", "type": "number"},
        "NEWSLETTER_OPT_IN": {"field": "O", "type": "boolean"},
    }
    send(flow, {"attributes": attributes}, "EMail,B,N,O\nana@example.com,x,x,x\neva@example.com,,,\n", erase_empty=True)
    assert flow.sent() == {"ana@example.com": before, "eva@example.com": {}}


def capture_bodies(monkeypatch):
    """The bodies as they are posted."""
    from shared.brevo.client import BrevoClient

    found = []
    real = BrevoClient.import_contacts

    def import_contacts(self, body):
        found.append(body)
        return real(self, body)

    monkeypatch.setattr(BrevoClient, "import_contacts", import_contacts)
    return found


def test_addresses_alone_are_sent_and_a_segment_of_none_is_not(flow):
    flow.change(mapping={"email": "EMail"})
    flow.segment("EMail\na@example.com\nb@example.com\n")
    assert flow.run()["status"] == "succeeded"
    assert flow.sent() == {"a@example.com": {}, "b@example.com": {}}
    flow.segment("EMail\nnobody\n", refresh="2026/11/24/0600")
    assert flow.run(accept=True)["rows_rejected"] == {"invalid_email": 1}
