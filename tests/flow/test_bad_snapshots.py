"""What is wrong with a snapshot or a compressed file, or changes meanwhile: the run says so and sends nothing half."""

import gzip

import pytest

from tests.flow.gold_file import stage_again
from tests.flow.three_people import ALL_THREE, ANA, EVA, HEAD, ION

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


@pytest.mark.parametrize("mode", ["full", "mirror"])
def test_gzip_of_no_bytes_is_cut_off_and_no_empty_partition(flow, mode):
    flow.change(sync_mode=mode)
    flow.segment(HEAD + ANA, partition=1)
    flow.blob("Gold/2026/11/24/0500/Gold_2.csv.gz", b"")
    flow.run_fails("gzip_invalid", "Gold_2.csv.gz is cut off", "nothing was sent")


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


@pytest.fixture(scope="module")
def large_segment():
    return HEAD + "".join(f"C-{n},old{n}@example.com,P{n}\n" for n in range(250_000))


def test_blob_that_is_replaced_in_mid_read_is_read_anew(flow, large_segment, monkeypatch):
    flow.segment(large_segment)
    _change_in_mid_read(flow, monkeypatch, lambda: flow.segment(HEAD + ANA + ION + EVA))
    started = flow.start()
    waiting = stage_again(flow, started.run_id)
    assert "Gold_1.csv was replaced or deleted while it was read" in waiting
    status = flow.finish(started.run_id)
    assert (status["status"], status["rows_read"]) == ("succeeded", 3)
    assert flow.sent() == ALL_THREE


def test_blob_that_is_deleted_in_mid_read_ends_in_a_run_without_a_snapshot(flow, large_segment, monkeypatch):
    flow.segment(large_segment)
    _change_in_mid_read(
        flow, monkeypatch, lambda: flow.app.storage.segment_blobs.delete_below(flow.container, "CustomerInsights")
    )
    started = flow.start()
    assert "Gold_1.csv was replaced or deleted while it was read" in stage_again(flow, started.run_id)
    status = flow.finish(started.run_id)
    assert (status["status"], status["error"]["code"]) == ("failed", "snapshot_missing")
    assert flow.nothing_was_sent()
