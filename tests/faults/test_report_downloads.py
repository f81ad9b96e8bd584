"""Reports that cannot be downloaded or read, and links to reports that must not be followed."""

import socket
import threading

import pytest

from tests.faults.brevo_routes import IMPORT, check_told_in_notes, told_of_import, with_a_rejected_contact
from tests.sizes import thinned


def test_readable_report_names_the_row(story):
    wanted = with_a_rejected_contact(story)
    status = story.run()
    assert status["warnings"] == {"brevo_duplicate_phone": 1}
    assert story.sent() == wanted | {"person1@example.com"}
    assert [(row["line"], row["customer_id"]) for row in story.rejects(status["run_id"])] == [("3", "C-1")]


@pytest.mark.parametrize(
    ("kind", "word"),
    thinned(
        [
            ("report-404", "answers with 404"),
            ("report-500", "answers with 500"),
            ("report-other-host", "host that is not allowed"),
            ("report-redirect", "answers with 302"),
        ],
        2,
    ),
    ids=["404", "500", "another host", "a redirect to an inner address"],
)
def test_report_that_cannot_be_had_is_told_in_the_notes_and_the_run_ends(story, kind, word):
    wanted = with_a_rejected_contact(story)
    story.sandbox.fail_next(IMPORT, kind)
    status = story.run()
    check_told_in_notes(status, word)
    assert story.sent() == wanted
    assert story.sandbox.world.canary_visits == 0
    assert story.sandbox.log.count("GET /reports/{token}") <= 3


def test_endless_report_is_left_after_its_limit(story, monkeypatch):
    monkeypatch.setattr("shared.brevo.rejections.LARGEST_BYTES", 2_000_000)
    with_a_rejected_contact(story)
    story.sandbox.fail_next(IMPORT, "report-endless")
    check_told_in_notes(story.run(), "larger than 2,000,000 bytes")


def test_report_of_strangers_rejects_none_of_ours_and_is_told_in_the_notes(story):
    story.sandbox.change(endless_report_bytes=1_000_000)
    wanted = with_a_rejected_contact(story)
    story.sandbox.fail_next(IMPORT, "report-endless")
    status = story.run()
    assert status["contacts_rejected_by_brevo"] == {}
    assert "name no contact of batch 1" in status["notes"][0]
    assert story.sent() == wanted


def test_report_with_wrong_columns_rejects_nobody_and_is_told_in_the_notes(story):
    wanted = with_a_rejected_contact(story)
    story.sandbox.fail_next(IMPORT, "report-wrong-columns")
    status = story.run()
    assert status["status"] == "succeeded_with_rejections"
    assert status["contacts_rejected_by_brevo"] == {}
    assert "name no contact of batch 1" in status["notes"][0]
    assert story.sent() == wanted


def test_more_reports_than_are_read_are_told_in_the_notes(story, monkeypatch):
    story.people(3)
    told_of_import(monkeypatch, {"invalid_emails": [f"{story.sandbox.origin}/reports/x"] * 101})
    check_told_in_notes(story.run(), "more than 100 reports")
    assert story.sandbox.log.count("GET /reports/{token}") == 0


class Inner:
    """A server inside the network that nobody may be led to; counts who connects."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.visits = 0
        threading.Thread(target=self._count, daemon=True).start()

    def _count(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.visits += 1
            connection.close()

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def inner():
    server = Inner()
    yield server
    server.close()


HOSTILE_LINKS = [
    "http://127.0.0.1:{inner}/latest/meta-data",
    "http://localhost:{inner}/",
    "http://[::1]:{inner}/",
    "http://0.0.0.0:{inner}/",
    "http://2130706433:{inner}/",
    "http://0x7f.1:{inner}/",
    "http://127.1:{inner}/",
    "https://127.0.0.1:{inner}/",
    "file:///etc/passwd",
    "file://127.0.0.1/etc/passwd",
    "ftp://127.0.0.1:{inner}/",
    "gopher://127.0.0.1:{inner}/",
    "//127.0.0.1:{inner}/",
    "/inner/metadata",
    "http://brevo.com/report.csv",
    "https://brevo.com:{inner}/",
    "https://brevo.com@127.0.0.1:{inner}/",
    "https://user:secret@brevo.com/report.csv",
    "http://127.0.0.1:{api}@127.0.0.1:{inner}/",
    "http://127.0.0.1:{inner}/#@127.0.0.1:{api}/",
    "http://127.0.0.1:{inner}?@127.0.0.1:{api}/",
    "https://evilbrevo.com/report.csv",
    "https://brevo.com.evil.invalid/report.csv",
    "https://amazonaws.com.evil.invalid/",
    "https://xn--brvo-hpa.com/",
    "https://\u0131brevo.invalid/",
    "http://localhost:{api}/inner/metadata",
    "http://127.0.0.1:99999/",
    "http://[127.0.0.1/",
    "http://",
    "javascript:alert(1)",
    "data:text/csv,EMAIL",
    " \t\n",
    "x" * 10_000,
]


# urlsplit and requests disagree on the host of the first; the others hold user info for the API's own host.
SLY_LINKS = [
    "http://127.0.0.1:{inner}\\@127.0.0.1:{api}/reports/x",
    "http://user:secret@127.0.0.1:{api}/inner/metadata",
    "http://user@127.0.0.1:{api}/inner/metadata",
]


def follow_nothing(story, monkeypatch, inner, link):
    api = story.sandbox.world.port
    wanted = story.people(3)
    told_of_import(monkeypatch, {"invalid_emails": link.replace("{inner}", str(inner.port)).replace("{api}", str(api))})
    status = story.run()
    assert status["status"] == "succeeded_with_rejections"
    assert story.sent() == wanted
    assert inner.visits == 0
    assert story.sandbox.world.canary_visits == 0
    assert story.sandbox.log.count("GET /reports/{token}") == 0


@pytest.mark.parametrize("link", thinned(HOSTILE_LINKS, 3), ids=lambda link: link.strip()[:60])
def test_hostile_report_link_is_not_followed(story, monkeypatch, inner, link):
    follow_nothing(story, monkeypatch, inner, link)


@pytest.mark.parametrize("link", SLY_LINKS)
def test_sly_report_link_is_not_followed(story, monkeypatch, inner, link):
    follow_nothing(story, monkeypatch, inner, link)
