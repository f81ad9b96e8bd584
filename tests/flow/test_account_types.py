"""The account's types and options decide what becomes of a value, and which mappings are refused."""

import pytest

from tests.flow.one_column import HEAD, check_warned, column, received, send

TIERS = [(1, "Bronze"), (2, "Silver"), (3, "Gold")]


def counted(flow):
    """What the sandbox dropped of the last import without telling."""
    record = flow.sandbox.imports.records()[-1]
    return record.unusable_values, record.ignored_attributes


# A field without a type takes the account's


def test_date_attribute_gets_dates_though_the_mapping_names_no_type(flow):
    values = {"1990-01-31T00:00:00Z": "1990-01-31", "31.1.1990": None, "1990-01-31": "1990-01-31"}
    status = send(flow, {"attributes": {"BIRTHDAY": "Value"}}, column(values))
    assert received(flow, "BIRTHDAY", 3) == list(values.values())
    assert status["warnings"] == {"invalid_date": 1}
    assert flow.places(status["run_id"]) == [("Gold_1.csv", 3, "invalid_date")]
    assert counted(flow) == ({}, {})


def test_number_and_boolean_attributes_get_theirs(flow):
    data = 'EMail,Worth,Agrees\na@example.com,1.50,yes\nb@example.com,"1,5",perhaps\n'
    status = send(flow, {"attributes": {"LIFETIME_VALUE": "Worth", "NEWSLETTER_OPT_IN": "Agrees"}}, data)
    assert flow.sent() == {"a@example.com": {"LIFETIME_VALUE": 1.5, "NEWSLETTER_OPT_IN": True}, "b@example.com": {}}
    assert status["warnings"] == {"invalid_number": 1, "invalid_boolean": 1}
    assert counted(flow) == ({}, {})


def test_all_columns_take_the_account_s_types(flow):
    data = "EMail,Birthday,Loyalty_Tier,Sms,City\na@example.com,1990-01-31,GOLD,0722 300 400,7\n"
    send(flow, {"attributes": "all"}, data)
    expected = {"BIRTHDAY": "1990-01-31", "LOYALTY_TIER": "Gold", "SMS": "40722300400", "CITY": "7"}
    assert flow.sent() == {"a@example.com": expected}


def test_format_makes_a_date_of_a_field_without_a_type(flow):
    send(flow, {"attributes": {"BIRTHDAY": {"field": "Value", "format": "d.M.yyyy"}}}, column(["31.1.1990"]))
    assert received(flow, "BIRTHDAY", 1) == ["1990-01-31"]


# Categories


def test_category_takes_label_or_value_in_any_case_and_refuses_all_else(flow):
    values = {"Gold": "Gold", "gOLD ": "Gold", "silver": "Silver", "3": "Gold", "1": "Bronze", "": None}
    bad = ["Platinum", "4", "Gold,Silver", "03", "Gold!"]
    status = send(flow, {"attributes": {"LOYALTY_TIER": "Value"}}, column([*values, *bad]))
    check_warned(flow, status, "invalid_category", len(values), len(bad))
    assert received(flow, "LOYALTY_TIER", len(values) + len(bad)) == [*values.values(), *[None] * len(bad)]
    assert counted(flow) == ({}, {})


def test_label_that_is_another_option_s_value_is_read_as_the_label(flow):
    flow.sandbox.seed(
        attributes=[{"name": "STARS", "category": "category", "enumeration": options((1, "3"), (3, "Ștefan & 'co'"))}]
    )
    send(flow, {"attributes": {"STARS": "Value"}}, column(["3", "1", "ștefan & 'CO'"]))
    assert received(flow, "STARS", 3) == ["3", "3", "Ștefan & 'co'"]


def options(*pairs):
    return [{"value": value, "label": label} for value, label in pairs]


# Multiple choices


CHOICES = {
    "Coffee": ["Coffee"],
    "tea": ["Tea"],
    "Coffee,Tea": ["Coffee", "Tea"],
    "chocolate; COFFEE ;": ["Coffee", "Chocolate"],
    '["Tea", "Coffee"]': ["Coffee", "Tea"],
    "Tea;Coffee,Tea": ["Coffee", "Tea"],
    "[]": None,
    "": None,
}
PARTLY = {"Coffee,Beer": ["Coffee"], '["Tea", 7]': ["Tea"]}
NO_CHOICES = ["Beer", ";", "[Coffee", '{"a": "Coffee"}', '[["Coffee"]]', "Coffee Tea"]


def test_choices_are_read_from_one_label_a_list_or_json(flow):
    status = send(flow, {"attributes": {"INTERESTS": "Value"}}, column([*CHOICES, *PARTLY, *NO_CHOICES]))
    check_warned(flow, status, "invalid_multiple_choice", len(CHOICES), len(PARTLY) + len(NO_CHOICES))
    expected = [*CHOICES.values(), *PARTLY.values(), *[None] * len(NO_CHOICES)]
    assert received(flow, "INTERESTS", len(expected)) == expected
    assert counted(flow) == ({}, {})


def test_option_that_holds_a_comma_or_a_semicolon_is_not_split(flow):
    flow.sandbox.seed(
        attributes=[
            {"name": "DRINKS", "type": "multiple-choice", "multiCategoryOptions": ["Tea, green", "Beer", "A;B", "[x]"]}
        ]
    )
    values = {
        "tea, green": ["Tea, green"],
        "Beer;Tea, green": ["Tea, green", "Beer"],
        "a;b": ["A;B"],
        '["A;B","Beer"]': ["Beer", "A;B"],
        "[X]": ["[x]"],
    }
    status = send(flow, {"attributes": {"DRINKS": "Value"}}, column(values))
    assert received(flow, "DRINKS", len(values)) == list(values.values())
    assert status["warnings"] == {}


def test_empty_list_of_choices_erases_only_where_empty_values_do(flow):
    mapping = {"attributes": {"INTERESTS": "Value"}}
    send(flow, mapping, column(["Coffee"]))
    flow.segment(column(["[]"]), refresh="2026/11/24/0600")
    assert flow.run()["status"] == "succeeded"
    assert received(flow, "INTERESTS", 1) == [["Coffee"]]
    flow.change(erase_empty=True)
    assert flow.run(accept=True)["status"] == "succeeded"
    assert received(flow, "INTERESTS", 1) == [None]


def test_note_names_the_options_of_a_column_that_mostly_has_others(flow):
    status = send(flow, {"attributes": {"LOYALTY_TIER": "Value"}}, column(["Platinum", "Titan", "Gold"]))
    [note] = status["notes"]
    assert note.startswith("Value: 2 of 3 contacts have what is no option in Brevo. The options are: Bronze, Silver")
    assert "Titan" not in note
    assert flow.preview()["notes"] == [note]


# Texts


def test_text_longer_than_brevo_takes_is_a_warning(flow):
    values = ["ș" * 10_000, "x" * 10_001, "ok", "ș" * 10_001]
    status = send(flow, {"attributes": {"CITY": "Value"}}, column(values))
    assert status["warnings"] == {"text_too_long": 2}
    assert flow.places(status["run_id"]) == [("Gold_1.csv", 3, "text_too_long"), ("Gold_1.csv", 5, "text_too_long")]
    assert received(flow, "CITY", 4) == ["ș" * 10_000, None, "ok", None]


# Phones


PHONES = ["0722 300 400", "0722300400", "n/a", "12"]


@pytest.mark.parametrize("mapping", [{"attributes": {"SMS": "Sms"}}, {"phone": "Sms"}, {"attributes": "all"}])
def test_sms_is_a_phone_wherever_it_is_mapped(flow, mapping):
    data = column(PHONES).replace("Value", "Sms")
    status = send(flow, mapping, data, leave_out_missing_attributes=True)
    assert received(flow, "SMS", 4) == ["40722300400", None, None, None]
    assert status["warnings"] == {"invalid_phone": 2, "duplicate_phone": 1}
    assert counted(flow) == ({}, {})


def test_each_phone_attribute_has_owners_of_its_own(flow):
    flow.sandbox.seed(attributes=[{"name": "WHATSAPP"}, {"name": "LANDLINE_NUMBER"}, {"name": "MOBILE"}])
    fields = {
        "WHATSAPP": "W",
        "LANDLINE_NUMBER": {"field": "L", "type": "phone"},
        "MOBILE": {"field": "M", "type": "phone"},
    }
    data = (
        "EMail,P,W,L,M\n"
        "a@example.com,0722300400,0722 300 400,021 300 40 50,0722300400\n"
        "b@example.com,0722300401,0722300400,+40213004050,0722300400\n"
        "c@example.com,0722300400,0722300402,12,0722300400\n"
    )
    status = send(flow, {"phone": "P", "attributes": fields}, data)
    assert status["warnings"] == {"duplicate_phone": 3, "invalid_phone": 1}
    assert {(row["line"], row["reason"], row["field"]) for row in flow.rejects(status["run_id"])} == {
        ("3", "duplicate_phone", "W"),
        ("3", "duplicate_phone", "L"),
        ("4", "duplicate_phone", "P"),
        ("4", "invalid_phone", "L"),
    }
    sent = {email: {name: value.lstrip("+") for name, value in values.items()} for email, values in flow.sent().items()}
    # Brevo wants the numbers of these three to be unique, and of no other attribute.
    assert sent == {
        "a@example.com": {
            "SMS": "40722300400",
            "WHATSAPP": "40722300400",
            "LANDLINE_NUMBER": "40213004050",
            "MOBILE": "40722300400",
        },
        "b@example.com": {"SMS": "40722300401", "MOBILE": "40722300400"},
        "c@example.com": {"WHATSAPP": "40722300402", "MOBILE": "40722300400"},
    }


# Booleans


@pytest.mark.parametrize("ignores_false", [False, True])
def test_opt_out_reaches_accounts_that_ignore_json_false_and_those_that_do_not(flow, ignores_false):
    flow.sandbox.change(ignores_false=ignores_false)
    flow.sandbox.seed(
        contacts=[{"email": "a1@example.com", "attributes": {"NEWSLETTER_OPT_IN": True}, "lists": [flow.list_id]}]
    )
    send(flow, {"attributes": {"NEWSLETTER_OPT_IN": "Value"}}, column(["False", "True"]))
    assert received(flow, "NEWSLETTER_OPT_IN", 2) == [False, True]


# Mappings that are refused


@pytest.mark.parametrize(
    ("attribute", "given", "words"),
    [
        (
            "BIRTHDAY",
            {"type": "text"},
            "gives the attribute BIRTHDAY the type text, and in the Brevo account it has date",
        ),
        ("CITY", {"type": "date"}, "CITY the type date, and in the Brevo account it has text"),
        ("CITY", {"time_zone": "Europe/Bucharest"}, "CITY the type date"),
        ("CITY", {"type": "category"}, "CITY the type category"),
        ("LOYALTY_TIER", {"type": "text"}, "in the Brevo account it has category"),
        ("INTERESTS", {"type": "category"}, "in the Brevo account it has multiple_choice"),
        ("LIFETIME_VALUE", {"type": "phone"}, "in the Brevo account it has number"),
        ("SMS", {"type": "number"}, "in the Brevo account it has phone"),
        ("OWNER", {}, "OWNER has the type user, which cannot be sent"),
    ],
)
def test_type_that_contradicts_the_account_s_is_refused_before_anything_is_sent(flow, attribute, given, words):
    flow.sandbox.seed(attributes=[{"name": "OWNER", "type": "user"}])
    flow.change(mapping={"email": "EMail", "attributes": {attribute: {"field": "FirstName", **given}}})
    flow.segment(HEAD + "C-1,ana@example.com,Ana\n")
    flow.run_fails("attribute_type", words)


@pytest.mark.parametrize("category", ["calculated", "global", "transactional"])
@pytest.mark.parametrize("how", [{}, {"create_missing_attributes": True}, {"leave_out_missing_attributes": True}])
def test_attribute_that_nobody_can_write_is_refused(flow, category, how):
    flow.sandbox.seed(attributes=[{"name": "ORDERS", "type": "float", "category": category}])
    flow.change(mapping={"email": "EMail", "attributes": {"ORDERS": "FirstName", "NEW": "FirstName"}}, **how)
    flow.segment(HEAD + "C-1,ana@example.com,Ana\n")
    flow.run_fails("attribute_read_only", f"ORDERS is a {category} one")
    assert "NEW" not in {each.name for each in flow.sandbox.account.attributes}


@pytest.mark.parametrize("kind", ["category", "multiple_choice"])
def test_missing_attribute_with_options_is_not_made(flow, kind):
    fields = {"NEW": "FirstName", "TIER": {"field": "FirstName", "type": kind}}
    flow.change(mapping={"email": "EMail", "attributes": fields}, create_missing_attributes=True)
    flow.segment(HEAD + "C-1,ana@example.com,Ana\n")
    flow.run_fails("attributes_missing", f"lacks the attribute TIER, and one of the type {kind}")
    assert "NEW" not in {each.name for each in flow.sandbox.account.attributes}


def test_missing_attribute_is_made_with_the_type_of_its_field(flow):
    fields = {"NEW": "FirstName", "WHATSAPP": "P", "SINCE": {"field": "D", "format": "d.M.yyyy"}}
    data = "EMail,FirstName,P,D\na@example.com,Ana,0722300400,1.2.2003\n"
    send(flow, {"attributes": fields}, data, create_missing_attributes=True)
    types = {each.name: each.type for each in flow.sandbox.account.attributes}
    assert [types[name] for name in ("NEW", "WHATSAPP", "SINCE")] == ["text", "text", "date"]
    assert flow.sent()["a@example.com"]["SINCE"] == "2003-02-01"


@pytest.mark.parametrize("name", ["EMAIL", "ext_id"])
def test_column_that_is_called_like_an_identifier_fills_no_attribute(flow, name):
    flow.change(mapping={"email": "Address", "attributes": "all"})
    flow.segment(f"Address,{name}\na@example.com,b@example.com\n")
    flow.run_fails("attribute_identifier", f"'{name}'", name.upper())


# Guards


def test_field_that_loses_most_of_its_values_stops_the_run_until_accepted(flow):
    dates = column([f"8/{day}/1990 12:00:00 AM" for day in range(1, 6)])
    flow.change(mapping={"email": "EMail", "attributes": {"BIRTHDAY": "Value"}}, max_warnings=0.5)
    flow.segment(dates)
    status = flow.run_is_held(
        "guard_max_warnings",
        "5 of 5 values for BIRTHDAY would be lost, more than max_warnings (0.5)",
        'set "format" for it',
        "approve the run",
    )
    assert len(flow.rejects(status["run_id"])) == 5
    assert flow.run(accept=True)["status"] == "succeeded"


@pytest.mark.parametrize(("lost", "stops"), [(2, False), (3, True)])
def test_guard_counts_the_values_of_the_worst_field_and_no_empty_ones(flow, lost, stops):
    rows = [f"a{n}@example.com,{'x' if n < lost else '1'},Gold\n" for n in range(4)]
    rows += [f"b{n}@example.com,,Gold\n" for n in range(20)]
    flow.change(
        mapping={"email": "EMail", "attributes": {"LIFETIME_VALUE": "N", "LOYALTY_TIER": "T"}}, max_warnings=0.5
    )
    flow.segment("EMail,N,T\n" + "".join(rows))
    if stops:
        flow.run_is_held("guard_max_warnings", f"{lost} of 4 values for LIFETIME_VALUE")
    else:
        assert flow.run()["status"] == "succeeded"


def test_share_of_filled_values_that_falls_stops_a_run_that_would_erase_them(flow):
    def data(filled, rows):
        return "EMail,City\n" + "".join(f"a{n}@example.com,{'Cluj' if n < filled else ''}\n" for n in range(rows))

    flow.change(mapping={"email": "EMail", "attributes": {"CITY": "City"}}, erase_empty=True, max_warnings=0.5)
    flow.segment(data(8, 10))
    assert flow.run()["status"] == "succeeded"
    flow.segment(data(5, 12), refresh="2026/11/24/0600")
    assert flow.run()["status"] == "succeeded", "a fall from 80 % to 42 % keeps more than half"
    before = flow.sent()
    flow.segment(data(2, 10), refresh="2026/11/24/0700")
    status = flow.run()
    assert (status["status"], status["held_for"]["code"]) == ("held", "guard_emptied")
    assert "CITY (41.7%, now 20.0%)" in status["held_for"]["message"]
    assert flow.sent() == before
    assert flow.run(accept=True)["status"] == "succeeded"


# Saving and previewing


def test_preview_judges_by_the_account_s_types_and_makes_no_attribute(flow):
    flow.change(
        mapping={"email": "EMail", "attributes": {"LOYALTY_TIER": "T", "INTERESTS": "I", "NEW": "T"}},
        create_missing_attributes=True,
    )
    flow.segment("EMail,T,I\na@example.com,gold,Coffee;Tea\nb@example.com,Platinum,\n")
    shown = flow.preview()
    assert shown["warnings"] == {"invalid_category": 1}
    assert shown["contacts"][0]["attributes"]["INTERESTS"] == ["C•••••", "T••"]
    assert "NEW" not in {each.name for each in flow.sandbox.account.attributes}


def test_preview_says_where_brevo_could_not_be_asked(flow, monkeypatch):
    flow.change(mapping={"email": "EMail", "attributes": {"LOYALTY_TIER": "Value"}})
    flow.segment(column(["Platinum"]))
    monkeypatch.delenv(flow.account)
    shown = flow.preview()
    assert shown["warnings"] == {}
    [note] = shown["notes"]
    assert "what has no type in the mapping is taken for text here" in note


def test_more_attributes_than_can_be_sent_are_not_made_either(flow):
    names = [f"N{n}" for n in range(201)]
    flow.change(mapping={"email": "EMail", "attributes": "all"}, create_missing_attributes=True)
    flow.segment(f"EMail,{','.join(names)}\na@example.com{',x' * 201}\n")
    flow.run_fails("too_many_attributes", "201 attributes")
    assert not {*names} & {each.name for each in flow.sandbox.account.attributes}
