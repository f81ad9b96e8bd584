"""Storage that accepts connections and never answers: those who wait hear of it soon, and workers are patient."""

import json
import socket
import threading
import time

import azure.functions as func
import pytest
from azure.core.exceptions import ServiceRequestError, ServiceResponseTimeoutError
from click.testing import CliRunner

import export_trigger.blueprint  # noqa: F401 - registers the routes
import shared.app
from blob_export import blueprint as event
from export_trigger import entry
from export_worker import blueprint as queue
from shared.cli.program import program
from shared.errors import TransientError
from shared.storage import account
from shared.storage.failures import SEGMENT_SETTING, Silent, UnreachableError, storage_failures
from tests.sizes import thinned
from timer_export import blueprint as timer

SHORT_SECONDS = 0.2
# The real limit is 15 s at three seconds a try; the pauses between the tries are not shortened.
ANSWER_SECONDS = 15 * SHORT_SECONDS / account.HURRIED_SECONDS + 3
# The first bytes of a blob, and then nothing: the SDK itself reads it again.
HEAD = (
    b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nETag: "a"\r\nContent-Range: bytes 0-999/1000\r\n'
    b"Last-Modified: Sat, 28 Nov 2026 17:00:00 GMT\r\nx-ms-blob-type: BlockBlob\r\n\r\n{"
)
RUN_ID = "gold-20261124T050000-a1b2c3"


class Hanging:
    """Accepts connections and never answers, or answers with `head` and no more. Counts the connections."""

    def __init__(self, head: bytes) -> None:
        self._head = head
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.connections: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections.append(connection)
            if self._head:
                threading.Thread(target=self._begin, args=(connection,), daemon=True).start()

    def _begin(self, connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(self._head)

    def close(self) -> None:
        self._socket.close()
        for connection in self.connections:
            connection.close()


@pytest.fixture
def head():
    return b""


@pytest.fixture
def hanging(head, monkeypatch):
    server = Hanging(head)
    url = f"http://127.0.0.1:{server.port}/app"
    text = f"AccountName=app;AccountKey=c2VjcmV0;BlobEndpoint={url};QueueEndpoint={url};TableEndpoint={url}"
    monkeypatch.setenv("AzureWebJobsStorage", text)
    monkeypatch.setenv("EXPORT_CONFIG", "settings/exports.json")
    monkeypatch.setattr(account, "HURRIED_SECONDS", SHORT_SECONDS)
    shared.app._open.cache_clear()
    yield server
    server.close()
    shared.app._open.cache_clear()


def ask(name, path, **route):
    built = entry.blueprint._function_builders
    functions = [each.build(auth_level=None).get_user_function() for each in built]
    request = func.HttpRequest("GET", f"https://app.example.com/api/{path}", headers={}, route_params=route, body=b"")
    return next(each for each in functions if each.__name__ == name)(request)


def in_time(act):
    """Acts once more, and a third time, where the machine may have been busy with other tests."""
    for _ in range(3):
        begun = time.monotonic()
        result = act()
        if (seconds := time.monotonic() - begun) < ANSWER_SECONDS:
            return result
    pytest.fail(f"the last of three tries took {seconds:.1f} s, {ANSWER_SECONDS:.1f} s are the limit")


in_halves = pytest.mark.parametrize(
    "head", [pytest.param(b"", id="no answer"), pytest.param(HEAD, id="half an answer", marks=pytest.mark.full)]
)


@in_halves
@pytest.mark.parametrize(
    ("name", "path", "route"),
    [
        ("list_exports", "exports", {}),
        ("show_run", f"runs/{RUN_ID}", {"id": RUN_ID}),
        ("health", "health?deep=1", {}),
    ],
)
def test_http_call_is_answered_with_503_and_when_to_come_back(hanging, name, path, route):
    answer = in_time(lambda: ask(name, path, **route))
    assert (answer.status_code, bool(answer.headers["Retry-After"])) == (503, True)
    assert "torage" in json.loads(answer.get_body())["title"]
    assert hanging.connections


@in_halves
@pytest.mark.parametrize("command", thinned([["status"], ["exports"], ["run", "gold"], ["run", "gold", "--wait"]], 3))
def test_command_ends_with_one_line_and_exit_status_1(hanging, command):
    check_command(hanging, command)


@pytest.mark.parametrize("head", [HEAD], ids=["half an answer"])
def test_command_that_gets_half_an_answer_ends_with_one_line_too(hanging):
    check_command(hanging, ["status"])


def check_command(hanging, command):
    done = in_time(lambda: CliRunner().invoke(program, command))
    assert done.exit_code == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("segment-export: Storage did not answer for blob settings/exports.json.")
    assert hanging.connections


def test_workers_ride_out_a_restart_of_storage(monkeypatch):
    for module in (queue, timer, event):
        assert module.open_worker_app is shared.app.open_worker_app
    monkeypatch.setenv("AzureWebJobsStorage", "UseDevelopmentStorage=true")
    assert shared.app.open_app().storage.is_hurried
    worker = shared.app.open_worker_app()
    assert not worker.storage.is_hurried
    assert shared.app.open_app().patient() is worker
    assert worker.patient() is worker


def test_storage_that_has_hung_is_asked_again_once_nobody_waits_any_more(hanging, monkeypatch):
    monkeypatch.setattr("shared.storage.hurried._SILENT_SECONDS", 0.5)
    blobs = shared.app.open_app().storage.app_blobs

    def connections():
        before = len(hanging.connections)
        with pytest.raises(TransientError, match="did not answer"):
            blobs.soft_delete_days()
        return len(hanging.connections) - before

    assert [connections() for _ in range(3)] == [2, 0, 0], "the call and its retry, and then none"
    time.sleep(0.6)
    assert connections() == 2


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ServiceRequestError, "Check the account in SEGMENT_STORAGE: it cannot be reached."),
        (ServiceResponseTimeoutError, "Check the account in SEGMENT_STORAGE: it lets calls hang"),
        (Silent, "Check the account in SEGMENT_STORAGE: it lets calls hang"),
    ],
)
def test_storage_that_hangs_is_told_from_storage_that_is_away(error, words):
    with pytest.raises(UnreachableError) as caught, storage_failures("container segments", SEGMENT_SETTING):
        raise error("no answer")
    assert caught.value.advice.startswith(words)
