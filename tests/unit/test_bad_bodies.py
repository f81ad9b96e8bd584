"""What is sent as a connection or an export is refused with the path to each fault, before anything is looked at."""

import copy
import json
from pathlib import Path

import pytest

from shared.administration.items import InvalidInput, parse_item, parse_json, with_item
from shared.config.document import parse_document
from shared.config.models import Connection, Document, Export

GOOD = json.loads((Path(__file__).parents[2] / "config" / "exports.json").read_text())
RAW = {Connection: GOOD["connections"][0], Export: GOOD["exports"][0]}
REMOVE = object()


def refused(model, raw, item_id):
    with pytest.raises(InvalidInput) as caught:
        parse_item(model, raw, item_id)
    assert caught.value.advice
    return caught.value


@pytest.mark.parametrize("model", [Connection, Export])
@pytest.mark.parametrize(
    "item_id",
    [
        "",
        " ",
        "a/b",
        "..",
        "../x",
        "a b",
        "a" * 51,
        "x" * 200,
        "Großkunde",
        "клиенты",
        "顧客",
        "A",
        "-a",
        "a-",
        "a_b",
        "a\n",
        "a\0b",
        "<b>",
    ],
)
def test_id_that_is_none_is_refused(model, item_id):
    error = refused(model, {name: value for name, value in RAW[model].items() if name != "id"}, item_id)
    assert error.code == "body_invalid"
    assert error.problems[0].startswith("id: ")


@pytest.mark.parametrize("raw", [None, [], "x", 1, True])
def test_body_that_is_no_object_is_refused(raw):
    assert refused(Export, raw, "a").problems == ["body: is not a JSON object"]


def test_body_whose_id_is_another_is_refused():
    assert refused(Export, RAW[Export], "other").problems[0].startswith("id: differs")


def test_body_may_leave_out_the_id():
    raw = {name: value for name, value in RAW[Export].items() if name != "id"}
    assert parse_item(Export, raw, "other").id == "other"


CASES = [
    (Connection, "display_name", "", "display_name"),
    (Connection, "display_name", "  ", "display_name"),
    (Connection, "display_name", "a\u0007b", "display_name"),
    (Connection, "display_name", "a\u202eb", "display_name"),
    (Connection, "display_name", "<script>alert(1)</script>", "display_name"),
    (Connection, "display_name", "x" * 101, "display_name"),
    (Connection, "display_name", REMOVE, "display_name"),
    (Connection, "display_nam", "x", "display_nam"),
    (Connection, "type", "mailchimp", "type"),
    (Connection, "api_key", "0123456789abcdef", "api_key"),
    (Connection, "api_key", {"setting": "A B"}, "api_key.setting"),
    (Connection, "api_key", {"setting": "A", "value": "x"}, "api_key.value"),
    (Connection, "available_to", [], "available_to"),
    (Connection, "available_to", ["owner"], "available_to[0]"),
    (Connection, "consent", {"agreed_by": "Ana"}, "consent.agreed_on"),
    (Connection, "consent", {"agreed_by": "Ana", "agreed_on": "soon"}, "consent.agreed_on"),
    (Connection, "consent", {"agreed_by": "\u00a0 ", "agreed_on": "2026-11-24"}, "consent.agreed_by"),
    (Connection, "consent", True, "consent"),
    (Connection, "imports_at_once", "1", "imports_at_once"),
    (Export, "connection", REMOVE, "connection"),
    (Export, "connection", "a/b", "connection"),
    (Export, "list_id", 0, "list_id"),
    (Export, "list_id", -1, "list_id"),
    (Export, "list_id", "12", "list_id"),
    (Export, "list_id", 12.5, "list_id"),
    (Export, "list_id", None, "list_id"),
    (Export, "source", {"container": "segments", "folder": "../x"}, "source"),
    (Export, "segments", [], "segments"),
    (Export, "segments", ["a/b"], "segments[0]"),
    (Export, "segments", ["A", "A"], "segments"),
    (Export, "mapping", {"email": "E", "attributes": {"CITY": "A", "city": "B"}}, "mapping.attributes"),
    (Export, "mapping", {"email": "E", "attributes": {"FIRSTNAME": "A"}, "first_name": "B"}, "mapping"),
    (Export, "mapping", {}, "mapping.email"),
    (Export, "mapping", {"email": "E", "attributes": {"a b": "A"}}, "mapping.attributes.a b"),
    (Export, "schedule", {"cron": "0 0 30 2 *"}, "schedule"),
    (Export, "schedule", {"cron": "61 * * * *"}, "schedule"),
    (Export, "schedule", {"cron": "0 5 * * *", "time_zone": "Mars/Olympus"}, "schedule"),
    (Export, "schedule", {"cron": "0 5 * * *", "time_zone": "../../etc/passwd"}, "schedule"),
    (Export, "schedule", "hourly", "schedule"),
    (Export, "default_country", "ro", "default_country"),
    (Export, "max_shrink", "0.5", "max_shrink"),
    (Export, "extra", 1, "extra"),
]  # fmt: skip


@pytest.mark.parametrize(("model", "name", "value", "path"), CASES)
def test_fault_is_refused_with_the_path_to_its_field(model, name, value, path):
    raw = copy.deepcopy(RAW[model])
    if value is REMOVE:
        del raw[name]
    else:
        raw[name] = value
    problems = refused(model, raw, raw["id"]).problems
    assert any(problem.startswith(f"{path}: ") for problem in problems), problems
    assert not any("\n" in problem for problem in problems)


@pytest.mark.parametrize(
    "text",
    ["", "{", "nul", "\xff\xfe", '{"a": 1, "a": 2}', "[" * 100_000, '{"list_id": ' + "9" * 5000 + "}"],
)
def test_what_is_no_json_is_refused(text):
    with pytest.raises(InvalidInput) as caught:
        parse_json(text.encode("latin-1"))
    assert caught.value.code == "body_invalid"
    assert caught.value.problems[0].startswith("body: ")


def test_lone_surrogate_is_refused():
    refused(Connection, {**RAW[Connection], "display_name": "\ud800"}, "brevo-eu")


def test_raw_key_is_refused_wherever_it_stands():
    document = parse_document(json.dumps(GOOD).encode(), "x")
    connection = parse_item(Connection, {**RAW[Connection], "display_name": "xkeysib-123"}, "brevo-eu")
    with pytest.raises(InvalidInput, match="raw Brevo key"):
        with_item(document, "connections", connection)


def test_mapping_is_kept_as_it_was_meant_when_it_is_saved_again():
    export = parse_item(Export, RAW[Export], "high-value")
    again = parse_item(Export, json.loads(export.model_dump_json()), "high-value")
    assert again == export
    assert with_item(Document.model_validate(GOOD), "exports", again).exports == [export]
