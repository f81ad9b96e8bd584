"""The storage in memory behaves as Azurite does, as far as the app can tell."""

import base64
import uuid
from collections.abc import Callable
from contextlib import suppress

import pytest
from azure.core.exceptions import ResourceExistsError
from azure.storage.queue import QueueClient

from shared.settings import read_settings
from shared.storage.account import Storage, open_storage
from shared.storage.failures import Conflict, NotFound
from shared.storage.queue import Queue
from shared.storage.tables import Change, OneOf, Row
from simulation.storage import Kept
from tests.memory_line import Line, VirtualClock
from tests.waiting import wait_until


@pytest.fixture(params=["memory", "azurite"])
def storage(request: pytest.FixtureRequest) -> Storage:
    if request.param == "memory":
        return Kept(VirtualClock()).storage(Line())
    azurite = request.getfixturevalue("azurite")
    return open_storage(read_settings({"AzureWebJobsStorage": azurite.connection_string}))


@pytest.fixture
def part() -> str:
    return uuid.uuid4().hex


def outcome(act: Callable[[], object]) -> str:
    try:
        act()
    except (Conflict, NotFound, TypeError) as error:
        return type(error).__name__
    return "ok"


def test_row_is_inserted_once_and_replaced_only_as_it_was_read(storage, part):
    table = storage.runs
    assert outcome(lambda: table.insert(Row(part, "a", {"n": 1, "gone": None}))) == "ok"
    assert outcome(lambda: table.insert(Row(part, "a", {"n": 2}))) == "Conflict"
    read = table.get(part, "a")
    assert dict(read.values) == {"n": 1}
    assert outcome(lambda: table.replace(Row(part, "a", {"n": 3}, read.etag))) == "ok"
    assert outcome(lambda: table.replace(Row(part, "a", {"n": 4}, read.etag))) == "Conflict"
    assert outcome(lambda: table.delete(read)) == "Conflict"
    assert outcome(lambda: table.delete(table.get(part, "a"))) == "ok"
    assert outcome(lambda: table.delete(read)) == "ok"
    assert outcome(lambda: table.replace(read)) == "NotFound"
    assert table.get(part, "a") is None


def test_transaction_makes_all_changes_or_none(storage, part):
    storage.runs.insert(Row(part, "active", {"run": "x"}))
    changes = [Change("insert", Row(part, "new", {})), Change("insert", Row(part, "active", {"run": "y"}))]
    assert outcome(lambda: storage.runs.transact(changes)) == "Conflict"
    assert storage.runs.get(part, "new") is None
    active = storage.runs.get(part, "active")
    storage.runs.delete(active)
    gone = [Change("put", Row(part, "new", {})), Change("delete", active)]
    assert outcome(lambda: storage.runs.transact(gone)) == "Conflict"


def test_rows_come_in_the_order_of_their_keys_within_bounds(storage, part):
    for key in ("b", "a", "c-1", "c-2", "d"):
        storage.batches.put(Row(part, key, {"k": key}))
    assert [row.key for row in storage.batches.query(part)] == ["a", "b", "c-1", "c-2", "d"]
    assert [row.key for row in storage.batches.query(part, "c-", "c.")] == ["c-1", "c-2"]
    assert [row.key for row in storage.batches.query(part, limit=2)] == ["a", "b"]


def test_rows_of_some_values_are_found_behind_any_number_of_others(storage, part):
    states = {f"{number:03}": "confirmed" if number < 150 else "staged" for number in range(200)}
    for key, state in states.items():
        storage.batches.put(Row(part, key, {"state": state}))
    storage.batches.put(Row(part, "none", {}))
    wanted = OneOf("state", ("staged", "it's another"))
    assert [row.key for row in storage.batches.query(part, one_of=wanted, limit=2)] == ["150", "151"]
    assert len(list(storage.batches.query(part, "100", "190", one_of=wanted))) == 40
    assert list(storage.batches.query(part, one_of=OneOf("state", ("delivered",)))) == []


def test_number_that_does_not_fit_is_refused(storage, part):
    assert outcome(lambda: storage.runs.put(Row(part, "n", {"n": 2**63 - 1}))) == "ok"
    assert outcome(lambda: storage.runs.put(Row(part, "n", {"n": 2**63}))) == "TypeError"


def test_blob_is_read_as_it_was_listed_or_not_at_all(storage, part):
    blobs = storage.app_blobs
    assert outcome(lambda: blobs.listing(part, "")) == "NotFound"
    assert blobs.listing_if_there(part, "") == []
    blobs.write(part, "x/1.csv", b"one")
    blobs.write(part, "x/y/2.csv", b"two")
    [first, second] = blobs.listing(part, "x/")
    assert (first.name, first.size_bytes, second.name) == ("x/1.csv", 3, "x/y/2.csv")
    assert blobs.folders(part, "x/") == ["y"]
    assert blobs.level(part, "x/") == (["y"], [first])
    assert blobs.level(part, "") == (["x"], [])
    assert part in blobs.containers()
    blobs.write(part, "x/1.csv", b"changed")
    assert outcome(lambda: list(blobs.chunks(part, "x/1.csv", first.etag))) == "Conflict"
    [changed, _] = blobs.listing(part, "x/")
    for offset, length, expected in ((0, 3, b"cha"), (4, 3, b"ged"), (4, 99, b"ged"), (6, 1, b"d")):
        assert b"".join(blobs.chunks(part, "x/1.csv", changed.etag, offset, length)) == expected
    large = bytes(range(256)) * 40_000
    blobs.write(part, "x/large", large)
    [*_, stored] = blobs.listing(part, "x/large")
    assert b"".join(blobs.chunks(part, "x/large", stored.etag, 1_000_001, 9_000_001)) == large[1_000_001:10_000_002]
    blobs.delete_below(part, "x/")
    blobs.delete_below(part, "x/")
    assert outcome(lambda: blobs.read(part, "x/1.csv")) == "NotFound"


def test_blob_that_is_written_in_blocks_is_there_once_they_are_committed(storage, part):
    blobs = storage.app_blobs
    for number, data in enumerate((b"one,", b"two,", b"three")):
        blobs.put_block(part, "x.json", number, data)
    assert outcome(lambda: blobs.read(part, "x.json")) == "NotFound"
    blobs.commit_blocks(part, "x.json", 2, "application/json")
    assert blobs.read(part, "x.json") == b"one,two,"
    assert b"".join(blobs.chunks(part, "x.json", None)) == b"one,two,"
    blobs.put_block(part, "x.json", 0, b"new")
    blobs.commit_blocks(part, "x.json", 1, "application/json")
    assert blobs.read(part, "x.json") == b"new"


def test_message_is_hidden_while_it_is_worked_and_gone_once_deleted(storage, part):
    while storage.queue.receive(3600):
        pass  # what other tests left
    storage.queue.send(part)
    received = storage.queue.receive(60)
    assert (received.text, received.dequeue_count) == (part, 1)
    assert storage.queue.receive(60) is None
    storage.queue.delete(received)
    storage.queue.delete(received)
    storage.queue.send(part, 3600)
    assert storage.queue.receive(60) is None


def test_blob_is_written_only_over_the_one_that_was_read(storage, part):
    blobs = storage.app_blobs
    assert outcome(lambda: blobs.write_if(part, "a.json", b"one", None)) == "ok"
    assert outcome(lambda: blobs.write_if(part, "a.json", b"two", None)) == "Conflict"
    data, etag = blobs.read_with_etag(part, "a.json")
    assert data == b"one"
    assert outcome(lambda: blobs.write_if(part, "a.json", b"two", etag)) == "ok"
    assert outcome(lambda: blobs.write_if(part, "a.json", b"three", etag)) == "Conflict"
    blobs.delete(part, "a.json")
    blobs.delete(part, "a.json")
    assert outcome(lambda: blobs.write_if(part, "a.json", b"three", etag)) == "Conflict"
    assert outcome(lambda: blobs.read(part, "a.json")) == "NotFound"


def test_blob_is_copied_only_over_the_one_that_was_read(storage, part):
    blobs = storage.app_blobs
    blobs.write(part, "from/new ö+&.json", b"new")
    assert outcome(lambda: blobs.copy_if(part, "none.json", "a.json", None)) == "NotFound"
    assert outcome(lambda: blobs.copy_if(part, "from/new ö+&.json", "a.json", None)) == "ok"
    data, etag = blobs.read_with_etag(part, "a.json")
    assert data == b"new"
    assert outcome(lambda: blobs.copy_if(part, "from/new ö+&.json", "a.json", None)) == "Conflict"
    blobs.write(part, "newer.json", b"newer")
    assert outcome(lambda: blobs.copy_if(part, "newer.json", "a.json", etag)) == "ok"
    assert outcome(lambda: blobs.copy_if(part, "from/new ö+&.json", "a.json", etag)) == "Conflict"
    assert (blobs.read(part, "a.json"), blobs.read(part, "newer.json")) == (b"newer", b"newer")
    blobs.delete(part, "a.json")
    assert outcome(lambda: blobs.copy_if(part, "newer.json", "a.json", etag)) == "Conflict"


def test_blob_is_read_where_it_is_new_and_no_further_than_asked(storage, part):
    blobs = storage.app_blobs
    assert outcome(lambda: blobs.read_new(part, "a.json", None, 10)) == "NotFound"
    blobs.write(part, "a.json", b"one")
    data, etag = blobs.read_new(part, "a.json", None, 10)
    assert data == b"one"
    assert blobs.read_new(part, "a.json", etag, 10) is None
    blobs.write(part, "a.json", b"two")
    assert blobs.read_new(part, "a.json", etag, 10)[0] == b"two"
    blobs.write(part, "a.json", b"")
    assert blobs.read_new(part, "a.json", etag, 10)[0] == b""
    blobs.write(part, "a.json", b"x" * 9_000_000)
    assert 10 < len(blobs.read_new(part, "a.json", None, 10)[0]) < 8_500_000
    blobs.delete(part, "a.json")
    assert outcome(lambda: blobs.read_new(part, "a.json", etag, 10)) == "NotFound"


@pytest.mark.full
def test_blobs_below_a_prefix_are_deleted_by_the_hundred(storage, part):
    blobs = storage.app_blobs
    for number in range(260):
        blobs.write(part, f"x/{number:03}/a+b & ö%20.json", b"1")
    blobs.write(part, "xy.json", b"1")
    blobs.delete_below(part, "x/")
    assert [blob.name for blob in blobs.listing(part, "")] == ["xy.json"]
    blobs.delete_below(part, "x/")
    blobs.delete_below(f"none-{part}", "x/")


def test_blobs_are_deleted_by_their_names_whether_they_are_there_or_not(storage, part):
    blobs = storage.app_blobs
    names = [f"x/{number}/a+b & ö%20.json" for number in range(3)]
    for name in [*names, "y"]:
        blobs.write(part, name, b"1")
    assert blobs.delete_all(part, [*names, "gone"]) == 4
    assert [blob.name for blob in blobs.listing(part, "")] == ["y"]
    assert blobs.delete_all(f"none-{part}", names) == 3


def test_every_row_of_a_table_is_listed(storage, part):
    storage.audit.put(Row(part, "b", {"n": 2}))
    storage.audit.put(Row(f"{part}-2", "a", {"n": 1}))
    assert [(row.key, row.values["n"]) for row in storage.audit.rows() if row.partition.startswith(part)] == [
        ("b", 2),
        ("a", 1),
    ]


def test_rows_of_some_partitions_are_found_one_partition_after_the_other(storage, part):
    for partition, key in (("b", "2"), ("a-1", "1"), ("b", "1"), ("c", "1"), ("a", "1")):
        storage.events.put(Row(f"{part}-{partition}", key, {}))
    found = storage.events.query_partitions(f"{part}-a-", f"{part}-c")
    assert [(row.partition.removeprefix(f"{part}-"), row.key) for row in found] == [
        ("a-1", "1"),
        ("b", "1"),
        ("b", "2"),
    ]


def test_message_is_peeked_and_given_back_without_being_lost(storage, part):
    queue = storage.notice_queue

    def received():
        """Ours: one that another test has put off may become visible at any time."""
        while (message := queue.receive(3600)) and message.text != part:
            queue.delete(message)
        return message

    def seen():
        return [message.dequeue_count for message in queue.peek() if message.text == part]

    assert received() is None
    before = queue.count()
    queue.send(part)
    assert (seen(), queue.count() > 0) == ([0], True)
    first = received()
    assert seen() == []
    queue.release(first)
    again = received()
    assert (again.text, again.dequeue_count) == (part, 2)
    queue.delete(first)
    queue.release(first)
    assert (seen(), queue.count() > 0) == ([], True), "neither gives it back nor takes it from who has it"
    queue.delete(again)
    assert queue.count() <= before


def test_messages_are_taken_32_at_a_time_and_are_hidden_then(storage, part):
    del part
    storage.notice_queue.clear()
    for number in range(40):
        storage.notice_queue.send(str(number))
    some = storage.notice_queue.receive_some(60)
    rest = storage.notice_queue.receive_some(60)
    assert (len(some), len(rest), storage.notice_queue.receive_some(60)) == (32, 8, [])
    assert {each.text for each in (*some, *rest)} == {str(number) for number in range(40)}
    storage.notice_queue.release(some[0])
    assert [each.dequeue_count for each in storage.notice_queue.receive_some(60)] == [2]
    storage.notice_queue.clear()


def test_message_waits_for_whole_seconds_rounded_up(storage, part):
    queue = storage.notice_queue
    while received := queue.receive(3600):
        queue.delete(received)
    queue.send(part, 0.1)
    assert queue.receive(60) is None
    queue.delete(wait_until(lambda: queue.receive(60)))


def test_probe_leaves_nothing_behind_and_says_what_is_not_there(storage, part):
    assert not storage.app_blobs.probe(part)
    storage.app_blobs.create_container(part)
    assert storage.app_blobs.probe(part)
    assert storage.app_blobs.listing(part, "") == []
    assert storage.app_blobs.soft_delete_days() == 0
    storage.accounts.put(Row(part, "a", {}))
    storage.queue.send(part, 3600)
    messages = storage.queue.count()
    assert (storage.accounts.probe(), storage.queue.probe()) == (True, True)
    assert [row.key for row in storage.accounts.rows() if row.partition.startswith("~")] == []
    assert storage.queue.count() == messages


@pytest.mark.parametrize("raw", ["this is poison", "=", "ÿ", "AAAA", "////"])
def test_message_that_is_no_text_in_base64_is_read_as_it_stands(azurite, raw):
    name = "raw-messages"
    with QueueClient.from_connection_string(azurite.connection_string, name) as client:
        with suppress(ResourceExistsError):
            client.create_queue()
        client.clear_messages()
        client.send_message(raw)
        client.send_message(base64.b64encode(b"one of ours").decode())
        queue = Queue(client)
        texts = {each.text for each in queue.peek()}
        assert texts == {"\0\0\0" if raw == "AAAA" else raw, "one of ours"}
        assert {queue.receive(60).text, queue.receive(60).text} == texts
