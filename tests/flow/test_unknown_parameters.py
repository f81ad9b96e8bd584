"""What a call does not take is refused: passed over in silence, it would do something else than was meant."""

import json

import azure.functions as func
import pytest

from tests.flow.asking import ROUTES
from tests.flow.described import check_described
from tests.flow.requests import PEOPLE, details

ADMINISTRATOR = "administrator"
ANY = {"If-Match": "*"}


def refusal(asked, name, **sent):
    """The fault of what a 400 refuses."""
    answer = asked(name, ADMINISTRATOR, **sent)
    problem = json.loads(answer.get_body())
    assert (answer.status_code, problem["type"]) == (400, "urn:segment-export:problem:body_invalid"), problem
    check_described(ROUTES[name], answer)
    (fault,) = problem["errors"]
    return fault["field"], fault["message"]


def test_removal_with_a_mistyped_choice_removes_nothing(asked):
    for wrong in ("member", "Members", "memebers"):
        fault = refusal(asked, "remove_export", headers=ANY, params={wrong: "remove"})
        assert fault == (wrong, "is no query parameter here (did you mean members?); it takes members, accept")
    assert refusal(asked, "remove_export", headers=ANY, body={"members": "remove"}) == ("body", "this call takes none")
    assert asked("show_export", ADMINISTRATOR).status_code == 200


def test_choice_that_belongs_into_the_body_is_refused_in_the_address(asked):
    fault = refusal(asked, "detach_export", params={"members": "remove"}, body={})
    assert fault == ("members", "is no query parameter here; it takes none")
    assert json.loads(asked("show_export", ADMINISTRATOR).get_body())["connection"] == "brevo-eu"


def test_parameter_that_is_there_twice_is_refused(asked):
    fault = refusal(asked, "remove_export", headers=ANY, params=[("members", "remove"), ("members", "stay")])
    assert fault == ("members", "is there twice")


@pytest.mark.parametrize("name", PEOPLE)
def test_every_call_refuses_a_parameter_that_it_does_not_take(asked, name):
    field, message = refusal(asked, name, **{**details(asked.flow, name, "x"), "params": {"colour": "red"}})
    assert (field, message.partition(";")[0]) == ("colour", "is no query parameter here")


@pytest.mark.parametrize("name", [name for name in PEOPLE if ROUTES[name].method != "GET" and not ROUTES[name].body])
def test_every_change_without_a_body_refuses_one(asked, name):
    sent = {**details(asked.flow, name, "x"), "body": {"accept": True}}
    assert refusal(asked, name, **sent) == ("body", "this call takes none")
    assert asked(name, ADMINISTRATOR, **{**sent, "body": {}}).status_code != 400


@pytest.mark.parametrize("text", [b"{ }", b"{\r\n\r\n}\r\n"], ids=["spaced", "ConvertTo-Json of PowerShell 5"])
def test_empty_object_is_no_body_however_it_is_written(asked, monkeypatch, text):
    monkeypatch.setattr(func.HttpRequest, "get_body", lambda _: text)
    assert asked("plan_export", ADMINISTRATOR).status_code == 202


def test_name_of_a_parameter_that_may_be_an_address_or_a_key_is_not_shown(asked):
    assert refusal(asked, "list_exports", params={"ana@example.com": ""})[0] == "(not shown)"


@pytest.mark.parametrize("name", ["code", "Code", "clientId", "subscription-key"])
def test_key_and_its_name_are_the_hosts_own(asked, name):
    assert asked("list_exports", ADMINISTRATOR, params={name: "x"}).status_code == 200
