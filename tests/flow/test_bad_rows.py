"""A malformed row is rejected alone, with its physical line."""

import pytest

from tests.flow.three_people import ANA, EVA, HEAD, WITHOUT_ION

MALFORMED = {
    "a field is missing": "C-2,ion@example.com\n",
    "one field": "C-2\n",
    "a surplus field": "C-2,ion@example.com,Ion,surplus\n",
    "surplus fields, empty": ",,,,,x\n",
    "a stray quote behind": 'C-2,ion@example.com,"Ion" the tall\n',
    "a stray quote within": 'C-2,ion@example.com,"I"on"\n',
}


@pytest.mark.parametrize("row", MALFORMED.values(), ids=MALFORMED)
def test_malformed_row_is_rejected_alone(flow, row):
    flow.segment(HEAD + ANA + row + EVA)
    status = flow.run()
    assert status["rows_rejected"] == {"malformed_row": 1}
    assert flow.places(status["run_id"]) == [("Gold_1.csv", 3, "malformed_row")]
    assert flow.sent() == WITHOUT_ION


def test_quote_that_is_never_closed_fails_the_run_with_its_line(flow):
    flow.segment(HEAD + ANA, partition=1)
    flow.segment(HEAD + ANA + 'C-2,ion@example.com,"Ion\n' + EVA * 10, partition=2)
    flow.run_fails("quote_open", "Gold_2.csv, line 3", "never closed", "nothing was sent")


def test_quote_that_is_never_closed_behind_quoted_line_breaks_has_its_physical_line(flow):
    flow.segment(HEAD + 'C-0,zoe@example.com,"Z\n\no\ne"\n' + ANA + 'C-2,ion@example.com,"Ion\n' + EVA)
    flow.run_fails("quote_open", "Gold_1.csv, line 7")


def test_quote_that_is_never_closed_before_megabytes_of_rows_fails_the_run(flow):
    rows = "".join(f"C-{n},p{n}@example.com,P{n}\n" for n in range(100_000))
    flow.segment(HEAD + ANA + 'C-2,ion@example.com,"Ion\n' + rows)
    flow.run_fails("quote_open", "Gold_1.csv, line 3", "never closed")


def test_quote_that_is_never_closed_in_the_last_row_fails_the_run_too(flow):
    flow.segment(HEAD + ANA + EVA + 'C-2,ion@example.com,"Ion')
    flow.run_fails("quote_open", "Gold_1.csv, line 4")


@pytest.mark.parametrize("quote", ["", '"'], ids=["plain", "quoted"])
def test_cell_of_ten_megabytes_rejects_its_row_alone(flow, quote):
    flow.segment(f"{HEAD}{ANA}C-2,ion@example.com,{quote}{'x' * 10_000_000}{quote}\n{EVA}C-4,,Nobody\n")
    status = flow.run()
    assert status["rows_rejected"] == {"malformed_row": 1, "missing_email": 1}
    assert flow.places(status["run_id"]) == [
        ("Gold_1.csv", 3, "malformed_row"),
        ("Gold_1.csv", 5, "missing_email"),
    ]
    assert flow.sent() == WITHOUT_ION


def test_row_that_is_longer_than_a_megabyte_once_its_quotes_are_doubled_is_a_contact(flow):
    flow.segment(HEAD + ANA + "C-2,ion@example.com,Ion" + '"' * 999_000 + "\n" + EVA)
    status = flow.run()
    assert status["status"] == "succeeded"
    assert status["warnings"] == {"text_too_long": 1}
    assert flow.places(status["run_id"]) == [("Gold_1.csv", 3, "text_too_long")]
    assert flow.sent().keys() == {"ana@example.com", "ion@example.com", "eva@example.com"}


def test_quoted_cell_of_megabytes_of_line_breaks_rejects_its_row_alone(flow):
    flow.segment(f'{HEAD}{ANA}C-2,ion@example.com,"{"x" * 79}{("y" * 79 + chr(10)) * 30_000}"\n{EVA}C-4,,Nobody\n')
    status = flow.run()
    assert status["rows_rejected"] == {"malformed_row": 1, "missing_email": 1}
    assert flow.places(status["run_id"]) == [
        ("Gold_1.csv", 3, "malformed_row"),
        ("Gold_1.csv", 30_005, "missing_email"),
    ]
    assert flow.sent() == WITHOUT_ION


def test_line_is_the_physical_one_where_a_row_starts_behind_line_breaks_and_blank_lines(flow):
    flow.segment(
        "\n"  # 1
        + HEAD  # 2
        + ANA  # 3
        + "\n\n"  # 4, 5
        + 'C-10,,"two\nlines"\n'  # 6, 7
        + 'C-11,eva@example.com,"E\n\n\nva"\n'  # 8 to 11
        + "C-12,nobody,X\n"  # 12
        + "C-13,only two\n"  # 13
        + "\n"  # 14
        + "C-14,ana@example.com,Again\n"  # 15
        + 'C-15,"x\ny",Z\n'  # 16, 17
        + "C-16,,last"  # 18
    )
    status = flow.run()
    assert sorted(flow.places(status["run_id"]), key=lambda place: place[1]) == [
        ("Gold_1.csv", 6, "missing_email"),
        ("Gold_1.csv", 12, "invalid_email"),
        ("Gold_1.csv", 13, "malformed_row"),
        ("Gold_1.csv", 15, "duplicate_email"),
        ("Gold_1.csv", 16, "invalid_email"),
        ("Gold_1.csv", 18, "missing_email"),
    ]
    assert status["rows_read"] == 8


def test_line_behind_two_bad_rows_next_to_each_other_is_right(flow):
    flow.segment(HEAD + ANA + "C-2,short\n" + "C-3,short\n" + "C-4,,x\n" + EVA + "C-5\nC-6\nC-7\n" + "C-8,nobody,x\n")
    status = flow.run()
    assert sorted(flow.places(status["run_id"]), key=lambda place: place[1]) == [
        ("Gold_1.csv", 3, "malformed_row"),
        ("Gold_1.csv", 4, "malformed_row"),
        ("Gold_1.csv", 5, "missing_email"),
        ("Gold_1.csv", 7, "malformed_row"),
        ("Gold_1.csv", 8, "malformed_row"),
        ("Gold_1.csv", 9, "malformed_row"),
        ("Gold_1.csv", 10, "invalid_email"),
    ]


def test_malformed_row_behind_quoted_line_breaks_has_its_physical_line(flow):
    flow.segment(HEAD + 'C-1,ana@example.com,"A\nn\na"\n' + "C-2,short\n" + EVA + "C-4,too,many,fields\n" + "C-5,,x\n")
    status = flow.run()
    assert flow.places(status["run_id"]) == [
        ("Gold_1.csv", 5, "malformed_row"),
        ("Gold_1.csv", 7, "malformed_row"),
        ("Gold_1.csv", 8, "missing_email"),
    ]


def test_bad_utf_8_behind_quoted_line_breaks_has_its_physical_line(flow):
    flow.segment((HEAD + 'C-1,ana@example.com,"A\nn\na"\n').encode() + b"C-2,\xff,x\n" + (EVA + "C-4,,x\n").encode())
    status = flow.run()
    assert flow.places(status["run_id"]) == [("Gold_1.csv", 5, "invalid_encoding"), ("Gold_1.csv", 7, "missing_email")]


def test_blank_lines_of_a_file_with_one_column_are_no_rows(flow):
    flow.change(mapping={"email": "EMail"})
    flow.segment("EMail\nana@example.com\n\nnobody\n\n\neva@example.com\nnothing\n")
    status = flow.run()
    assert [place for place in flow.places(status["run_id"]) if place[2] == "invalid_email"] == [
        ("Gold_1.csv", 4, "invalid_email"),
        ("Gold_1.csv", 8, "invalid_email"),
    ]
    assert set(flow.sent()) == {"ana@example.com", "eva@example.com"}


def test_header_over_several_lines_is_counted(flow):
    flow.segment('CustomerId,EMail,"First\nName"\n' + ANA + "C-2,,x\n")
    flow.change(mapping={"email": "EMail"})
    status = flow.run()
    assert flow.places(status["run_id"]) == [("Gold_1.csv", 4, "missing_email")]
    assert set(flow.sent()) == {"ana@example.com"}
