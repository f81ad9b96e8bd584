"""The parts of `make serve` that need no processes: its start page, its watch over workers, a person's own files."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local.functions_host.http_messages import Response, send
from local.functions_host.keys import kept_keys
from local.playground import own_files
from local.serve import Words
from local.stack import EndedPart
from local.start_page import Link, Shown, StartPage
from local.worker_watch import WorkerWatch
from tests.waiting import wait_until

KEY_IN_THE_PAGE = "the-key-of-the-app"


@pytest.fixture
def page() -> Iterator[StartPage]:
    with StartPage(0) as running:
        yield running


def header(answer: Response, name: str) -> str:
    return next((text for each, text in answer.headers if each.lower() == name.lower()), "")


def test_start_page_reloads_itself_until_all_is_up(page: StartPage) -> None:
    assert b'http-equiv="refresh"' in send("GET", page.url).body
    link = Link("Exports & more", f"http://127.0.0.1:1/api/exports?code={KEY_IN_THE_PAGE}", "what <there> is")
    page.show(Shown([link], "segment-export exports < file"))
    text = send("GET", page.url).body.decode()
    assert 'http-equiv="refresh"' not in text
    assert "Exports &amp; more" in text and "what &lt;there&gt; is" in text and "exports &lt; file" in text


def test_start_page_answers_only_to_its_own_names(page: StartPage) -> None:
    page.show(Shown([Link("Exports", f"http://x/?code={KEY_IN_THE_PAGE}", "")], ""))
    answer = send("GET", page.url, headers={"Host": "evil.example"})
    assert answer.status == 403
    assert KEY_IN_THE_PAGE.encode() not in answer.body
    assert header(send("GET", page.url), "Referrer-Policy") == "no-referrer"


def test_start_page_shows_the_notices_that_its_receivers_got(page: StartPage) -> None:
    page.show(Shown([], ""))
    assert "None yet." in send("GET", page.url).body.decode()
    receivers = page.receivers()
    body = json.dumps({"text": "the export <failed>"}).encode()
    assert send("POST", receivers["TEAMS_WEBHOOK_URL"], body=body).status == 200
    assert send("POST", receivers["TICKETS_URL"], body=b"no json").status == 200
    text = send("GET", page.url).body.decode()
    assert "the export &lt;failed&gt;" in text and "no json" in text and "None yet." not in text
    assert receivers["TICKETS_SECRET"].startswith("whsec_")


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("notices/teams", {"Origin": "http://evil.example"}, 404),
        ("notices/teams", {"Host": "evil.example"}, 404),
        ("elsewhere", {}, 404),
        ("notices/teams", {"Content-Length": "2000000"}, 413),
    ],
)
def test_start_page_takes_notices_alone(page: StartPage, path: str, headers: dict[str, str], status: int) -> None:
    assert send("POST", page.url + path, headers=headers, body=b"{}").status == status


def test_start_page_serves_the_guides_and_no_other_file(page: StartPage) -> None:
    assert send("GET", f"{page.url}docs/api.md").body.startswith(b"# The HTTP API")
    assert send("GET", f"{page.url}docs/../README.md").status == 404
    assert send("GET", f"{page.url}docs/decisions").status == 404


def test_long_step_is_said_to_go_on(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("local.serve._SIGN_SECONDS", 0.01)
    words = Words(silent=False)
    printed = ""

    def has_gone_on() -> bool:
        nonlocal printed
        printed += capsys.readouterr().out
        return printed.count("still starting the host") >= 2

    with words.signs_of_life():
        words.say("starting the host")
        wait_until(has_gone_on)
    assert "still still" not in printed


def test_serve_for_programs_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    Words(silent=True).say("starting the host")
    assert capsys.readouterr().out == ""


class Workers:
    """What the host says of its workers, and the time."""

    def __init__(self) -> None:
        self.starts = {1: 1, 2: 1}
        self.now = 0.0
        self.answer: Callable[[], list[dict[str, Any]]] = self._list
        self.watch = WorkerWatch(lambda: self.answer(), lambda: self.now)

    def _list(self) -> list[dict[str, Any]]:
        return [{"number": number, "starts": count} for number, count in self.starts.items()]

    def ended(self, seconds: float = 1.0) -> str:
        self.now += seconds
        return self.watch.ended()


def test_worker_that_was_started_again_is_named_once() -> None:
    workers = Workers()
    assert [workers.ended(), workers.ended()] == ["", ""]
    workers.starts[2] = 2
    assert [workers.ended(), workers.ended()] == ["worker 2", ""]


def test_worker_that_ends_before_the_first_look_is_named() -> None:
    workers = Workers()
    workers.starts[1] = 2
    assert workers.ended() == "worker 1"


def test_worker_that_ends_all_the_time_is_named_twice_a_minute() -> None:
    workers = Workers()
    workers.ended()
    named = []
    for _ in range(120):
        workers.starts[1] += 1
        named.append(workers.ended())
    assert named.count("worker 1") == 4


def test_watch_says_nothing_where_the_host_does_not_answer() -> None:
    workers = Workers()

    def refused() -> list[dict[str, Any]]:
        raise ConnectionRefusedError

    workers.answer = refused
    assert workers.ended() == ""


def test_own_csv_files_are_segments_of_their_names(tmp_path: Path) -> None:
    for name in ("Gold.csv", "Old customers.csv.gz", "notes.txt"):
        (tmp_path / name).write_text("CustomerId\n")
    first, second = own_files(tmp_path)
    start = r"CustomerInsights_abcd1234/BlobExport"
    assert first.startswith(f"{start}/Gold/2") and first.endswith("/Gold_1.csv")
    assert second.startswith(f"{start}/Old customers/2") and second.endswith("/Old customers_1.csv.gz")


def test_folders_of_customer_insights_are_taken_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "CustomerInsights_x" / "Gold" / "2026" / "11" / "24" / "0500" / "Gold_1.csv"
    path.parent.mkdir(parents=True)
    path.write_text("CustomerId\n")
    assert own_files(tmp_path) == {"CustomerInsights_x/Gold/2026/11/24/0500/Gold_1.csv": path}


@pytest.mark.parametrize("name", ["", "missing"])
def test_folder_without_segment_files_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="holds no segment files"):
        own_files(tmp_path / name)


def test_part_that_has_ended_is_named_with_the_end_of_its_log(tmp_path: Path) -> None:
    log = tmp_path / "part.log"
    log.write_text("".join(f"line {number}\n" for number in range(30)))
    first, *lines = str(EndedPart("Azurite", log)).splitlines()
    assert first == f"Azurite has ended; its log is {log}"
    assert lines == [f"    line {number}" for number in range(20, 30)]
    assert "(the log is empty)" in str(EndedPart("Azurite", tmp_path / "none.log"))


@pytest.mark.parametrize("text", [None, "", "[]", '{"host": "k"}'])
def test_keys_are_made_where_the_file_has_none_and_then_kept(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "keys.json"
    if text is not None:
        path.write_text(text)
    made = kept_keys(path)
    assert set(made) == {"host", "master", "event_grid"} and len(set(made.values())) == 3
    assert kept_keys(path) == made
    assert path.stat().st_mode & 0o077 == 0
