"""Azure Storage refuses, denies or is away, over Azurite: no contact is lost, and a run that cannot go on says why."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests

from local.azurite import Azurite
from shared.app import App
from shared.errors import ConfigurationError, TransientError
from shared.runs.graces import Graces
from shared.runs.steps.dispatch import take_step
from shared.runs.store import RunStore
from shared.settings import StorageAccount
from shared.storage.account import open_storage
from shared.storage.tables import Row
from tests.faults.storage.cloud import Cloud


class Moody(BaseHTTPRequestHandler):
    """Passes everything on to Azurite, but for what it refuses."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # a small answer in two parts waits 40 ms otherwise
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
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()


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


@pytest.mark.full
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


@pytest.mark.full
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


@pytest.mark.full
def test_storage_that_restarts_while_a_step_holds_its_message_loses_no_contact(story, three_batches, monkeypatch):
    # The message of a step that was cut off comes back after two minutes, and claims end after twenty seconds: both
    # are shorter here.
    monkeypatch.setattr("shared.operating.worker._VISIBLE_AGAIN_SECONDS", 1)
    with Azurite() as own:
        cloud = Cloud(story, own.connection_string)
        wanted = cloud.people(600)
        run_id = cloud.start()
        worker = replace(cloud.app, graces=Graces().scaled(0.05))
        to_cut_off = ["stage", "deliver", "confirm"]

        def take(app: App, text: str) -> None:
            if (step := json.loads(text)["step"]) in to_cut_off:
                to_cut_off.remove(step)
                own.pause()
            take_step(app, text)

        monkeypatch.setattr("shared.operating.worker.take_step", take)
        for _ in range(3):
            with pytest.raises(TransientError, match="Storage did not answer"):
                cloud.finish(run_id, worker)
            own.restart()
        cloud.check_all_sent(cloud.finish(run_id, worker), wanted, most_imports=3)
        assert to_cut_off == []


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
