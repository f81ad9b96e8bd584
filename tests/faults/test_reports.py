"""Brevo's reports of rejected contacts: each is read whole, or the run's notes say that it was not."""

import contextlib
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from local.brevo_sandbox import reports as sandbox_reports
from shared.brevo.download import may_follow
from shared.brevo.reports import read_report
from shared.errors import TransientError
from tests.faults.brevo_routes import FILE
from tests.sizes import thinned

HEADER = "EMAIL;SMS\n"
REJECTED = "person1@example.com;+40722123456\n"
PAGES = {
    "HTML": "<html><head><title>Just a moment</title></head><body>Checking your browser</body></html>",
    "HTML behind blank lines": "\n\r\n  <!DOCTYPE html>\n<p>Bad gateway</p>",
    "XML": "\ufeff<?xml version='1.0'?><Error><Code>SlowDown</Code></Error>",
    "JSON": '{"code": "internal_error", "message": "Try later"}',
    "nothing": "",
    "blank lines": "\r\n\n",
}


@pytest.fixture
def rejected(story):
    """A story of five people, of whom Brevo rejects the second for his phone number: he is sent once more without."""
    story.sandbox.seed(contacts=[{"email": "owner@example.com", "attributes": {"SMS": "+40722123456"}}])
    rows = [f"C-{n},person{n}@example.com,{'+40722123456' if n == 1 else ''}\n" for n in range(5)]
    story.segment(f"CustomerId,EMail,Telephone\n{''.join(rows)}")
    story.save(mapping={"email": "EMail", "phone": "Telephone"})
    return story


def report_is(monkeypatch, text):
    """Every report of the sandbox is this text."""
    monkeypatch.setattr(
        sandbox_reports.ReportShelf,
        "read",
        lambda *_: sandbox_reports.Answer(200, text.encode(), sandbox_reports.CSV),
    )


@pytest.mark.parametrize(
    "kind", thinned(["html-200", "truncated", "reset", "reset-after", "html-502", "report-404", "503"], 2)
)
def test_rejection_is_not_lost_where_a_report_is_spoiled_once(rejected, kind):
    rejected.sandbox.fail_next(FILE, kind)
    status = rejected.run()
    assert (status["status"], status["warnings"]) == ("succeeded", {"brevo_duplicate_phone": 1})
    assert [row["customer_id"] for row in rejected.rejects(status["run_id"])] == ["C-1"]
    assert status["notes"] == []
    assert rejected.sandbox.log.count(FILE) == 2


@pytest.mark.parametrize("text", thinned(PAGES.values(), 3), ids=PAGES)
def test_page_in_place_of_a_report_is_told_in_the_notes(rejected, monkeypatch, text):
    report_is(monkeypatch, text)
    status = rejected.run()
    [note] = status["notes"]
    assert status["status"] == "succeeded_with_rejections"
    assert "Which contacts of batch 1 Brevo rejected is not known." in note
    assert rejected.sandbox.log.count(FILE) == 3


@pytest.mark.parametrize(
    ("rows", "unmatched", "moved", "rejections"),
    thinned(
        [
            ("", 0, 0, {}),
            (REJECTED, 0, 1, {}),
            (REJECTED * 2, 0, 1, {}),
            (";0040722123456\n", 0, 0, {"brevo_duplicate_phone": 1}),
            (f"\n{REJECTED}\n;\n", 0, 1, {}),
            (f"{REJECTED}stranger@example.com;\n", 1, 1, {}),
            (f"{REJECTED}no address;none\n", 1, 1, {}),
            (f"{REJECTED};+40799999999\n", 1, 1, {}),
            ("a,b\n1,2\n", 2, 0, {}),
        ],
        3,
    ),
    ids=[
        "nobody",
        "one contact",
        "one contact twice",
        "a phone alone",
        "blank lines",
        "a stranger",
        "a nameless line",
        "a stranger's phone",
        "another table",
    ],
)
def test_lines_that_name_no_contact_of_the_batch_are_told_in_the_notes(
    rejected, monkeypatch, rows, unmatched, moved, rejections
):
    report_is(monkeypatch, HEADER + rows)
    status = rejected.run()
    assert status["contacts_rejected_by_brevo"] == rejections
    assert status["warnings"].get("brevo_duplicate_phone", 0) == moved
    assert (status["status"] == "succeeded") == (not unmatched and not rejections)
    if not unmatched:
        assert status["notes"] == []
        return
    [note] = status["notes"]
    assert note.startswith(f"{unmatched} lines of Brevo's reports name no contact of batch 1")
    assert "stranger" not in note
    assert "4079" not in note


def test_contact_that_has_a_reported_number_as_a_text_is_not_the_one_that_is_named(rejected, monkeypatch):
    report_is(monkeypatch, HEADER + ";+40722123456\n")
    rows = [f"C-{n},person{n}@example.com,{'+40722123456' if n == 1 else ''},+40722123456\n" for n in range(5)]
    rejected.segment(f"CustomerId,EMail,Telephone,Partner\n{''.join(rows)}")
    rejected.save(mapping={"email": "EMail", "phone": "Telephone", "attributes": {"CITY": "Partner"}})
    status = rejected.run()
    assert status["contacts_rejected_by_brevo"] == {"brevo_duplicate_phone": 1}
    assert [row["customer_id"] for row in rejected.rejects(status["run_id"])] == ["C-1"]


def test_contact_named_by_address_and_by_phone_in_two_reports_is_counted_once(rejected, monkeypatch):
    reports = iter([HEADER + "person1@example.com;\n", HEADER + ";+40722123456\n"])
    monkeypatch.setattr("shared.brevo.rejections.read_report", lambda *_: _cells(next(reports)))
    monkeypatch.setattr(
        "local.brevo_sandbox.importing._report_value",
        lambda record, name, *_: f"https://x.brevo.com/{name}" if name.startswith("duplicate_e") else None,
    )
    status = rejected.run()
    assert sum(status["contacts_rejected_by_brevo"].values()) == 1
    assert (status["notes"], status["warnings"]) == ([], {})


def _cells(text: str) -> Iterator[list[str]]:
    return iter([line.split(";") for line in text.splitlines()])


def test_staged_contacts_that_are_gone_are_told_in_the_notes(rejected):
    def lose(text: str) -> None:
        if "confirm" in text:
            rejected.app.storage.app_blobs.delete_below("staged", "")

    rejected.on_message = lose
    status = rejected.run()
    [note] = status["notes"]
    assert note == "The staged body of batch 1 is gone. Which contacts of batch 1 Brevo rejected is not known."
    assert [event["text"] for event in status["story"] if event["kind"] == "report_unread"] == [note]


def test_origins_of_contacts_that_are_gone_are_told_too(rejected):
    def lose(text: str) -> None:
        if "confirm" in text:
            for blob in rejected.app.storage.app_blobs.listing_if_there("staged", ""):
                if blob.name.endswith(".places"):
                    rejected.app.storage.app_blobs.delete("staged", blob.name)

    rejected.on_message = lose
    status = rejected.run()
    [note] = status["notes"]
    assert note == "The staged body of batch 1 is gone. Which contacts of batch 1 Brevo rejected is not known."
    assert [event["text"] for event in status["story"] if event["kind"] == "report_unread"] == [note]


# What the reader itself refuses


class Host:
    """A host that gives one answer, byte by byte as written here."""

    def __init__(self) -> None:
        self.answer = b""
        host = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.wfile.write(host.answer)
                with contextlib.suppress(OSError):
                    host.drip(self.wfile.write)
                self.close_connection = True

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def drip(self, write) -> None:
        """What it sends behind its answer: nothing."""

    def read(self, answer: bytes) -> list[list[str]]:
        self.answer = answer
        return list(read_report(f"{self.url}/report", self.url))

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def host():
    host = Host()
    yield host
    host.close()


WHOLE = (HEADER + REJECTED).encode()
CUT = {
    "by its length": b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n" + WHOLE,
    "between chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n" % (len(WHOLE), WHOLE),
    "with no length": b"HTTP/1.1 200 OK\r\n\r\n" + WHOLE,
    "with no length, HTTP/1.0": b"HTTP/1.0 200 OK\r\nContent-Type: text/csv\r\n\r\n" + WHOLE,
}


@pytest.mark.parametrize("answer", CUT.values(), ids=CUT)
def test_report_that_may_be_cut_is_not_taken_for_whole(host, answer):
    with pytest.raises(TransientError) as caught:
        host.read(answer)
    assert caught.value.code == "report_broken"


def test_report_in_chunks_to_its_end_is_read(host):
    chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (len(WHOLE), WHOLE)
    rows = host.read(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n" + chunks)
    assert rows == [["EMAIL", "SMS"], ["person1@example.com", "+40722123456"]]


def test_quote_that_is_never_closed_hides_nobody(host):
    table = b'EMAIL;FIRSTNAME\nana@example.com;"Ana\n' + b"".join(b"p%d@example.com;P\n" % n for n in range(500))
    rows = host.read(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(table), table))
    assert [row[0] for row in rows] == ["EMAIL", "ana@example.com", *(f"p{n}@example.com" for n in range(500))]


def test_cell_of_two_lines_is_one_cell(host):
    table = b'EMAIL;NOTE\nana@example.com;"one\ntwo"\n'
    rows = host.read(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(table), table))
    assert [row[0] for row in rows] == ["EMAIL", "ana@example.com"]


class Dripping(Host):
    """A host that sends a byte now and then, and so never lets a single read time out."""

    def __init__(self, before: bytes) -> None:
        super().__init__()
        self.answer = before
        self._ended = threading.Event()

    def drip(self, write) -> None:
        while not self._ended.wait(0.05):
            write(b"x")

    def close(self) -> None:
        self._ended.set()
        super().close()


@pytest.mark.parametrize(
    "before", [b"HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n" + WHOLE, b"HTTP/1.1 200 OK\r\nX-Slow: "]
)
def test_report_that_drips_is_given_up_in_time(before):
    host = Dripping(before)
    try:
        started = time.monotonic()
        with pytest.raises(TransientError, match=r"Brevo's report did not come within 1 s\.") as caught:
            list(read_report(f"{host.url}/report", host.url, 1))
        assert caught.value.code == "report_broken"
        assert time.monotonic() - started < 20
    finally:
        host.close()


def test_all_reports_of_an_import_have_one_limit_of_time(rejected, monkeypatch):
    given = []
    monkeypatch.setattr(
        "shared.brevo.rejections.read_report", lambda url, base, seconds, most: iter(given.append(seconds) or [])
    )
    rejected.run()
    assert given
    assert all(0 < seconds <= 120 for seconds in given)


BREVO = "https://api.brevo.com/v3"


@pytest.mark.parametrize(
    "host",
    [
        "brevo.com",
        "app.brevo.com",
        "my.sendinblue.com",
        "s3.amazonaws.com",
        "s3.eu-west-3.amazonaws.com",
        "s3-eu-west-1.amazonaws.com",
        "brevo-reports.s3.amazonaws.com",
        "brevo.reports.s3.eu-central-1.amazonaws.com",
        "brevo-reports.s3.dualstack.us-gov-west-1.amazonaws.com",
    ],
)
def test_report_of_brevo_or_s3_is_followed(host):
    assert may_follow(f"https://{host}/x.csv", BREVO)


@pytest.mark.parametrize(
    "host",
    [
        "amazonaws.com",
        "ec2-3-120-1-2.eu-central-1.compute.amazonaws.com",
        "abc123.execute-api.eu-west-1.amazonaws.com",
        "lb-1.eu-west-1.elb.amazonaws.com",
        "s3.abc.execute-api.eu-west-1.amazonaws.com",
        "xs3.amazonaws.com",
        "bucket.s3-website-eu-west-1.amazonaws.com",
        "bucket.s3-website.eu-central-1.amazonaws.com",
        "s3.amazonaws.com.example.com",
        "evilbrevo.com",
        "brevo.com.example.com",
        "",
    ],
)
def test_report_on_any_other_host_is_not_followed(host):
    assert not may_follow(f"https://{host}/x.csv", BREVO)
