"""Several change one blob at once: each change is made of what the one before has left."""

import pytest

from shared.storage.blob_changes import change_blob
from shared.storage.failures import MOST_CONFLICTS, BusyError
from simulation.storage import Kept
from tests.memory_line import Line, VirtualClock

WHERE = ("settings", "a.json")


@pytest.fixture
def blobs():
    return Kept(VirtualClock()).storage(Line()).app_blobs


def and_(letter):
    return lambda data: (data or b"") + letter


def test_change_makes_the_blob_where_there_is_none_and_changes_it_where_there_is_one(blobs):
    assert change_blob(blobs, *WHERE, and_(b"a"))
    assert change_blob(blobs, *WHERE, and_(b"b"))
    assert blobs.read(*WHERE) == b"ab"


def test_change_that_gives_none_leaves_the_blob_alone(blobs):
    assert not change_blob(blobs, *WHERE, lambda data: None)
    change_blob(blobs, *WHERE, and_(b"a"))
    before = blobs.read_with_etag(*WHERE)
    assert not change_blob(blobs, *WHERE, lambda data: None)
    assert blobs.read_with_etag(*WHERE) == before


def test_change_is_made_again_of_what_somebody_else_wrote_meanwhile(blobs):
    seen = []

    def change(data):
        seen.append(data)
        if len(seen) < 3:
            blobs.write(*WHERE, b"theirs %d " % len(seen))
        return (data or b"") + b"ours"

    assert change_blob(blobs, *WHERE, change)
    assert seen == [None, b"theirs 1 ", b"theirs 2 "]
    assert blobs.read(*WHERE) == b"theirs 2 ours"


def test_blob_that_is_deleted_before_it_is_written_is_seen_as_gone(blobs):
    blobs.write(*WHERE, b"a")
    seen = []

    def change(data):
        seen.append(data)
        blobs.delete(*WHERE)
        return None if data is None else b"new"

    assert not change_blob(blobs, *WHERE, change)
    assert seen == [b"a", None]


def test_answer_to_our_own_write_that_was_lost_is_no_conflict():
    blobs = Kept(VirtualClock()).storage(Line("echo", at=1)).app_blobs
    seen = []

    def change(data):
        seen.append(data)
        return (data or b"") + b"a"

    assert change_blob(blobs, *WHERE, change)
    assert seen == [None]
    assert blobs.read(*WHERE) == b"a"


def test_others_that_are_faster_each_time_are_an_error_that_names_the_blob(blobs):
    tries = []

    def change(data):
        tries.append(data)
        blobs.write(*WHERE, b"theirs")
        return b"ours %d" % len(tries)

    with pytest.raises(BusyError, match=r"change the blob settings/a\.json at once"):
        change_blob(blobs, *WHERE, change)
    assert len(tries) == MOST_CONFLICTS
