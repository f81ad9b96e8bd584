"""What becomes of each value, read from the contacts that the sandbox has then."""

import hashlib
import json

import pytest

from shared.brevo import body

HEAD = "CustomerId,EMail,FirstName\n"


def sha(email):
    return hashlib.sha256(email.encode()).hexdigest()


def send(flow, mapping, data, **changes):
    """Runs the export with this mapping over one file; its status."""
    flow.change(mapping={"email": "EMail", **mapping}, **changes)
    flow.segment(data)
    status = flow.run()
    assert status["status"].startswith("succeeded"), status
    return status


def column(values):
    """A file with one value a row, for a1@example.com and so on; quoted, so that a value may hold anything."""
    rows = [
        f'C-{n},a{n}@example.com,"{value.replace(chr(34), chr(34) * 2)}"\n' for n, value in enumerate(values, start=1)
    ]
    return "CustomerId,EMail,Value\n" + "".join(rows)


def received(flow, attribute, count):
    sent = flow.sent()
    assert len(sent) == count
    return [sent[f"a{n}@example.com"].get(attribute) for n in range(1, count + 1)]


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
        "y" * 200_000: "y" * 200_000,
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


def check_warned(flow, status, reason, good, bad):
    assert status["status"] == "succeeded"
    assert status["warnings"] == {reason: bad}
    assert flow.places(status["run_id"]) == [("Gold_1.csv", good + n + 2, reason) for n in range(bad)]
    assert {row["field"] for row in flow.rejects(status["run_id"])} == {"Value"}


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
    body = _capture_bodies(monkeypatch)
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
    body = _capture_bodies(monkeypatch)
    flow.sandbox.seed(attributes=[{"name": "CUSTOMERID"}, {"name": "SHOE_SIZE"}])
    mapping = {"first_name": "FirstName", "attributes": "all"}
    send(flow, mapping, "CustomerId,EMail,FirstName,City,Shoe_Size\nC-1,ana@example.com,Ana,Cluj,\n")
    assert json.loads(body[0])["jsonBody"] == [
        {"email": "ana@example.com", "attributes": {"FIRSTNAME": "Ana", "CUSTOMERID": "C-1", "CITY": "Cluj"}}
    ]


def test_column_that_would_fill_an_attribute_twice_is_named_with_all(flow):
    flow.change(mapping={"email": "EMail", "first_name": "Given", "attributes": "all"})
    flow.segment("EMail,Given,FirstName\nana@example.com,Ana,Anne\n")
    flow.run_fails("column_twice", "two columns would fill the attribute FIRSTNAME", "Gold_1.csv")


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
    send(flow, mapping, "EMail,P,C\nana@example.com,,\n", erase_empty=True)
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


# Duplicates


def test_first_row_of_an_address_wins_within_a_segment_and_the_others_are_told(flow):
    status = send(
        flow,
        {"first_name": "FirstName"},
        HEAD + "C-1,Ana@example.com,Ana\nC-2,ana@example.com,Second\nC-3, ANA@EXAMPLE.COM,Third\n",
    )
    assert status["rows_rejected"] == {"duplicate_email": 2}
    assert flow.sent() == {"ana@example.com": {"FIRSTNAME": "Ana"}}
    assert [(row["line"], row["email_sha256"]) for row in flow.rejects(status["run_id"])] == [
        ("3", sha("ana@example.com")),
        ("4", sha("ana@example.com")),
    ]


def test_address_of_two_segments_is_merged_and_no_fault(flow):
    flow.change(segments=["Gold", "Silver"])
    flow.segment(HEAD + "C-1,ana@example.com,Gold\nC-2,ion@example.com,Ion\n", name="Gold")
    flow.segment(
        HEAD
        + "C-1,ANA@example.com,Silver\nC-3,eva@example.com,Eva\nC-3,eva@example.com,Again\nC-1,ana@example.com,Third\n",
        name="Silver",
    )
    status = flow.run()
    assert (status["rows_read"], status["rows_merged"], status["rows_rejected"]) == (6, 1, {"duplicate_email": 2})
    assert flow.sent() == {
        "ana@example.com": {"FIRSTNAME": "Gold"},
        "ion@example.com": {"FIRSTNAME": "Ion"},
        "eva@example.com": {"FIRSTNAME": "Eva"},
    }
    assert [(row["segment"], row["line"]) for row in flow.rejects(status["run_id"])] == [
        ("Silver", "4"),
        ("Silver", "5"),
    ]


def test_second_contact_of_a_phone_is_sent_without_it(flow):
    data = "CustomerId,EMail,P\nC-1,ana@example.com,0722 123 456\n"
    data += "C-2,ion@example.com,+40722123456\nC-3,eva@example.com,0733123456\n"
    status = send(flow, {"phone": "P"}, data)
    assert (status["status"], status["warnings"]) == ("succeeded", {"duplicate_phone": 1})
    assert flow.sent() == {
        "ana@example.com": {"SMS": "40722123456"},
        "ion@example.com": {},
        "eva@example.com": {"SMS": "40733123456"},
    }
    [row] = flow.rejects(status["run_id"])
    assert (row["line"], row["reason"], row["field"], row["customer_id"]) == ("3", "duplicate_phone", "P", "C-2")


def test_phone_of_a_rejected_row_is_free_for_the_next(flow):
    status = send(flow, {"phone": "P"}, "CustomerId,EMail,P\nC-1,nobody,0722123456\nC-2,ion@example.com,0722123456\n")
    assert status["warnings"] == {}
    assert flow.sent() == {"ion@example.com": {"SMS": "40722123456"}}


def test_invalid_phone_is_a_warning(flow):
    data = "CustomerId,EMail,P\nC-1,ana@example.com,12\nC-2,ion@example.com,n/a\nC-3,eva@example.com,\n"
    status = send(flow, {"phone": "P"}, data)
    assert (status["status"], status["warnings"]) == ("succeeded", {"invalid_phone": 2})
    assert list(flow.sent().values()) == [{}, {}, {}]


# Layouts


@pytest.mark.parametrize("delimiter", [";", "\t", "|"], ids=repr)
def test_delimiter_of_the_configuration_is_used(flow, delimiter):
    flow.change(source={**flow.export["source"], "delimiter": delimiter})
    flow.segment(f'EMail{delimiter}FirstName\nana@example.com{delimiter}"A,n{delimiter}a"\n')
    flow.run()
    assert flow.sent() == {"ana@example.com": {"FIRSTNAME": f"A,n{delimiter}a"}}


def table(name, columns, **settings):
    return {
        "name": name,
        "attributes": [{"name": column} for column in columns],
        "partitions": [{"location": "x", "fileFormatSettings": settings}],
    }


def test_delimiter_of_model_json_is_used_for_its_table_alone(flow):
    flow.change(segments=["Gold", "Silver"])
    flow.model_json(table("Gold", ["EMail", "FirstName"], delimiter=";"), table("Silver", ["EMail", "FirstName"]))
    flow.segment("EMail;FirstName\nana@example.com;Ana\n", name="Gold")
    flow.segment("EMail,FirstName\nion@example.com,Ion\n", name="Silver")
    assert flow.run()["status"] == "succeeded"
    assert flow.sent() == {"ana@example.com": {"FIRSTNAME": "Ana"}, "ion@example.com": {"FIRSTNAME": "Ion"}}


@pytest.mark.parametrize("settings", [{"columnHeaders": False}, {}], ids=["told", "seen"])
def test_file_without_a_header_row_takes_its_columns_from_model_json(flow, settings):
    flow.model_json(table("Gold", ["CustomerId", "EMail", "FirstName"], **settings))
    flow.segment("C-1,ana@example.com,Ana\nC-2,,Ion\n", partition=1)
    flow.segment("C-3,eva@example.com,Eva\nC-4,nobody,X\n", partition=2, ending=".csv.gz")
    status = flow.run()
    assert status["rows_read"] == 4
    assert flow.places(status["run_id"]) == [("Gold_1.csv", 2, "missing_email"), ("Gold_2.csv.gz", 2, "invalid_email")]
    assert flow.sent() == {"ana@example.com": {"FIRSTNAME": "Ana"}, "eva@example.com": {"FIRSTNAME": "Eva"}}


def test_header_row_is_seen_where_model_json_says_nothing_of_it(flow):
    flow.model_json(table("Gold", ["CustomerId", "EMail", "FirstName"]))
    flow.segment("FirstName,CustomerId,EMail\nAna,C-1,ana@example.com\n")
    assert flow.run()["rows_read"] == 1
    assert flow.sent() == {"ana@example.com": {"FIRSTNAME": "Ana"}}


def test_partitions_are_read_in_the_order_of_their_numbers(flow):
    flow.change(source={**flow.export["source"], "gaps_allowed": True})
    flow.segment(HEAD + "C-10,ana@example.com,Ten\nC-11,ion@example.com,Ion\n", partition=10)
    flow.segment(HEAD + "C-2,ana@example.com,Two\n", partition=2)
    flow.segment(HEAD + "C-0,eva@example.com,Eva\n", partition="001")
    status = flow.run()
    assert flow.sent()["ana@example.com"] == {"FIRSTNAME": "Two"}
    assert flow.places(status["run_id"]) == [("Gold_10.csv", 2, "duplicate_email")]


# Reports and bodies


def test_rejected_rows_are_told_exactly_and_hold_no_value(flow):
    flow.change(
        mapping={
            "email": "EMail",
            "phone": "P",
            "attributes": {"BIRTHDAY": {"field": "B", "type": "date"}, "CITY": "City"},
        }
    )
    flow.segment(
        b"CustomerId,EMail,P,B,City\n"
        b"C-1,secret.ana@example.com,0722123456,1985-02-03,Cluj\n"
        b"C-2,,0722123457,,\n"
        b"C-3,secret.nobody,,,\n"
        b"C-4,Secret.Ana@Example.com,,,\n"
        b"C-5,secret.ion@example.com,0722123456,,\n"
        b"C-6,secret.eva@example.com,99secret,1985-99-99,\n"
        b"C-7,secret.max@example.com,,,Ia\xffi\n"
        b"=cmd(),,,,\n"
        b"C-8,secret.leo@example.com\n"
        b"secret.id@example.com,,,,\n"
    )
    status = flow.run()
    lines = flow.rejects_text(status["run_id"]).splitlines()
    assert lines[0] == "segment,file,line,reason,field,customer_id,email_sha256"
    assert sorted(lines[1:]) == sorted(
        [
            "Gold,Gold_1.csv,3,missing_email,EMail,C-2,",
            f"Gold,Gold_1.csv,4,invalid_email,EMail,C-3,{sha('secret.nobody')}",
            f"Gold,Gold_1.csv,5,duplicate_email,EMail,C-4,{sha('secret.ana@example.com')}",
            f"Gold,Gold_1.csv,6,duplicate_phone,P,C-5,{sha('secret.ion@example.com')}",
            f"Gold,Gold_1.csv,7,invalid_phone,P,C-6,{sha('secret.eva@example.com')}",
            f"Gold,Gold_1.csv,7,invalid_date,B,C-6,{sha('secret.eva@example.com')}",
            "Gold,Gold_1.csv,8,invalid_encoding,,,",
            "Gold,Gold_1.csv,9,missing_email,EMail,'=cmd(),",
            "Gold,Gold_1.csv,10,malformed_row,,,",
            "Gold,Gold_1.csv,11,missing_email,EMail,,",
        ]
    )
    assert status["rows_rejected"] == {
        "missing_email": 3,
        "invalid_email": 1,
        "duplicate_email": 1,
        "invalid_encoding": 1,
        "malformed_row": 1,
    }
    assert status["warnings"] == {"duplicate_phone": 1, "invalid_phone": 1, "invalid_date": 1}
    told = json.dumps(status) + flow.rejects_text(status["run_id"])
    for value in ("secret", "0722123456", "1985-", "Cluj", "@"):
        assert value not in told


def test_run_changes_nothing_but_its_own_contacts_and_list(flow):
    before = flow.sandbox.digest(13)
    blocked = flow.sandbox.account.contacts["blocked.person@example.com"]
    flow.segment(HEAD + "C-1,ana@example.com,Ana\nC-2,blocked.person@example.com,Still\n")
    flow.run()
    assert blocked.email_blocked
    assert flow.sandbox.account.attributes_of(blocked) == {"CITY": "York", "FIRSTNAME": "Still"}
    assert set(flow.sandbox.members(13)) == {
        "ada.brook@example.com",
        "ben.frost@example.com",
        "cara.stone@example.com",
        "blocked.person@example.com",
    }
    assert before["count"] == flow.sandbox.digest(13)["count"]
    assert flow.sandbox.imports.fields_ever_sent() == {
        "jsonBody",
        "listIds",
        "updateExistingContacts",
        "disableNotification",
    }
    assert flow.sandbox.imports.records()[0].order.disable_notification
    assert set(flow.sandbox.log.totals()) == {
        "GET /contacts/lists/{listId}",
        "GET /contacts/attributes",
        "GET /account",
        "POST /contacts/import",
        "GET /processes",
    }


def test_many_contacts_are_sent_in_batches_of_at_most_the_largest_body(flow, monkeypatch):
    assert body.LARGEST_BODY_BYTES == 8 * 1024 * 1024
    monkeypatch.setattr(body, "LARGEST_BODY_BYTES", 60_000)
    rows = [f"C-{n},person{n}@example.com,Name {n} ăâîșț\n" for n in range(3_000)]
    flow.segment(HEAD + "".join(rows))
    status = flow.run()
    records = flow.sandbox.imports.records()
    assert status["batches"] == len(records) > 3
    assert all(record.body_bytes <= 60_000 for record in records)
    assert [record.contacts for record in records] and sum(record.contacts for record in records) == 3_000
    assert status["bytes_sent"] == sum(record.body_bytes for record in records)
    assert status["requests"] == sum(flow.sandbox.log.totals().values())
    assert flow.sent() == {f"person{n}@example.com": {"FIRSTNAME": f"Name {n} ăâîșț"} for n in range(3_000)}
    assert flow.sandbox.imports.most_open_at_once == 1


def _capture_bodies(monkeypatch):
    """The bodies as they are posted."""
    from shared.brevo.client import BrevoClient

    found = []
    real = BrevoClient.import_contacts

    def import_contacts(self, body):
        found.append(body)
        return real(self, body)

    monkeypatch.setattr(BrevoClient, "import_contacts", import_contacts)
    return found
