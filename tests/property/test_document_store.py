"""Administrators who save at once never lose a change, in whatever order their requests come to the storage."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.config.models import Connection, Document
from shared.config.store import KEPT_VERSIONS, DocumentStore
from shared.storage.blobs import Blob
from shared.storage.clock import Clock
from shared.storage.failures import BusyError, Conflict, NotFound


class MemoryBlobs:
    """Blobs in memory; `between` runs once before each conditional write, which is when others are faster."""

    def __init__(self):
        self.blobs = {}
        self.etag = 0
        self.between = []

    def read_with_etag(self, container, name):
        if name not in self.blobs:
            raise NotFound(name)
        return self.blobs[name]

    def read(self, container, name):
        return self.read_with_etag(container, name)[0]

    def read_new(self, container, name, known, most_bytes):
        data, etag = self.read_with_etag(container, name)
        return None if etag == known else (data, etag)

    def write(self, container, name, data):
        self.etag += 1
        self.blobs[name] = (data, str(self.etag))

    def write_if(self, container, name, data, etag):
        if self.between:
            self.between.pop(0)()
        if self.blobs.get(name, (b"", None))[1] != etag:
            raise Conflict(name)
        self.write(container, name, data)

    def delete(self, container, name):
        self.blobs.pop(name, None)

    def listing_if_there(self, container, prefix):
        return [Blob(name, "", 0, None) for name in sorted(self.blobs) if name.startswith(prefix)]


def adding(name):
    def change(document: Document) -> Document:
        added = Connection.model_validate({"id": name, "display_name": name, "api_key": {"setting": "KEY"}})
        return document.model_copy(update={"connections": [*document.connections, added]})

    return change


def removing(name):
    def change(document: Document) -> Document:
        return document.model_copy(update={"connections": [each for each in document.connections if each.id != name]})

    return change


def store_of(blobs):
    return DocumentStore("settings/exports.json", blobs, Clock())


@given(
    # Each change is either made on its own (True), or while the one before it is between reading and writing.
    st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=12)
)
def test_every_change_of_two_administrators_is_in_the_document_and_in_its_history(steps):
    blobs = MemoryBlobs()
    store = store_of(blobs)
    saved: set[str] = set()
    made = 0

    def one(number: int, remove: bool) -> None:
        nonlocal made
        if remove and saved:
            name = min(saved)
            saved.discard(name)
            store.change("ana", f"remove {name}", removing(name))
        else:
            store.change("ben", f"add c{number}", adding(f"c{number}"))
            saved.add(f"c{number}")
        made += 1

    number = 0
    while number < len(steps):
        alone, remove = steps[number]
        if not alone and number + 1 < len(steps):
            later, its = number + 1, steps[number + 1][1]
            blobs.between = [lambda later=later, its=its: one(later, its)]
            one(number, remove)
            number += 2
        else:
            one(number, remove)
            number += 1
    assert {each.id for each in store.read().connections} == saved
    assert len(store.history()) == made - 1, "each change but the first has a version before it"


def test_history_keeps_the_last_versions_with_who_when_and_what():
    blobs = MemoryBlobs()
    store = store_of(blobs)
    for number in range(KEPT_VERSIONS + 5):
        store.change("ana", f"add c{number}", adding(f"c{number}"))
    history = store.history()
    assert len(history) == KEPT_VERSIONS
    assert (history[0].changed_by, history[0].what) == ("ana", f"add c{KEPT_VERSIONS + 4}")
    assert history[0].changed_at > history[-1].changed_at
    assert history[0].blob.startswith("history/exports/")


def test_change_that_others_forestall_every_time_is_an_error_and_not_in_the_history():
    blobs = MemoryBlobs()
    store = store_of(blobs)
    store.change("ana", "add", adding("a"))
    others = iter(range(1000))

    def change(document: Document) -> Document:
        blobs.between = [lambda: blobs.write("settings", "exports.json", b"{}" + b" " * next(others))]
        return document

    with pytest.raises(BusyError):
        store.change("ben", "nothing", change)
    assert store.history() == []


def test_threads_that_save_at_once_lose_nothing():
    blobs = MemoryBlobs()
    lock, write_if = threading.Lock(), blobs.write_if

    def locked(*arguments):
        with lock:
            write_if(*arguments)

    blobs.write_if = locked
    threads = [
        threading.Thread(target=store_of(blobs).change, args=("x", "add", adding(f"c{number}"))) for number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store_of(blobs).read().connections) == 8
