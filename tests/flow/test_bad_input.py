"""Whatever is wrong with the input, the run says so in words, sends nothing half, and loses no other row."""

import gzip
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import stamina

from shared.errors import ConfigurationError
from shared.runs.starting import start_on_demand
from shared.runs.status import find_run
from shared.runs.steps.dispatch import take_step

HEAD = "CustomerId,EMail,FirstName\n"
ANA = "C-1,ana@example.com,Ana\n"
ION = "C-2,ion@example.com,Ion\n"
EVA = "C-3,eva@example.com,Eva\n"
ALL_THREE = {
    "ana@example.com": {"FIRSTNAME": "Ana"},
    "ion@example.com": {"FIRSTNAME": "Ion"},
    "eva@example.com": {"FIRSTNAME": "Eva"},
}
WITHOUT_ION = {email: values for email, values in ALL_THREE.items() if email != "ion@example.com"}


# The snapshot


def test_segment_without_a_snapshot_is_named(flow):
    flow.model_json({"name": "Gold"})
    flow.run_fails("snapshot_missing", "There is no snapshot of the segment Gold", flow.container, "Gold_1.csv")


def test_folder_that_looks_like_no_refresh_is_no_snapshot(flow):
    flow.blob("Gold/2026/11/today/Gold_1.csv", HEAD + ANA)
    flow.blob("Gold/Gold_1.csv", HEAD + ANA)
    flow.run_fails("snapshot_missing", "the segment Gold")


def test_missing_container_is_named(flow):
    flow.change(source={"container": f"{flow.container}-not", "folder": "a/b"})
    flow.run_fails("container_missing", f"There is no container {flow.container}-not.", "source.container")


def test_newest_snapshot_is_taken_whatever_the_order_of_its_upload(flow):
    flow.segment(HEAD + ANA, refresh="2026/11/24/0500")
    flow.segment(HEAD + ION, refresh="2026/09/30/2359")
    status = flow.run()
    assert status["snapshot"].startswith("2026-11-24T0500-")
    assert set(flow.sent()) == {"ana@example.com"}


@pytest.mark.parametrize("content", ["", HEAD, HEAD + "\n\n\n", "\ufeff", "\n\n"], ids=repr)
def test_segment_without_rows_is_skipped_and_told_so(flow, content):
    flow.segment(content)
    status = flow.run()
    assert status["status"] == "skipped"
    assert status["error"]["code"] == "segment_empty"
    assert "The snapshot of Gold has no rows." in status["error"]["message"]
    assert "Nothing was sent." in status["error"]["advice"]
    assert status["rows_read"] == status["contacts_mapped"] == 0
    assert flow.nothing_was_sent()


def test_empty_partition_beside_a_full_one_is_no_fault(flow):
    flow.segment("", partition=1)
    flow.segment(HEAD + ANA + ION + EVA, partition=2)
    flow.segment(HEAD, partition=3)
    status = flow.run()
    assert (status["status"], status["rows_read"]) == ("succeeded", 3)
    assert status["segments"] == [{"name": "Gold", "files": 3, "rows": 3}]
    assert flow.sent() == ALL_THREE


def test_table_that_model_json_does_not_name_is_refused_with_those_that_it_names(flow):
    flow.model_json({"name": "Silver"}, {"name": "Bronze"})
    flow.segment(HEAD + ANA)
    flow.run_fails("segment_unknown", "Gold is not a segment of the export", "The tables there are: Bronze, Silver.")


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", '{"entities": [{"name": 7}]}', b"\xff\xfe{\x00}\x00", "[" * 100_000],
    ids=lambda c: repr(c[:20]),
)
def test_broken_model_json_is_named(flow, content):
    flow.segment(HEAD + ANA)
    flow.blob("model.json", content)
    flow.run_fails("model_json_invalid", f"{flow.container}/CustomerInsights_abcd1234/BlobExport/model.json")


@pytest.mark.parametrize(
    ("first", "second"),
    [(("1", ".csv"), ("1", ".csv.gz")), (("1", ".csv"), ("01", ".csv")), (("7", ".csv.gz"), ("007", ".csv"))],
)
def test_partition_that_is_there_twice_is_named(flow, first, second):
    for partition, ending in (first, second):
        flow.segment(HEAD + ANA, partition=partition, ending=ending)
    names = [f"Gold_{partition}{ending}" for partition, ending in (first, second)]
    flow.run_fails("partition_twice", f"Partition {int(first[0])} of the segment Gold is there twice", *names)


@pytest.mark.parametrize("name", ["Silver_1.csv", "Gold_1 (copy).csv", "Gold_one.csv.gz", "gold_1.csv"])
def test_csv_file_in_the_folder_that_is_no_partition_is_named(flow, name):
    flow.segment(HEAD + ANA, partition=2)
    flow.blob(f"Gold/2026/11/24/0500/{name}", HEAD + ION)
    flow.run_fails("file_unexpected", name, "is not a partition of the segment Gold")


def test_other_files_in_the_folder_are_no_fault(flow):
    flow.segment(HEAD + ANA)
    flow.blob("Gold/2026/11/24/0500/_SUCCESS", "")
    flow.blob("Gold/2026/11/24/0500/readme.txt", "hello")
    assert flow.run()["status"] == "succeeded"


# The header


def test_mapped_column_that_is_missing_is_named_with_those_that_are_there(flow):
    flow.segment("CustomerId,EMail,Name\nC-1,ana@example.com,Ana\n")
    flow.run_fails("column_missing", "Gold_1.csv has no column 'FirstName'", "the columns are: CustomerId, EMail, Name")


def test_missing_email_column_is_named(flow):
    flow.segment("CustomerId,Mail,FirstName\nC-1,ana@example.com,Ana\n")
    flow.run_fails("column_missing", "has no column 'EMail'", "CustomerId, Mail, FirstName")


@pytest.mark.parametrize("row", ["17,,Maria,Popescu", "Maria", "17;;Maria;Popescu"])
@pytest.mark.parametrize("attributes", [{}, "all"])
def test_first_row_without_a_known_column_is_not_shown_since_it_may_be_a_customers(flow, row, attributes):
    flow.change(mapping={"email": "EMail", "attributes": attributes})
    flow.segment(f"{row}\n18,,Ion,Pop\n")
    status = flow.run_fails("column_missing", "Gold_1.csv has no column 'EMail'", "may be a customer's")
    assert "Maria" not in str(status) and "Popescu" not in str(status)


def test_second_file_without_a_header_does_not_show_its_first_row(flow):
    flow.change(mapping={"email": "EMail", "attributes": "all"}, leave_out_missing_attributes=True)
    flow.segment(HEAD + ANA, partition=1)
    flow.segment("17,,Maria\n", partition=2)
    status = flow.run_fails("header_differs", "Gold_2.csv has other columns", "may be a customer's")
    assert "Maria" not in str(status)


def test_columns_in_another_order_in_each_partition_are_found_by_name(flow):
    flow.segment(HEAD + ANA, partition=1)
    flow.segment("FirstName,EMail,CustomerId\nIon,ion@example.com,C-2\n", partition=2)
    flow.segment('"EMail","Note","FirstName"\neva@example.com,x,Eva\n', partition=3)
    assert flow.run()["status"] == "succeeded"
    assert flow.sent() == ALL_THREE


def test_mapped_column_that_one_partition_lacks_is_named_with_its_file(flow):
    flow.segment(HEAD + ANA, partition=1)
    flow.segment("CustomerId,EMail\nC-2,ion@example.com\n", partition=2)
    status = flow.run_fails("column_missing", "Gold_2.csv has no column 'FirstName'", "CustomerId, EMail")
    assert status["rows_read"] == 0


def test_unmapped_column_that_one_partition_lacks_is_no_fault(flow):
    flow.segment(HEAD + ANA, partition=1)
    flow.segment("EMail,FirstName,Extra\nion@example.com,Ion,x\n", partition=2)
    assert flow.run()["status"] == "succeeded"


def test_partitions_with_other_columns_are_refused_with_all(flow):
    flow.change(mapping={"email": "EMail", "attributes": "all"}, leave_out_missing_attributes=True)
    flow.segment(HEAD + ANA, partition=1)
    flow.segment("CustomerId,EMail,City\nC-2,ion@example.com,Cluj\n", partition=2)
    flow.run_fails("header_differs", "Gold_2.csv has other columns", "City, FirstName", '"all"')


def test_mapped_column_that_is_there_twice_is_named(flow):
    flow.segment("EMail,FirstName,FirstName\nana@example.com,Ana,Anne\n")
    flow.run_fails("column_twice", "has the mapped column 'FirstName' more than once", "Gold_1.csv")


def test_mapped_column_that_is_there_twice_but_for_its_case_is_told_by_its_exact_name(flow):
    flow.segment("EMail,firstname,FirstName\nana@example.com,Anne,Ana\n")
    assert flow.run()["status"] == "succeeded"
    assert flow.sent() == {"ana@example.com": {"FIRSTNAME": "Ana"}}


def test_unmapped_column_that_is_there_twice_is_no_fault(flow):
    flow.segment("EMail,FirstName,Note,Note\nana@example.com,Ana,a,b\n")
    assert flow.run()["status"] == "succeeded"


# Encodings


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [
        ("utf-16-le", b"\xff\xfe"),
        ("utf-16-be", b"\xfe\xff"),
        ("utf-16-le", b""),
        ("utf-16-be", b""),
    ],
)
def test_utf_16_is_named_as_such(flow, encoding, mark):
    flow.segment(mark + (HEAD + ANA).encode(encoding))
    flow.run_fails("encoding_utf16", "Gold_1.csv is UTF-16", "UTF-8")


def test_utf_16_in_the_second_partition_sends_nothing(flow):
    flow.segment(HEAD + ANA, partition=1)
    flow.segment((HEAD + ION).encode("utf-16"), partition=2, ending=".csv.gz")
    flow.run_fails("encoding_utf16", "Gold_2.csv.gz")


@pytest.mark.parametrize(
    "row",
    [b"C-2,ion@exam\x00ple.com,Ion\n", b"C-2,ion@example.com,I\x00on\n", b'C-2,ion@example.com,"\x00"\n'],
    ids=["email", "name", "quoted"],
)
def test_row_with_a_nul_byte_is_rejected_alone(flow, row):
    flow.segment(HEAD.encode() + ANA.encode() + row + EVA.encode())
    status = flow.run()
    assert status["rows_rejected"] == {"invalid_encoding": 1}
    assert flow.places(status["run_id"]) == [("Gold_1.csv", 3, "invalid_encoding")]
    assert flow.sent() == WITHOUT_ION


@pytest.mark.parametrize(
    "row",
    [b"C-2,ion@example.com,I\xf3n\n", b"C-2,ion\xff@example.com,Ion\n", b'C-2,ion@example.com,"I\xc3"\n'],
    ids=["latin1", "email", "cut"],
)
def test_row_with_bad_utf_8_is_rejected_alone(flow, row):
    flow.segment(HEAD.encode() + ANA.encode() + row + EVA.encode())
    status = flow.run()
    assert status["rows_rejected"] == {"invalid_encoding": 1}
    assert flow.places(status["run_id"]) == [("Gold_1.csv", 3, "invalid_encoding")]
    assert flow.sent() == WITHOUT_ION


def test_byte_order_mark_is_no_part_of_the_first_column(flow):
    flow.segment(("\ufeffEMail,FirstName\n" + "ana@example.com,Ana\n").encode(), partition=1)
    flow.segment(("\ufeff" + '"EMail","FirstName"\nion@example.com,Ion\n').encode(), partition=2, ending=".csv.gz")
    assert flow.run()["status"] == "succeeded"
    assert set(flow.sent()) == {"ana@example.com", "ion@example.com"}


@pytest.mark.parametrize(
    "data",
    [
        (HEAD + ANA + ION + EVA).replace("\n", "\r\n"),
        (HEAD + ANA + ION + EVA).replace("\n", "\r"),
        HEAD.replace("\n", "\r\n") + ANA + ION.replace("\n", "\r") + EVA.rstrip(),
        HEAD + ANA.replace("\n", "\r\n") + ION + EVA.replace("\n", "\r\n"),
        (HEAD + ANA + ION + EVA).replace("\n", "\r\n").rstrip("\n"),
    ],
    ids=["crlf", "cr", "all three", "mixed", "cr at the end"],
)
def test_line_ends_of_every_kind_are_read(flow, data):
    flow.segment(data)
    status = flow.run()
    assert (status["status"], status["rows_read"]) == ("succeeded", 3)
    assert flow.sent() == ALL_THREE


def test_line_of_a_rejected_row_is_right_whatever_the_line_ends(flow):
    flow.segment(HEAD + "C-1,,A\r\n" + "C-2,,B\r" + "C-3,ana@example.com,Ana\n" + "C-4,,D")
    status = flow.run()
    assert [line for _, line, _ in flow.places(status["run_id"])] == [2, 3, 5]


# Rows


@pytest.mark.parametrize("row", ["C-2,ion@example.com\n", "C-2\n", "C-2,ion@example.com,Ion,surplus\n", ",,,,,x\n"])
def test_row_with_missing_or_surplus_fields_is_rejected_alone(flow, row):
    flow.segment(HEAD + ANA + row + EVA)
    status = flow.run()
    assert status["rows_rejected"] == {"malformed_row": 1}
    assert flow.places(status["run_id"]) == [("Gold_1.csv", 3, "malformed_row")]
    assert flow.sent() == WITHOUT_ION


@pytest.mark.parametrize(
    "row", ['C-2,ion@example.com,"Ion" the tall\n', 'C-2,ion@example.com,"I"on"\n'], ids=["behind", "within"]
)
def test_stray_quote_rejects_its_row_alone(flow, row):
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


# Compressed files


def test_gzip_of_several_members_is_read_to_its_end(flow):
    flow.segment(
        gzip.compress((HEAD + ANA).encode()) + gzip.compress(ION.encode()) + gzip.compress(EVA.encode()),
        ending=".csv.gz",
    )
    assert flow.run()["rows_read"] == 3
    assert flow.sent() == ALL_THREE


@pytest.mark.parametrize("kept", [0.95, 0.5, 8], ids=["tail", "half", "head only"])
def test_gzip_that_is_cut_off_sends_nothing(flow, kept):
    whole = gzip.compress("".join([HEAD, *(f"C-{n},p{n}@example.com,P{n}\n" for n in range(5_000))]).encode())
    flow.segment(HEAD + ANA, partition=1)
    flow.segment(whole[: kept if kept > 1 else int(len(whole) * kept)], partition=2, ending=".csv.gz")
    flow.run_fails("gzip_invalid", "Gold_2.csv.gz is cut off", "nothing was sent")


def test_gzip_whose_second_member_is_cut_off_sends_nothing(flow):
    flow.segment(gzip.compress((HEAD + ANA).encode()) + gzip.compress(ION.encode())[:-6], ending=".csv.gz")
    flow.run_fails("gzip_invalid", "Gold_1.csv.gz is cut off")


def test_gzip_with_a_flipped_byte_sends_nothing(flow):
    whole = bytearray(gzip.compress((HEAD + ANA * 1000).encode()))
    whole[-6] ^= 0xFF
    flow.segment(bytes(whole), ending=".csv.gz")
    flow.run_fails("gzip_invalid", "Gold_1.csv.gz is not valid gzip")


def test_plain_text_that_is_named_gzip_is_read(flow):
    flow.blob("Gold/2026/11/24/0500/Gold_1.csv.gz", HEAD + ANA)
    assert flow.run()["rows_read"] == 1
    assert set(flow.sent()) == {"ana@example.com"}


def test_gzip_that_is_named_plain_text_is_read(flow):
    flow.blob("Gold/2026/11/24/0500/Gold_1.csv", gzip.compress((HEAD + ANA).encode(), mtime=0))
    assert flow.run()["rows_read"] == 1
    assert set(flow.sent()) == {"ana@example.com"}


def test_header_that_is_not_utf_8_is_told_in_clean_text(flow):
    flow.segment("CustomerId,EMail,Prénom\nC-1,ana@example.com,Ana\n".encode("latin-1"))
    status = flow.run()
    assert status["status"] == "failed"
    assert "Gold_1.csv" in status["error"]["message"]
    (status["error"]["message"] + status["error"]["advice"]).encode()  # no lone surrogate


# Blobs that change


def _change_in_mid_read(flow, monkeypatch, change):
    """Changes something after the first bytes of partition 1 were read, once."""
    blobs = flow.app.storage.segment_blobs
    real, done = blobs.chunks, []

    def chunks(container, name, etag):
        if name.endswith("Gold_1.csv") and not done:
            done.append(name)
            found = real(container, name, etag)
            yield next(found)
            change()
            yield from found
        else:
            yield from real(container, name, etag)

    monkeypatch.setattr(blobs, "chunks", chunks)


def _stage_again(flow, run_id):
    """What the postponed message does, without waiting for its time."""
    flow.work_until(lambda: find_run(flow.app, run_id).waiting)
    waiting = find_run(flow.app, run_id).waiting
    assert flow.nothing_was_sent()
    take_step(flow.app, f'{{"run": "{run_id}", "step": "stage"}}')
    return waiting


LARGE = HEAD + "".join(f"C-{n},old{n}@example.com,P{n}\n" for n in range(200_000))


def test_blob_that_is_replaced_in_mid_read_is_read_anew(flow, monkeypatch):
    flow.segment(LARGE)
    _change_in_mid_read(flow, monkeypatch, lambda: flow.segment(HEAD + ANA + ION + EVA))
    started = flow.start()
    waiting = _stage_again(flow, started.run_id)
    assert "Gold_1.csv was replaced or deleted while it was read" in waiting
    status = flow.finish(started.run_id)
    assert (status["status"], status["rows_read"]) == ("succeeded", 3)
    assert flow.sent() == ALL_THREE


def test_blob_that_is_deleted_in_mid_read_ends_in_a_run_without_a_snapshot(flow, monkeypatch):
    flow.segment(LARGE)
    _change_in_mid_read(
        flow, monkeypatch, lambda: flow.app.storage.segment_blobs.delete_below(flow.container, "CustomerInsights")
    )
    started = flow.start()
    assert "Gold_1.csv was replaced or deleted while it was read" in _stage_again(flow, started.run_id)
    status = flow.finish(started.run_id)
    assert (status["status"], status["error"]["code"]) == ("failed", "snapshot_missing")
    assert flow.nothing_was_sent()


# Brevo's side


def test_run_becomes_failed_when_brevo_refuses_the_key(flow, monkeypatch):
    monkeypatch.setenv(flow.account, "a-wrong-key")
    flow.segment(HEAD + ANA)
    flow.run_fails("brevo_key_refused", "Brevo does not accept the API key.", "setting")


@pytest.mark.parametrize("value", ["", "  "])
def test_key_that_is_not_set_is_told_with_its_setting(flow, monkeypatch, value):
    monkeypatch.setenv(flow.account, value)
    flow.segment(HEAD + ANA)
    flow.run_fails("setting_missing", f"The setting {flow.account} is not set.")


def test_key_vault_reference_that_did_not_resolve_is_told(flow, monkeypatch):
    monkeypatch.setenv(flow.account, "@Microsoft.KeyVault(SecretUri=https://x.vault.azure.net/secrets/brevo)")
    flow.segment(HEAD + ANA)
    status = flow.run_fails("key_vault_reference", f"in the setting {flow.account} did not resolve")
    assert "vault.azure.net" not in str(status)


def test_key_that_no_header_takes_is_a_wrong_key_and_not_tried_again(flow, monkeypatch):
    monkeypatch.setenv(flow.account, "key\u2028with a line separator")
    with stamina.set_testing(True, attempts=1), pytest.raises(ConfigurationError):
        flow.app.brevo(flow.account).list_count()


def test_blocked_ip_address_gets_its_own_advice(flow):
    flow.sandbox.fail_next("GET /contacts/lists/{listId}", "401-ip")
    flow.segment(HEAD + ANA)
    status = flow.run_fails("brevo_address_blocked", "does not accept this app's IP address", "fixed outbound address")
    assert "key" not in status["error"]["message"]


def test_list_that_brevo_does_not_have_is_named(flow):
    flow.change(list_id=4711)
    flow.segment(HEAD + ANA)
    flow.run_fails("list_missing", "Brevo has no list 4711.", "list_id")


@pytest.mark.parametrize(("kind", "code"), [("402", "brevo_no_credits"), ("403", "brevo_forbidden")])
def test_account_that_may_not_import_is_told_what_to_do(flow, kind, code):
    flow.sandbox.fail_next("POST /contacts/import", kind)
    flow.segment(HEAD + ANA)
    status = flow.run()
    assert (status["status"], status["error"]["code"]) == ("failed", code)
    assert "Nothing was sent." in status["error"]["message"]
    assert status["error"]["advice"]
    assert not flow.sandbox.imports.records()


def test_attributes_that_the_account_lacks_are_named(flow):
    flow.change(
        mapping={
            "email": "EMail",
            "first_name": {"field": "FirstName", "attribute": "PRENOM"},
            "attributes": {"shoe": "CustomerId"},
        }
    )
    flow.segment(HEAD + ANA)
    flow.run_fails("attributes_missing", "lacks these attributes: PRENOM, SHOE.", "create_missing_attributes")


def test_missing_attributes_are_made_where_the_export_says_so(flow):
    flow.change(
        create_missing_attributes=True,
        mapping={
            "email": "EMail",
            "attributes": {
                "SHOE": "Shoe",
                "SINCE": {"field": "Since", "type": "date"},
                "POINTS": {"field": "Points", "type": "number"},
                "VIP": {"field": "Vip", "type": "boolean"},
            },
        },
    )
    flow.segment("EMail,Shoe,Since,Points,Vip\nana@example.com,42,2020-02-29,7.5,yes\n")
    assert flow.run()["status"] == "succeeded"
    types = {each.name: each.type for each in flow.sandbox.account.attributes}
    assert {name: types[name] for name in ("SHOE", "SINCE", "POINTS", "VIP")} == {
        "SHOE": "text",
        "SINCE": "date",
        "POINTS": "float",
        "VIP": "boolean",
    }
    assert flow.sent() == {"ana@example.com": {"SHOE": "42", "SINCE": "2020-02-29", "POINTS": 7.5, "VIP": True}}


def test_missing_attributes_are_left_out_and_told_where_the_export_says_so(flow):
    flow.change(
        leave_out_missing_attributes=True,
        mapping={"email": "EMail", "first_name": "FirstName", "attributes": {"SHOE": "CustomerId"}},
    )
    flow.segment(HEAD + ANA)
    status = flow.run()
    assert status["status"] == "succeeded"
    assert status["notes"] == ["Sent without attributes that the account lacks: SHOE."]
    assert flow.sent() == {"ana@example.com": {"FIRSTNAME": "Ana"}}
    assert not flow.sandbox.imports.records()[0].ignored_attributes


def test_global_attribute_is_told_as_missing(flow):
    flow.change(mapping={"email": "EMail", "attributes": {"BLACKLIST": "CustomerId"}})
    flow.segment(HEAD + ANA)
    flow.run_fails("attributes_missing", "lacks these attributes: BLACKLIST.")


# Starting


def test_unknown_export_is_told_with_those_that_are_there(flow):
    flow.add_export("two")
    with pytest.raises(ConfigurationError) as caught:
        start_on_demand(flow.app, "no-such-export", "terminal", "tester")
    assert caught.value.code == "export_unknown"
    assert str(caught.value) == (
        f"There is no export 'no-such-export'. The exports are: {flow.export_id}, {flow.export_id}-two."
    )


def test_detached_export_is_not_started(flow):
    flow.change(connection=None)
    with pytest.raises(ConfigurationError, match=r"is detached\. Choose a connection"):
        flow.start()


def test_connection_without_consent_starts_nothing(flow):
    flow.change_connection(consent=None)
    with pytest.raises(ConfigurationError, match="Nobody has agreed to sending data through the connection brevo-eu"):
        flow.start()


def test_export_that_is_pointed_elsewhere_during_its_run_is_stopped(flow):
    flow.segment(HEAD + ANA)
    started = flow.start()
    flow.change(list_id=13)
    status = flow.finish(started.run_id)
    assert (status["status"], status["error"]["code"]) == ("failed", "export_changed")
    assert flow.nothing_was_sent()


def test_configuration_that_breaks_during_a_run_is_waited_for(flow):
    flow.segment(HEAD + ANA)
    started = flow.start()
    text = flow.config.read_text()
    flow.config.write_text('{"exports": [}')
    assert "line 1: is not JSON" in _stage_again(flow, started.run_id)
    flow.config.write_text(text)
    assert flow.finish(started.run_id)["status"] == "succeeded"


@pytest.mark.parametrize("command", [["status"], ["run", "high-value", "--wait"]], ids=" ".join)
def test_terminal_says_in_one_line_that_storage_is_not_reachable(command, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: every connection is refused
        port = taken.getsockname()[1]
        endpoints = "".join(
            f"{kind}Endpoint=http://127.0.0.1:{port}/devstoreaccount1;" for kind in ("Blob", "Queue", "Table")
        )
        environment = os.environ | {
            "AzureWebJobsStorage": "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=a2V5;"
            + endpoints,
            "BREVO_API_KEY": "unused",
        }
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "shared.cli", *command],
            cwd=Path(__file__).parents[2],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert time.monotonic() - began < 20
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("segment-export: Storage did not answer for")
    assert "AzureWebJobsStorage" in done.stderr
