"""A worker's temporary disk is small: what does not fit there is said, and is nobody else's fault."""

import errno
import io

import duckdb
import pytest
import requests

from shared.access import Caller
from shared.brevo.download import Download
from shared.errors import DiskFullError, TransientError
from shared.mapping.written import copy_sql
from shared.operating.person import person_of
from shared.operating.why import why
from shared.runs.status import find_run, run_status
from shared.staging.reader import SnapshotReader
from tests.faults.brevo_routes import with_a_rejected_contact
from tests.faults.conftest import check_failed

FULL = [
    OSError(errno.ENOSPC, "No space left on device"),
    OSError(errno.EDQUOT, "Disk quota exceeded"),
    duckdb.OutOfMemoryException(
        "Out of Memory Error: failed to offload data block of size 256.0 KiB (2.6 MiB/2.6 MiB used).\n"
        "This limit was set by the 'max_temp_directory_size' setting."
    ),
    duckdb.IOException('IO Error: Could not write file "/tmp/x": No space left on device'),
]


@pytest.fixture(params=FULL, ids=lambda error: type(error).__name__)
def disk(request, monkeypatch):
    """Full for so many readings of a segment as its `times` says."""
    read = SnapshotReader.chunks

    class Disk:
        times = 10_000

    def chunks(reader):
        Disk.times -= 1
        if Disk.times >= 0:
            raise request.param
        return read(reader)

    monkeypatch.setattr(SnapshotReader, "chunks", chunks)
    return Disk


def test_run_waits_for_a_worker_with_room_and_says_so(story, disk):
    disk.times = 2
    wanted = story.people(5)
    story.save()
    run_id = story.start().run_id
    story.work(hours=0.2)
    waiting = run_status(story.app, find_run(story.app, run_id)).waiting
    assert "temporary disk of the worker is full" in waiting
    story.work(hours=1)
    assert story.status(run_id)["status"] == "succeeded"
    assert story.sent() == wanted


def test_what_could_not_be_looked_up_for_a_person_is_named_so(story, disk):
    story.people(5)
    story.save()
    answer = why(story.app, Caller("tester", "administrator"), "gold", person_of("person1@example.com"))
    assert "The segments could not be read: The temporary disk of the worker is full." in answer.evidence


def test_run_that_no_worker_has_room_for_fails_by_that_name(story, disk):
    story.people(5)
    story.save()
    said = check_failed(story.run(), "worker_disk_full")
    assert "temporary disk of the worker is full" in said
    assert story.left_behind() == []


def test_contacts_that_do_not_fit_are_not_blamed_on_the_segment(story, monkeypatch):
    full, left = copy_sql, iter(range(2))

    def copied(lines, path):
        if next(left, None) is None:
            return full(lines, path)
        return f"COPY ({lines}) TO '/dev/full' (FORMAT csv, HEADER false, USE_TMP_FILE false)"

    monkeypatch.setattr("shared.mapping.mapper.copy_sql", copied)
    wanted = story.people(5)
    story.save()
    assert story.run()["status"] == "succeeded"
    assert story.sent() == wanted


def test_report_that_does_not_fit_is_read_once_there_is_room(story, monkeypatch):
    fetch, left = Download.fetch, iter(range(5))

    def fetched(download, url, base_url, file):
        if next(left, None) is not None:
            raise DiskFullError
        fetch(download, url, base_url, file)

    monkeypatch.setattr(Download, "fetch", fetched)
    wanted = with_a_rejected_contact(story)
    status = story.run()
    assert (status["status"], status["notes"]) == ("succeeded", [])
    assert story.sent() == wanted | {"person1@example.com"}


def test_report_that_never_fits_is_not_blamed_on_the_import(story, monkeypatch):
    def full(*_):
        raise DiskFullError

    monkeypatch.setattr(Download, "fetch", full)
    story.connection["import_deadline_hours"] = 1
    with_a_rejected_contact(story)
    said = check_failed(story.run(), "worker_disk_full")
    assert "temporary disk of the worker is full" in said


def test_download_that_does_not_fit_is_not_blamed_on_its_sender(monkeypatch):
    class Whole:
        status_code = 200

        def __init__(self):
            self.headers = {"content-length": "6"}
            self.raw = io.BytesIO(b"EMAIL\n")

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

    class Full(io.BytesIO):
        def write(self, _):
            raise FULL[0]

    monkeypatch.setattr(requests.Session, "get", lambda self, url, **_: Whole())
    link = "https://files.brevo.com/export.csv"
    with pytest.raises(TransientError, match="temporary disk of the worker is full"):
        Download("export", 1_000, 5).fetch(link, "https://api.brevo.com/v3", Full())
