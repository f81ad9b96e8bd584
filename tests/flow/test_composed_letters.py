"""Words that people take for the same are so here: an accent is one letter, or a letter and a mark behind it; and a
Greek sigma looks otherwise at the end of a word, but not in capitals."""

from unicodedata import normalize

import pytest

from tests.flow.conftest import FOLDER, REFRESH
from tests.flow.one_column import column, received, send

APART = normalize("NFD", "Fidélité")
ONE = normalize("NFC", "Fidélité")
WAYS = [(APART, ONE), (ONE, APART)]
INSIDE = "Einverständnis"


@pytest.mark.parametrize(("in_file", "in_account"), WAYS)
def test_category_is_known_however_its_accents_are_written(flow, in_file, in_account):
    flow.sandbox.seed(
        attributes=[{"name": "RANK", "category": "category", "enumeration": [{"value": 1, "label": in_account}]}]
    )
    status = send(flow, {"attributes": {"RANK": "Value"}}, column([in_file, in_file.upper()]))
    assert received(flow, "RANK", 2) == [in_account] * 2
    assert status["warnings"] == {}


@pytest.mark.parametrize(("in_file", "in_account"), WAYS)
def test_choice_is_known_however_its_accents_are_written(flow, in_file, in_account):
    flow.sandbox.seed(
        attributes=[{"name": "TAGS", "type": "multiple-choice", "multiCategoryOptions": [in_account, "Tea"]}]
    )
    status = send(flow, {"attributes": {"TAGS": "Value"}}, column([f"tea; {in_file}", in_file.upper()]))
    assert received(flow, "TAGS", 2) == [[in_account, "Tea"], [in_account]]
    assert status["warnings"] == {}


def test_each_of_two_options_that_differ_by_nothing_else_is_itself(flow):
    flow.sandbox.seed(attributes=[{"name": "TAGS", "type": "multiple-choice", "multiCategoryOptions": [APART, ONE]}])
    send(flow, {"attributes": {"TAGS": "Value"}}, column([APART, ONE]))
    assert received(flow, "TAGS", 2) == [[APART], [ONE]]


@pytest.mark.parametrize(
    ("in_file", "in_export"), [*WAYS, (normalize("NFD", INSIDE), INSIDE), (INSIDE, normalize("NFD", INSIDE))]
)
def test_column_and_word_are_known_however_their_accents_are_written(flow, in_file, in_export):
    flow.change(source={**flow.export["source"], "only": {"column": in_export, "is": [in_export]}})
    data = f"CustomerId,EMail,FirstName,{in_file}\n1,a@x.com,A,{in_file.upper()}\n2,b@x.com,B,no\n"
    flow.segment(data)
    status = flow.run()
    assert (status["status"], status["rows_filtered"], status["contacts_confirmed"]) == ("succeeded", 1, 1)


def test_greek_word_in_capitals_is_the_one_in_small_letters(flow):
    words = ["Πελάτης", "ΠΕΛΆΤΗΣ", "πελάτησ"]
    options = [{"value": 1, "label": "Πελάτης"}, {"value": 2, "label": "Συνεργάτης"}]
    flow.sandbox.seed(
        attributes=[
            {"name": "RANK", "category": "category", "enumeration": options},
            {"name": "TAGS", "type": "multiple-choice", "multiCategoryOptions": ["Πελάτης", "Tea"]},
        ]
    )
    flow.export["source"]["only"] = {"column": "Value", "is": ["πελάτης"]}
    send(flow, {"attributes": {"RANK": "Value", "TAGS": "Value"}}, column([*words, "Συνεργάτης"]))
    assert received(flow, "RANK", 3) == ["Πελάτης"] * 3
    assert received(flow, "TAGS", 3) == [["Πελάτης"]] * 3


@pytest.mark.parametrize(("in_file", "in_model"), WAYS)
def test_columns_of_model_json_are_known_however_their_accents_are_written(flow, in_file, in_model):
    annotation = {"name": "ci:CustomDateFormat", "value": "d.M.yyyy"}
    flow.model_json(
        {
            "$type": "LocalEntity",
            "name": "Gold",
            "attributes": [{"name": "EMail"}, {"name": in_model, "annotations": [annotation]}],
            "partitions": [
                {
                    "location": f"{FOLDER}/Gold/{REFRESH}/Gold_1.csv",
                    "fileFormatSettings": {"columnHeaders": False},
                }
            ],
        }
    )
    fields = {"BIRTHDAY": {"field": in_model, "type": "date"}}
    status = send(flow, {"attributes": fields}, f"{in_file},EMail\n3.4.1984,ana@example.com\n")
    assert (status["rows_read"], status["warnings"]) == (1, {})
    assert flow.sent() == {"ana@example.com": {"BIRTHDAY": "1984-04-03"}}
