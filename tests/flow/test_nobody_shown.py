"""Nobody is shown by a file's name, a header that is none, a cell that is a formula, or an id that is unknown."""

import csv
import io

import pytest

from shared.access import AccessDenied, Caller
from shared.administration.checking import check_export
from shared.administration.connections import connect, remove_connection, view_connection
from shared.administration.exports import (
    detach_export,
    duplicate_export,
    remove_export,
    save_export,
    view_export,
)
from shared.administration.items import InvalidInput
from shared.administration.previewing import previewed
from shared.administration.running import cancel_run, start_export
from shared.brevo.client import BrevoClient
from shared.errors import ConfigurationError, PermanentError, masked
from shared.mapping.results import RejectedRow
from shared.segments.snapshot import find_snapshot, odd_refreshes
from shared.staging.rejected import RejectedWriter, plain_cell, rejected_csv

HEAD = "CustomerId,EMail,FirstName\n"
ADDRESS = "ana.pop@example.com"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("segments/a/ana.pop@example.com_1.csv is cut off", "segments/a/(address) is cut off"),
        ("a/Gold-ana@example.com.csv, line 3: odd", "a/(address), line 3: odd"),
        ("the column 'ana@example.com' is there", "the column '(address)' is there"),
        ("ana\uff20example.com", "(address)"),
        ("Set it to @daily; 5 @ 6", "Set it to @daily; 5 @ 6"),
        ("nothing", "nothing"),
    ],
)
def test_address_in_an_errors_words_is_masked(text, expected):
    error = PermanentError("code", text, text)
    assert (error.message, error.advice, masked(text)) == (expected, expected, expected)
    assert ADDRESS not in f"{error} {error!r}"


def test_address_in_a_files_name_is_in_no_table_status_or_report(flow):
    for number, row in enumerate(["C-1,,Ana", 'C-2,ion@example.com,"Ion"x', "C-3,dan@example.com,Dan"], start=1):
        flow.blob(f"Gold/2026/11/24/0500/{ADDRESS}_{number}.csv", f"{HEAD}{row}\n")
    read = flow.run()
    assert {row["file"] for row in flow.rejects(read["run_id"])} == {"(address)"}
    assert "(address), line 2: the row has" in str(read["notes"])
    flow.blob(f"Gold/2026/11/24/0600/{ADDRESS}_1.csv", "Other\nx\n")
    refused = flow.run()
    assert "/(address) has no column" in refused["error"]["message"]
    told = f"{flow.status(read['run_id'])}{flow.rejects_text(read['run_id'])}{flow.status(refused['run_id'])}"
    stored = "".join(f"{row.values}" for table in ("runs", "batches", "events") for row in _rows(flow, table))
    assert ADDRESS not in f"{told}{stored}"


def test_address_in_a_files_name_is_in_no_preview_and_in_no_line_on_odd_refreshes(flow):
    flow.blob(f"Gold/2026/11/24/0500/{ADDRESS}_1.csv", f"{HEAD}C-1,ion@example.com,Ion\nC-2,eva@example.com\n")
    [note] = flow.preview()["notes"]
    assert "/(address), line 3: the row has 2 cells" in note
    flow.blob(f"{ADDRESS}-export_Gold_9790000001.csv", HEAD)
    flow.blob(f"{ADDRESS}-export_Gold_1790000001.csv", HEAD)
    blobs, source = flow.app.storage.segment_blobs, flow.app.ready_export(flow.export_id).export.source
    assert odd_refreshes(blobs, source, ["Gold"])[0].startswith("(address) was written after Gold/2026/11/24/0500")
    blobs.delete_below(flow.container, f"{source.folder}/Gold/")
    assert find_snapshot(blobs, source, ["Gold"]).passed_over[0].startswith("(address) is dated more than a day")


def test_address_in_a_files_name_is_in_no_fault_of_an_export_that_is_saved(flow):
    flow.blob(f"Gold/2026/11/24/0500/{ADDRESS}_1.csv", "CustomerId,Mail\n")
    ready = flow.app.ready_export(flow.export_id)
    with pytest.raises(InvalidInput) as raised:
        check_export(flow.app, ready.export, ready.connection)
    assert "mapping.email: " in raised.value.problems[0]
    assert "/(address) has no column 'EMail'" in raised.value.problems[0]
    assert ADDRESS not in f"{raised.value.problems}{raised.value}"


def _rows(flow, table):
    return getattr(flow.app.storage, table).rows()


@pytest.mark.parametrize("row", ["Maria,,", ",,Maria", "Maria,Popescu,"])
def test_first_row_of_a_second_file_is_not_shown_where_the_header_has_a_column_without_name(flow, row):
    flow.change(mapping={"email": "EMail", "attributes": "all"}, leave_out_missing_attributes=True)
    flow.segment("CustomerId,EMail,\nC-1,ana@example.com,x\n", partition=1)
    flow.segment(f"{row}\n17,,Ion\n", partition=2)
    status = flow.run()
    assert status["status"] == "failed"
    assert "Maria" not in str(status)


@pytest.mark.parametrize("sign", ["=", "+", "-", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d"])
def test_no_cell_of_the_rejected_rows_is_a_formula(flow, sign, tmp_path):
    text = f"{sign}cmd|' /C calc'!A0"
    blobs = flow.app.storage.app_blobs
    with RejectedWriter(blobs, "run/abcd", tmp_path) as rows:
        rows.add(RejectedRow(text, text, 3, "invalid_date", text, text, None))
    (row,) = list(csv.DictReader(io.StringIO(b"".join(rejected_csv(blobs, "run", "abcd")).decode(), newline="")))
    assert {row[name] for name in ("segment", "file", "field", "customer_id")} == {f"'{text}"}
    assert plain_cell("\uff20SUM(1)") == plain_cell("@SUM(1)") == ""
    assert plain_cell(f" {text}") == f"' {text}"


@pytest.mark.parametrize("sign", ["=", "+", "-", "\uff1d"])
@pytest.mark.parametrize("between", [";", "\t", "\n", "\r\n", '; "', ";;"])
def test_no_part_of_a_cell_is_a_formula_to_a_spreadsheet_that_parts_at_semicolons(flow, between, sign, tmp_path):
    text, blobs = f"C-1{between}{sign}cmd|' /C calc'!A0;x", flow.app.storage.app_blobs
    with RejectedWriter(blobs, "run/abcd", tmp_path) as rows:
        rows.add(RejectedRow("Gold", "Gold_1.csv", 3, "invalid_date", text, text, None))
    (stored,) = blobs.listing("rejected-rows", "run/abcd")
    data = blobs.read("rejected-rows", stored.name).decode()
    cells = [cell for delimiter in ";\t" for row in csv.reader(data.splitlines(), delimiter=delimiter) for cell in row]
    assert not [cell for cell in cells if cell.lstrip(' "').startswith(sign)]
    assert plain_cell(plain_cell(text)) == plain_cell(text)


@pytest.mark.parametrize("text", ["C;1", "a-b;c=d", "0f8f-ad5b", "Popescu; Ana", ";", "a;b\nc", " x", ""])
def test_cell_that_no_spreadsheet_takes_for_a_formula_stays_as_it_is(text):
    assert plain_cell(text) == text


def test_attributes_name_is_quoted_in_brevos_path():
    class Session:
        def call(self, kind, method, path, **_):
            self.path = path

    session = Session()
    BrevoClient(session).create_attribute("A/../B?x#y Z", "text")
    assert session.path == "/contacts/attributes/normal/A%2F..%2FB%3Fx%23y%20Z"


NOBODY, VIEWER, ADMINISTRATOR = Caller("user a", None), Caller("user b", "viewer"), Caller("user c", "administrator")


@pytest.mark.parametrize("name", ["no-such", None])
def test_who_may_not_do_something_learns_of_no_export_whether_it_is_there(flow, name):
    app, export_id = flow.app, name or flow.export_id
    export = app.document().exports[0]
    attempts = [
        lambda: start_export(app, VIEWER, export_id, "http"),
        lambda: previewed(app, VIEWER, export_id),
        lambda: duplicate_export(app, VIEWER, export_id, "copy"),
        lambda: detach_export(app, VIEWER, export_id),
        lambda: remove_export(app, VIEWER, export_id, "*"),
        lambda: save_export(app, VIEWER, export.model_copy(update={"id": export_id}), "*"),
        lambda: cancel_run(app, VIEWER, f"{export_id}-20261124T050000-abcdef"),
        lambda: view_export(app, NOBODY, export_id),
        lambda: view_connection(app, NOBODY, name or "brevo-eu"),
        lambda: connect(app, VIEWER, name or "brevo-eu"),
        lambda: remove_connection(app, VIEWER, name or "brevo-eu", "*"),
    ]
    told = set()
    for attempt in attempts:
        with pytest.raises(AccessDenied) as raised:
            attempt()
        told.add(str(raised.value))
    assert not [words for words in told if "brevo-eu" in words or flow.export_id in words]


def test_unknown_id_lists_no_other(flow):
    for attempt in (
        lambda: view_export(flow.app, ADMINISTRATOR, "no-such"),
        lambda: view_connection(flow.app, ADMINISTRATOR, "no-such"),
        lambda: start_export(flow.app, ADMINISTRATOR, "no-such", "http"),
    ):
        with pytest.raises(ConfigurationError, match=r"There is no (export|connection) 'no-such'") as raised:
            attempt()
        assert flow.export_id not in str(raised.value)
        assert "brevo-eu" not in str(raised.value)
