"""Delimiters, headers and partitions as the configuration and model.json say them."""

import pytest

from tests.flow.one_column import HEAD


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


@pytest.mark.parametrize("has_header", [False, True])
def test_invisible_signs_around_a_name_in_model_json_are_no_part_of_it(flow, has_header):
    names = ["\ufeffCustomerId", " EMail\u200b", "FirstName\n", "Born "]
    described = table("Gold", names, columnHeaders=has_header)
    described["attributes"][3]["annotations"] = [{"name": "ci:CustomDateFormat", "value": "d.M.yyyy"}]
    flow.model_json(described)
    flow.change(
        mapping={
            "email": "EMail",
            "first_name": "FirstName",
            "attributes": {"BIRTHDAY": {"field": "Born", "type": "date"}},
        }
    )
    flow.segment(("CustomerId,EMail,FirstName,Born\n" if has_header else "") + "C-1,ana@example.com,Ana,24.8.1984\n")
    assert flow.run()["status"] == "succeeded"
    assert flow.sent() == {"ana@example.com": {"FIRSTNAME": "Ana", "BIRTHDAY": "1984-08-24"}}


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


@pytest.mark.parametrize(
    "header", ["CustomerId,EMail,FirstName", '\n"firstname", "EMAIL","CustomerId"', "EMail,FirstName,CustomerId"]
)
def test_header_row_is_seen_where_model_json_says_that_there_is_none(flow, header):
    flow.model_json(table("Gold", ["CustomerId", "EMail", "FirstName"], columnHeaders=False))
    cells = {"customerid": "C-1", "email": "ana@example.com", "firstname": "Ana"}
    row = ",".join(cells[name.strip(' "\n').lower()] for name in header.split(","))
    flow.segment(f"{header}\n{row}\nC-2\n")
    status = flow.run()
    assert (status["rows_read"], status["rows_rejected"]) == (2, {"malformed_row": 1})
    assert flow.places(status["run_id"]) == [("Gold_1.csv", 3 + header.count("\n"), "malformed_row")]
    assert flow.sent() == {"ana@example.com": {"FIRSTNAME": "Ana"}}


@pytest.mark.parametrize("first", ['C-1,ana@example.com,"Ana" x', "C-1,ana@example.com", "CustomerId,EMail,ana"])
def test_first_row_of_a_file_without_a_header_is_a_row_whatever_it_is(flow, first):
    flow.model_json(table("Gold", ["CustomerId", "EMail", "FirstName"], columnHeaders=False))
    flow.segment(f"\n{first}\nC-3,eva@example.com,Eva\n")
    status = flow.run()
    assert (status["rows_read"], sum(status["rows_rejected"].values())) == (2, 1)
    assert [line for _, line, _ in flow.places(status["run_id"])] == [2]
    assert flow.sent() == {"eva@example.com": {"FIRSTNAME": "Eva"}}


def test_partitions_are_read_in_the_order_of_their_numbers(flow):
    flow.change(source={**flow.export["source"], "gaps_allowed": True})
    flow.segment(HEAD + "C-10,ana@example.com,Ten\nC-11,ion@example.com,Ion\n", partition=10)
    flow.segment(HEAD + "C-2,ana@example.com,Two\n", partition=2)
    flow.segment(HEAD + "C-0,eva@example.com,Eva\n", partition="001")
    status = flow.run()
    assert flow.sent()["ana@example.com"] == {"FIRSTNAME": "Two"}
    assert flow.places(status["run_id"]) == [("Gold_10.csv", 2, "duplicate_email")]
