"""Each mood of Azure Storage, over Azurite: no contact is lost, and a run that cannot go on says why."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests

from local.azurite import Azurite
from shared.app import App
from shared.errors import ConfigurationError, PermanentError, TransientError
from shared.operating.worker import work_until
from shared.runs.claim import claimed_run
from shared.runs.counts import Counts
from shared.runs.problem import Problem
from shared.runs.starting import start_on_demand
from shared.runs.state import Batch, Run
from shared.runs.status import find_run, run_story
from shared.runs.steps.dispatch import abandon, take_step
from shared.runs.steps.stop import fail
from shared.runs.steps.sweep import sweep
from shared.runs.store import RunStore
from shared.settings import StorageAccount
from shared.storage.account import open_storage
from shared.storage.tables import Row
from tests.faults.conftest import CONTAINER, FOLDER, REFRESH, Story, check_books, check_failed
from tests.plain import plain
from tests.waiting import wait_until

DEADLINE_SECONDS = 25.0


@pytest.fixture(autouse=True)
def _quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDKs' tries stay; the waits between them are short."""
    from azure.storage.blob import ExponentialRetry
    from azure.storage.queue import ExponentialRetry as QueueRetry

    monkeypatch.setattr("shared.storage.account.RETRIES", {"retry_total": 5, "retry_backoff_factor": 0.02})
    for policy in (ExponentialRetry, QueueRetry):
        monkeypatch.setattr(policy, "get_backoff_time", lambda policy, settings: 0.05)


class Cloud:
    """A story whose storage is Azurite. Its export and containers have names of their own."""

    def __init__(self, story: Story, connection_string: str) -> None:
        self.story = story
        self.connection_string = connection_string
        unique = story.account.rsplit("_", 1)[-1].lower()
        self.export_id = f"gold-{unique}"
        self.container = f"{CONTAINER}-{unique}"
        story.save(id=self.export_id, source={"container": self.container, "folder": FOLDER})
        self.app = self.open(connection_string)
        self.app.storage.segment_blobs.create_container(self.container)
        # As an account that has imported before: its first look comes when the import should be done.
        self.app.storage.accounts.put(Row(story.account, "learned", {"seconds_per_contact": 1e-6}))

    def open(self, connection_string: str, **changes: Any) -> App:
        account = StorageAccount(connection_string=connection_string)
        settings = replace(self.story.settings, app_storage=account, segment_storage=account, **changes)
        storage = open_storage(settings)
        return App(settings, storage, RunStore(storage))

    def people(self, count: int) -> set[str]:
        emails = [f"person{number}@example.com" for number in range(count)]
        rows = "".join(f"C-{place},{email},Name{place}\n" for place, email in enumerate(emails))
        name = f"{FOLDER}/Gold/{REFRESH}/Gold_1.csv"
        self.app.storage.segment_blobs.write(self.container, name, f"CustomerId,EMail,FirstName\n{rows}".encode())
        return set(emails)

    def start(self, app: App | None = None) -> str:
        started = start_on_demand(app or self.app, self.export_id, "http", "tester")
        assert started.is_new, started
        return started.run_id

    def finish(self, run_id: str, app: App | None = None) -> dict[str, Any]:
        worker = app or self.app
        deadline = time.monotonic() + DEADLINE_SECONDS

        def ended() -> bool:
            assert time.monotonic() < deadline, f"the run has not ended: {self.run(run_id)}"
            return find_run(worker, run_id).is_final

        work_until(worker, ended)
        return self.status(run_id)

    def run(self, run_id: str) -> Run:
        return find_run(self.app, run_id)

    def status(self, run_id: str) -> dict[str, Any]:
        status = plain(run_story(self.app, self.run(run_id)))
        check_books(status)
        return status

    def check_all_sent(self, status: dict[str, Any], wanted: set[str], most_imports: int) -> None:
        assert status["status"] == "succeeded", status["error"]
        assert self.story.sent() == wanted
        assert self.story.imports() <= most_imports


@pytest.fixture
def cloud(story: Story, azurite: Azurite) -> Cloud:
    return Cloud(story, azurite.connection_string)


# Answers of the service


class Moody(BaseHTTPRequestHandler):
    """Passes everything on to Azurite, but for what it refuses."""

    protocol_version = "HTTP/1.1"
    server: "MoodyServer"

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.server.refuses(self.command, self.path):
            self.server.refused += 1
            self._answer(503, {"x-ms-error-code": "ServerBusy", "Date": self.date_time_string()}, b"")
            return
        answer = requests.request(
            self.command,
            f"http://127.0.0.1:{self.server.target}{self.path}",
            data=body,
            headers=dict(self.headers),
            timeout=10,
        )
        self._answer(answer.status_code, dict(answer.headers), answer.content)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = do_MERGE = do_PATCH = _pass_on  # noqa: N815

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in ("transfer-encoding", "content-length", "connection", "keep-alive"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        return


class MoodyServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, target: int) -> None:
        super().__init__(("127.0.0.1", 0), Moody)
        self.target = target
        self.refused = 0
        self.refuses: Callable[[str, str], bool] = lambda method, path: False
        threading.Thread(target=self.serve_forever, daemon=True).start()


@pytest.fixture
def moody(azurite: Azurite) -> Iterator[tuple[str, list[MoodyServer]]]:
    """A connection string that leads through servers in front of Azurite's blobs, queues and tables."""
    servers = [MoodyServer(port) for port in azurite.ports]
    text = azurite.connection_string
    for port, server in zip(azurite.ports, servers, strict=True):
        text = text.replace(f":{port}/", f":{server.server_address[1]}/")
    yield text, servers
    for server in servers:
        server.shutdown()
        server.server_close()


def test_503_server_busy_at_every_third_call_is_ridden_out(cloud, moody, three_batches):
    text, servers = moody
    counts = [0, 0, 0]

    def every_third(place: int) -> Callable[[str, str], bool]:
        def refuses(method: str, path: str) -> bool:
            counts[place] += 1
            return counts[place] % 3 == 0

        return refuses

    wanted = cloud.people(600)
    for place, server in enumerate(servers):
        server.refuses = every_third(place)
    worker = cloud.open(text)
    cloud.check_all_sent(cloud.finish(cloud.start(worker), worker), wanted, most_imports=3)
    assert all(server.refused for server in servers)


def test_412_on_a_row_that_somebody_else_changed_in_between_is_read_again(cloud, monkeypatch):
    wanted = cloud.people(5)
    run_id = cloud.start()
    table_type = type(cloud.app.storage.runs)
    true_replace = table_type.replace
    disturbed: list[str] = []

    def replace_late(table: Any, row: Row) -> None:
        if row.etag and row.key.startswith(("run-",)) and len(disturbed) < 10:
            disturbed.append(row.key)
            now = table.get(row.partition, row.key)
            true_replace(table, Row(row.partition, row.key, now.values, now.etag))
        true_replace(table, row)

    monkeypatch.setattr(table_type, "replace", replace_late)
    cloud.check_all_sent(cloud.finish(run_id), wanted, most_imports=1)
    assert len(disturbed) == 10


def test_storage_that_restarts_in_mid_run_loses_no_contact(story, three_batches):
    with Azurite() as own:
        cloud = Cloud(story, own.connection_string)
        wanted = cloud.people(600)
        run_id = cloud.start()
        restarts: list[float] = []
        over = threading.Event()

        def restart() -> None:
            own.restart()
            over.wait(DEADLINE_SECONDS * 3)  # the storage lives as long as the thread that started it

        def ended() -> bool:
            if story.imports() == 1 and not restarts:
                restarts.append(time.monotonic())
                threading.Thread(target=restart, daemon=True).start()
            return find_run(cloud.app, run_id).is_final

        def work() -> bool:
            try:
                work_until(cloud.app, ended)
            except TransientError:
                return False
            return True

        cloud.app.storage.accounts.get(story.account, "learned")
        try:
            wait_until(work, DEADLINE_SECONDS * 2)
            assert restarts
            cloud.check_all_sent(cloud.status(run_id), wanted, most_imports=4)
        finally:
            over.set()


def test_storage_that_is_away_for_good_raises_so_that_the_host_tries_again(cloud):
    head = cloud.connection_string.partition("BlobEndpoint=")[0]
    services = ("Blob", "Queue", "Table")
    nowhere = head + "".join(f"{service}Endpoint=http://127.0.0.1:9/devstoreaccount1;" for service in services)
    app = cloud.open(nowhere)
    with pytest.raises(TransientError, match="Storage did not answer for table runs") as caught:
        take_step(app, f'{{"run":"{cloud.export_id}-20261124T050000-aaaaaa","step":"stage"}}')
    assert "AzureWebJobsStorage" in caught.value.advice


def test_segment_storage_that_is_away_is_waited_for(cloud):
    cloud.people(1)
    away = StorageAccount(
        connection_string="DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=Zm9v;"
        "BlobEndpoint=http://127.0.0.1:9/devstoreaccount1;"
    )
    settings = replace(cloud.app.settings, segment_storage=away)
    storage = open_storage(settings)
    app = App(settings, storage, RunStore(storage))
    run_id = cloud.start(app)
    take_step(app, f'{{"run":"{run_id}","step":"stage"}}')
    status = cloud.status(run_id)
    assert status["status"] == "queued"
    assert "Storage did not answer" in status["waiting"]
    assert status["error"] is None


def test_storage_that_denies_access_names_the_setting_and_the_roles(cloud):
    denied = cloud.connection_string.replace("AccountKey=Eby8", "AccountKey=AAAA")
    app = cloud.open(denied)
    with pytest.raises(ConfigurationError) as caught:
        app.store.load(f"{cloud.export_id}-20261124T050000-aaaaaa")
    assert caught.value.code == "storage_denied"
    assert "roles" in caught.value.advice


# Messages


def test_poison_message_ends_its_run_with_the_reason(cloud):
    cloud.people(1)
    run_id = cloud.start()
    abandon(cloud.app, f'{{"run":"{run_id}","step":"stage"}}')
    told = check_failed(cloud.status(run_id), "step_kept_failing")
    assert "step stage failed again and again" in told
    assert "The function's log names the place" in told
    assert cloud.start() != run_id


@pytest.mark.parametrize("text", [b"", b"\xff\xfe", b"null", b"{}", b'{"run":"../../x","step":"stage"}', b"[" * 9000])
def test_poison_message_that_is_not_ours_is_dropped(cloud, text):
    abandon(cloud.app, text)
    take_step(cloud.app, text)


@pytest.mark.parametrize("step", ["stage", "deliver", "confirm"])
def test_message_that_comes_twice_at_once_sends_nothing_twice(cloud, step, three_batches):
    wanted = cloud.people(300)
    run_id = cloud.start()
    doubled: list[str] = []

    def ended() -> bool:
        return find_run(cloud.app, run_id).is_final

    deadline = time.monotonic() + DEADLINE_SECONDS
    while not ended():
        assert time.monotonic() < deadline
        received = cloud.app.storage.queue.receive(60)
        if received is None:
            time.sleep(0.02)
            continue
        texts = [received.text]
        if f'"step": "{step}"' in received.text and run_id in received.text and len(doubled) < 2:
            doubled.append(received.text)
            texts.append(received.text)
        threads = [threading.Thread(target=take_step, args=(cloud.app, text)) for text in texts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        cloud.app.storage.queue.delete(received)
    assert doubled
    cloud.check_all_sent(cloud.status(run_id), wanted, most_imports=2)


def test_deliver_message_for_a_batch_that_is_delivered_does_nothing(cloud):
    wanted = cloud.people(5)
    run_id = cloud.start()
    work_until(cloud.app, lambda: cloud.story.imports() == 1)
    for _ in range(3):
        take_step(cloud.app, f'{{"run":"{run_id}","step":"deliver","batch":1}}')
    take_step(cloud.app, f'{{"run":"{run_id}","step":"deliver","batch":77}}')
    cloud.check_all_sent(cloud.finish(run_id), wanted, most_imports=1)


def test_stale_confirm_message_does_not_even_ask_brevo(cloud):
    wanted = cloud.people(5)
    run_id = cloud.start()
    work_until(cloud.app, lambda: cloud.run(run_id).state == "confirming")
    run = cloud.run(run_id)
    asked = cloud.story.sandbox.log.count("GET /processes")
    for number in (0, 1, run.confirm_number - 1, run.confirm_number + 1, 10**9):
        take_step(cloud.app, f'{{"run":"{run_id}","step":"confirm","number":{number}}}')
    assert cloud.story.sandbox.log.count("GET /processes") == asked
    assert cloud.run(run_id).confirm_number == run.confirm_number
    cloud.check_all_sent(cloud.finish(run_id), wanted, most_imports=1)


def test_run_whose_message_is_lost_is_driven_on_by_the_timer(story):
    wanted = story.people(5)
    run_id = story.start().run_id
    story.kept.messages.clear()
    assert sweep(story.app) == []
    story.kept.clock.skip(181)
    assert sweep(story.app) == [run_id]
    story.work()
    assert story.sent() == wanted


# Sizes


def test_row_of_a_run_near_the_size_limits_is_written(cloud):
    names = [f"{'n' * 95}{number:05}" for number in range(200)]
    reasons = ("missing_email", "invalid_email", "duplicate_email", "malformed_row", "invalid_encoding")
    run = Run(
        run_id=f"{cloud.export_id}-20261124T050000-abcdef",
        export=cloud.export_id,
        key_setting="A" * 128,
        list_id=2**31 - 1,
        trigger="http",
        started_by="s" * 100,
        snapshot="s" * 30,
        segments=[{"name": name, "files": 99_999, "rows": 999_999_999} for name in names],
        counts=Counts(rows_rejected=dict.fromkeys(reasons, 2**31 - 1), bytes_sent=2**40),
        left_out=["A" * 50] * 100,
        allowance="a" * 500,
        waiting="w" * 100_000,
        error=Problem.of(PermanentError("code", "e" * 100_000, "a" * 100_000)),
    )
    cloud.app.store.start(run)
    read = cloud.run(run.run_id)
    assert (read.segments, read.counts) == (run.segments, run.counts)
    assert read.error is not None
    assert len(read.error.message) == 2000
    batch = Batch(run.run_id, "s1", 1, 10, 8_000_000, note="n" * 100_000)
    cloud.app.store.write_batches([batch])
    cloud.app.store.add_event(run.run_id, "failed", "t" * 100_000)
    fail(cloud.app, run.run_id, PermanentError("code", "e" * 100_000 + ".", "a" * 100_000))
    assert plain(run_story(cloud.app, cloud.run(run.run_id)))["status"] == "failed"


def test_run_with_200_segments_of_long_names_is_told(story):
    names = [f"{'Segment' * 13}{number:03}" for number in range(200)]
    for number, name in enumerate(names):
        story.segment(f"CustomerId,EMail\n{f'C-1,p{number}@example.com' if number < 2 else ''}\n", name, number)
    story.save(segments=names, mapping={"email": "EMail"})
    status = story.run()
    assert status["status"] == "succeeded"
    assert len(status["segments"]) == 200
    assert story.sent() == {"p0@example.com", "p1@example.com"}


def columns_left_out(story, count):
    columns = [f"Column{number}" for number in range(count)]
    story.segment(f"CustomerId,EMail,{','.join(columns)}\nC-1,p1@example.com{',x' * count}\n")
    story.save(mapping={"email": "EMail", "attributes": "all"}, leave_out_missing_attributes=True)
    return story.run()


def test_run_with_190_attributes_left_out_tells_a_hundred_of_them(story):
    status = columns_left_out(story, 190)
    assert status["status"] == "succeeded"
    assert len(story.runs()[0].left_out) == 100
    assert story.sent() == {"p1@example.com"}


def test_run_with_1000_attributes_left_out_is_sent_without_them(story):
    assert columns_left_out(story, 1000)["status"] == "succeeded"
    assert story.sent() == {"p1@example.com"}


def test_run_that_sends_more_than_two_gigabytes_goes_on(story):
    wanted = story.people(5)
    run_id = story.start().run_id

    def much_was_sent(text: str) -> None:
        if '"deliver"' in text:
            much = {"bytes_sent": 2**31 - 10}
            story.app.store.update(run_id, lambda run: replace(run, counts=replace(run.counts, **much)))

    story.on_message = much_was_sent
    story.work(hours=0.2)
    assert story.status(run_id)["status"] == "succeeded"
    assert story.sent() == wanted


# The clock


class WrongTime:
    """Stands for `datetime` and `time` in a worker whose clock is off."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def now(self, zone: Any = None) -> datetime:
        return datetime.now(zone) + timedelta(seconds=self._seconds)

    def time(self) -> float:
        return time.time() + self._seconds


@pytest.fixture(params=[-420.0, 420.0], ids=["seven minutes slow", "seven minutes fast"])
def wrong_clock(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> float:
    wrong = WrongTime(request.param)
    monkeypatch.setattr("shared.storage.clock.datetime", wrong)
    monkeypatch.setattr("shared.storage.clock.time", wrong)
    return float(request.param)


def test_clock_that_is_off_is_corrected_by_the_first_answer_of_storage(cloud, wrong_clock):
    app = cloud.open(cloud.connection_string)
    assert abs((app.storage.clock.now() - datetime.now(UTC)).total_seconds()) > 400
    app.store.active(cloud.export_id)
    assert abs((app.storage.clock.now() - datetime.now(UTC)).total_seconds()) < 3


def test_claim_of_a_live_worker_is_respected_by_one_whose_clock_is_off(cloud, wrong_clock):
    cloud.people(5)
    run_id = cloud.start()
    other = cloud.open(cloud.connection_string)
    with claimed_run(cloud.app, run_id):
        with pytest.raises(TransientError) as caught, claimed_run(other, run_id):
            pytest.fail("two workers hold the claim")
        assert caught.value.code == "claimed"
        assert 0 < (caught.value.retry_after_seconds or 0) <= cloud.app.graces.claim + 4


def test_quiet_period_is_measured_in_storages_time(cloud, wrong_clock):
    wanted = cloud.people(5)
    patient = cloud.open(cloud.connection_string, snapshot_quiet_seconds=60.0)
    run_id = cloud.start(patient)
    take_step(patient, f'{{"run":"{run_id}","step":"stage"}}')
    assert "it is taken when it has rested" in str(cloud.status(run_id)["waiting"])
    cloud.check_all_sent(cloud.finish(run_id), wanted, most_imports=1)


def test_run_that_is_started_on_a_machine_whose_clock_is_off_has_the_right_time(cloud, wrong_clock):
    cloud.people(1)
    run = cloud.run(cloud.start(cloud.open(cloud.connection_string)))
    started = datetime.fromisoformat(run.times["queued"])
    assert abs((started - datetime.now(UTC)).total_seconds()) < 10


# What storage keeps


def test_rejected_row_of_any_length_is_written(story):
    story.save(mapping={"email": "EMail"})
    story.segment("CustomerId,EMail\n" + f"{'C' * 50_000},{'x' * 50_000}\n" * 3)
    status = story.run(accept=True)
    assert [len(row["customer_id"]) for row in story.rejects(status["run_id"])] == [50_000] * 3
