"""What a run needs of Brevo's answers about the account is read whatever else they hold."""

from typing import Any

import pytest

from shared.brevo.client import Account, Allowance, BrevoClient


class Answering:
    """A session that gets one answer."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    def call(self, *_: Any, **__: Any) -> Any:
        return self._answer


def account(**answer):
    return BrevoClient(Answering(answer)).account()  # type: ignore[arg-type]


@pytest.mark.parametrize("plan", [None, {}, "free", [None], [{"type": None}], [{"type": "free", "credits": None}]])
def test_contract_that_cannot_be_read_does_not_hide_which_account_it_is(plan):
    assert account(organization_id="5fa2", plan=plan) == Account("5fa2", [])


def test_lines_of_the_contract_that_can_be_read_are_shown():
    lines = [{"type": "payAsYouGo", "credits": 900}, {"type": "sms", "credits": None}, {"credits": 5}]
    assert account(organization_id="5fa2", plan=lines).allowances == [Allowance("payAsYouGo", 900), Allowance("", 5)]


@pytest.mark.parametrize(("sent", "read"), [(12, "12"), (None, ""), ("", "")])
def test_id_may_be_a_number_or_missing(sent, read):
    assert account(organization_id=sent).id == read
    assert account().id == ""


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ({"dateFormat": "dd-mm-yyyy"}, "DD-MM-YYYY"),
        ({"dateFormat": "d/m/y"}, ""),
        ({"dateFormat": None}, ""),
        ({}, ""),
        (None, ""),
        ("x", ""),
    ],
)
def test_form_of_dates_is_one_that_a_connection_can_name_or_unknown(sent, read):
    assert account(organization_id="5fa2", dateTimePreferences=sent) == Account("5fa2", [], read)


@pytest.mark.parametrize(
    "odd", [None, "NAME", {}, {"name": None}, {"name": "odd", "category": None}, {"name": "Odd", "type": ["text"]}]
)
def test_attribute_that_cannot_be_read_spoils_no_other(odd):
    answer = {"attributes": [odd, {"name": "CITY", "category": "normal", "type": "text"}]}
    found = BrevoClient(Answering(answer)).attributes()  # type: ignore[arg-type]
    assert found.pop("CITY").kind == "text"
    assert {name: each.kind for name, each in found.items()} in ({}, {"ODD": "unknown"})


@pytest.mark.parametrize(
    ("values", "sent"),
    [
        ({"value": 3}, "3"),
        ({"value": 0}, "0"),
        ({"value": 0, "valueStr": "gold"}, "gold"),
        ({"value": 3, "valueStr": None}, "3"),
        ({"value": 3, "valueStr": ""}, "3"),
        ({"value": None}, None),
        ({"value": None, "valueStr": ""}, None),
        ({}, None),
    ],
)
def test_option_is_sent_by_a_value_that_brevo_gives_or_not_at_all(values, sent):
    tier = {"name": "TIER", "category": "category", "enumeration": [{"label": "Gold"} | values]}
    found = BrevoClient(Answering({"attributes": [tier]})).attributes()  # type: ignore[arg-type]
    assert found["TIER"].options.get("Gold") == sent


@pytest.mark.parametrize("label", [None, "", " "])
def test_option_without_a_label_is_known_by_its_value_alone_at_most(label):
    tier = {"name": "TIER", "category": "category", "enumeration": [{"label": label, "value": 3}]}
    found = BrevoClient(Answering({"attributes": [tier]})).attributes()  # type: ignore[arg-type]
    assert set(found["TIER"].options) <= {"3"}
