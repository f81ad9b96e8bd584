"""Each record of a segment file is a contact or rejected with its line, or the run fails with its line."""

import re
from pathlib import Path

import pytest

from tests.sizes import thinned

PAGE = (Path(__file__).parents[2] / "docs" / "configure.md").read_text()
HEAD = b"CustomerId,EMail,FirstName\n"
BEFORE = b"C-1,ana@example.com,Ana\n"
BEHIND = b"C-7,eva@example.com,Eva\nC-8,,Nobody\n"
TABLE = re.findall(r"^\| `(.+?)` \| (.+) \|$", PAGE.split("## What a segment file gives")[1], re.MULTILINE)


def written(example: str) -> bytes:
    """The record that a row of the table shows."""
    text = example.replace("⏎", "\n").encode()
    return re.sub(rb"\\x([0-9A-F]{2})", lambda match: bytes([int(match[1], 16)]), text) + b"\n"


def test_table_of_the_page_is_read():
    assert len(TABLE) >= 17
    assert {gives.split("`")[1] for _, gives in TABLE if "`" in gives} >= {"malformed_row", "quote_open"}


@pytest.mark.parametrize(("example", "gives"), thinned(TABLE, 2), ids=[example for example, _ in TABLE])
def test_record_gives_what_the_page_says(flow, example, gives):
    record = written(example)
    flow.segment(HEAD + BEFORE + record + BEHIND)
    if "the run fails" in gives:
        flow.run_fails(re.search("`(.+?)`", gives)[1], "Gold_1.csv, line 3", "never closed")
        return
    status = flow.run()
    last = 4 + record.count(b"\n")
    expected = [] if gives.startswith("contact") else [("Gold_1.csv", 3, gives.split("`")[1])]
    assert flow.places(status["run_id"]) == [*expected, ("Gold_1.csv", last, "missing_email")]
    assert set(flow.sent()) == {"ana@example.com", "eva@example.com"} | (set() if expected else {"ion@example.com"})
    assert status["rows_read"] == 4


# What many files have in common


def test_notes_say_how_many_cells_a_row_has_and_who_names_the_columns(flow):
    flow.model_json({"name": "Gold", "attributes": [{"name": name} for name in ("CustomerId", "EMail", "FirstName")]})
    flow.segment(BEFORE + b"C-2,ion@example.com,Ion,Sales\nC-3,dan@example.com,Dan,Sales\n" + BEHIND)
    status = flow.run()
    assert status["rows_rejected"] == {"malformed_row": 2, "missing_email": 1}
    (note,) = status["notes"]
    assert note.endswith(
        "Gold_1.csv, line 2: the row has 4 cells, model.json names 3. The same holds for 1 more of its rows."
    )


def test_guard_on_rejected_rows_says_what_is_wrong_with_them(flow):
    flow.change(max_rejected=0.1)
    flow.segment(HEAD + BEFORE + b"C-2;ion@example.com;Ion\n" + BEHIND)
    flow.run_is_held("guard_max_rejected", "line 3: the row has 1 cell, the header names 3", "separated by ';'")


def test_file_in_windows_1252_is_named_in_one_note(flow):
    flow.segment(HEAD + BEFORE + "C-2,zoe@example.com,Zoë\nC-3,muller@example.com,Müller\n".encode("cp1252"))
    status = flow.run()
    assert status["rows_rejected"] == {"invalid_encoding": 2}
    (note,) = status["notes"]
    assert note.endswith("Gold_1.csv looks like Windows-1252, not UTF-8: 2 rows cannot be read. Export it as UTF-8.")


def test_bytes_that_are_no_windows_1252_are_not_called_so(flow):
    flow.segment(HEAD + BEFORE + b"C-2,ion@example.com,I\x81\x8d\n")
    assert flow.run()["notes"] == []


# Quotes that stay open beside another fault of their record


@pytest.mark.parametrize(
    "record",
    [
        b'C-2,ion@example.com,"Ion,surplus\n',
        b'C-2,ion@example.com,"Ion\xff\n',
        b'"C-2,ion@example.com,Ion\n',
        b'C-2,ion@example.com,"Ion\nC-3,x@example.com,"Pop, Dan"\n',
    ],
    ids=["surplus cell", "bad byte", "first cell", "quoted comma later"],
)
@pytest.mark.parametrize("behind", [b"", b'C-9,pia@example.com,"Pop, Pia"\n'], ids=["to the end", "to the next quote"])
def test_open_quote_fails_the_run_whatever_else_is_wrong(flow, record, behind):
    flow.segment(HEAD + BEFORE + record + BEHIND * 1_000 + behind)
    flow.run_fails("quote_open", "Gold_1.csv, line 3", "swallows")


def test_lost_closing_quote_where_every_cell_is_quoted_fails_the_run(flow):
    flow.segment(b'"CustomerId","EMail","FirstName"\n"C-1","ana@example.com","Ana\n"C-2","ion@example.com","Ion"\n')
    flow.run_fails("quote_open", "Gold_1.csv, line 2")


def test_open_quote_names_the_line_behind_blank_lines(flow):
    flow.segment(HEAD + b"\n\n" + BEFORE + b"\n" + b'C-2,ion@example.com,"Ion\n' + BEHIND)
    flow.run_fails("quote_open", "Gold_1.csv, line 6")


def test_quotes_escaped_by_a_backslash_are_named_as_the_cause(flow):
    flow.segment(HEAD + b'C-2,ion@example.com,"Ends \\"",x\n' + BEFORE + b'C-3,eva@example.com,"E, va"\n')
    flow.run_fails("quote_open", "Gold_1.csv, line 2", "escaped by a backslash: set source.escape")


def test_quotes_escaped_by_a_backslash_are_read_where_the_source_says_so(flow):
    flow.change(source={**flow.export["source"], "escape": "\\"})
    flow.segment(
        HEAD
        + b'C-1,a@example.com,"Test \\"T\\""\n'
        + b'C-2,b@example.com,"Ends \\""\n'
        + b'C-3,c@example.com,"x\\", y"\n'
        + b'C-4,d@example.com,"path C:\\\\"\n'
        + b"C-5,e@example.com,C:\\plain\n"
    )
    assert flow.run()["status"] == "succeeded"
    names = {email: values["FIRSTNAME"] for email, values in flow.sent().items()}
    assert names == {
        "a@example.com": 'Test "T"',
        "b@example.com": 'Ends "',
        "c@example.com": 'x", y',
        "d@example.com": "path C:\\",
        "e@example.com": "C:\\plain",
    }


def test_lines_behind_a_space_before_a_quoted_line_break_are_right(flow):
    flow.segment(HEAD + b'C-1, "ana@example.com", "Pop\nAna"\nC-2,nobody,Ion\n')
    status = flow.run()
    assert flow.places(status["run_id"]) == [("Gold_1.csv", 4, "invalid_email")]
    assert flow.sent() == {"ana@example.com": {"FIRSTNAME": "Pop\nAna"}}


# Borders of what the engine reads at once: multiples of 8,000,000 bytes, and of a chunk


def customers(first: int, size_bytes: int) -> bytes:
    rows, size = [], 0
    while size < size_bytes:
        rows.append(b"C-%d,p%d@example.com,%s\n" % (first + len(rows), first + len(rows), b"n" * 60))
        size += len(rows[-1])
    return b"".join(rows)


CELLS, BYTES = b"C-0,short\n", b"C-0,\xff@example.com,x\n"


@pytest.mark.parametrize(
    ("before", "faulty"),
    [
        pytest.param(7_999_950, CELLS, id="cells at the first"),
        pytest.param(15_999_900, BYTES, id="bytes at the second"),
        pytest.param(7_999_950, BYTES, id="bytes at the first", marks=pytest.mark.full),
        pytest.param(15_999_900, CELLS, id="cells at the second", marks=pytest.mark.full),
        pytest.param(23_999_950, CELLS, id="cells at the third", marks=pytest.mark.full),
        pytest.param(23_999_950, BYTES, id="bytes at the third", marks=pytest.mark.full),
    ],
)
def test_malformed_row_behind_a_border_of_the_engine_loses_nobody(flow, before, faulty):
    rows = customers(1, before)
    flow.segment(HEAD + rows + faulty + customers(1_000_000, 200_000))
    status = flow.preview()
    lines = rows.count(b"\n")
    assert status["rows_read"] == lines + 1 + customers(1_000_000, 200_000).count(b"\n")
    assert sum(status["rows_rejected"].values()) == 1
    assert status["contacts_mapped"] == status["rows_read"] - 1


def test_text_of_a_note_over_a_border_is_no_contact(flow):
    note = b"C-0,note@example.com," + b'"' + b"C-6,not-a-customer@example.com,Evil\n" * 20_000 + b'"\n'
    rows = customers(1, 7_700_000)
    flow.segment(HEAD + rows + note + customers(1_000_000, 100_000))
    status = flow.preview()
    assert status["rows_rejected"] == {}
    assert status["contacts_mapped"] == rows.count(b"\n") + 1 + customers(1_000_000, 100_000).count(b"\n")


# The header


@pytest.mark.parametrize("marks", [1, 2])
def test_byte_order_marks_are_no_part_of_the_first_column(flow, marks):
    flow.segment(b"\xef\xbb\xbf" * marks + b'"EMail",FirstName\nana@example.com,Ana\n')
    assert flow.run()["status"] == "succeeded"


def test_note_for_excel_is_no_header(flow):
    flow.segment(b"sep=;\nCustomerId;EMail;FirstName\nC-1;ana@example.com;Ana\n")
    flow.run_fails("header_invalid", "line 1", "note for Excel", "source.delimiter to ';'")


def test_semicolons_where_commas_are_expected_are_named(flow):
    flow.segment(b"CustomerId;EMail;FirstName\nC-1;ana@example.com;Ana\n")
    flow.run_fails("column_missing", "EMail", "set source.delimiter to ';'")


def test_quote_that_stays_open_in_the_header_is_named(flow):
    flow.segment(b'CustomerId,EMail,"FirstName\nC-1,ana@example.com,Ana\n')
    flow.run_fails("header_invalid", "Gold_1.csv, line 1", "opens a quote")


def test_rows_that_the_engine_reads_otherwise_fail_the_run(flow, monkeypatch):
    monkeypatch.setattr("shared.mapping.chunk.Chunk.flush", lambda chunk: chunk._file.truncate(len(BEFORE)))
    flow.segment(HEAD + BEFORE * 2 + BEHIND)
    flow.run_fails("rows_miscounted", "4 rows were counted from Gold_1.csv, line 2 to Gold_1.csv, line 5")


def test_invisible_characters_around_a_column_name_are_no_part_of_it_and_those_within_are_allowed(flow):
    flow.change(mapping={"email": "EMail", "first_name": "First\u00a0Name"})
    flow.segment("CustomerId,\u200bEMail\u200b,\u00a0First\u00a0Name\u2060,Note\u00ad1\nC-1,ana@example.com,Ana,x\n")
    assert flow.run()["status"] == "succeeded"
    assert flow.sent() == {"ana@example.com": {"FIRSTNAME": "Ana"}}


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (b"CustomerId,EMail,FirstName,Stra\xdfe\n", "the header row looks like Windows-1252"),
        (b"CustomerId,EMail,FirstName,\x81\n", "the header row is not text in UTF-8"),
        (b"CustomerId,EMail,First\x00Name\n", "the header row has control characters"),
        (b'"CustomerId";"EMail";"FirstName"\n', "set source.delimiter"),
    ],
)
def test_header_that_cannot_be_read_is_refused_with_the_cause(flow, header, words):
    flow.segment(header + b"C-1,ana@example.com,Ana\n")
    flow.run_fails("header_invalid", "Gold_1.csv, line 1", words)


def without_header(flow) -> None:
    partition = {
        "location": "Gold/2026/11/24/0500/Gold_1.csv",
        "fileFormatSettings": {"columnHeaders": False, "delimiter": ","},
    }
    columns = [{"name": name} for name in HEAD.decode().strip().split(",")]
    flow.model_json({"name": "Gold", "attributes": columns, "partitions": [partition]})


def test_first_row_of_a_file_without_header_is_judged_as_any_other(flow):
    without_header(flow)
    flow.segment(b'C-0,dan@example.com,"Dan" the tall\n' + BEFORE)
    status = flow.run()
    assert flow.places(status["run_id"]) == [("Gold_1.csv", 1, "malformed_row")]
    assert set(flow.sent()) == {"ana@example.com"}


def test_quote_that_stays_open_in_the_first_row_of_a_file_without_header_is_named(flow):
    without_header(flow)
    flow.segment(b'C-0,dan@example.com,"Dan\n' + BEFORE)
    flow.run_fails("quote_open", "Gold_1.csv, line 1: a quote is opened and never closed, which swallows")
