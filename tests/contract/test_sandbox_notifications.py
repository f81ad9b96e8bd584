"""The call to `notifyUrl`: a bare hint that an import has finished."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from local.brevo_sandbox import BrevoSandbox
from tests.waiting import wait_until


class Receiver:
    def __init__(self) -> None:
        self.calls: list[tuple[str, str, bytes]] = []
        received = self.calls

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                received.append((self.command, self.path, body))
                self.send_response(500)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    running = Receiver()
    threading.Thread(target=running.server.serve_forever, args=(0.05,), daemon=True).start()
    yield running
    running.server.shutdown()
    running.server.server_close()


def test_notification_is_an_empty_post_without_the_query(sandbox: BrevoSandbox, run_import, receiver):
    run_import({"email": "ana@example.com"}, notifyUrl=f"{receiver.address}/done/run-1?token=secret")
    wait_until(lambda: bool(sandbox.world.notifier.sent()))
    assert receiver.calls == [("POST", "/done/run-1", b"")]
    assert sandbox.world.notifier.sent()[0].status == 500


def test_notification_also_comes_when_the_import_failed(sandbox: BrevoSandbox, run_import, receiver):
    sandbox.fail_next("POST /contacts/import", "import-failed")
    run_import({"email": "ana@example.com"}, notifyUrl=receiver.address)
    wait_until(lambda: receiver.calls == [("POST", "/", b"")])


def test_notification_comes_when_an_export_is_done(sandbox: BrevoSandbox, http, receiver):
    asked = {"customContactFilter": {"actionForContacts": "allContacts", "listId": 13}}
    body = asked | {"notifyUrl": f"{receiver.address}/left/13?token=secret"}
    http.post(f"{sandbox.base_url}/contacts/export", json=body, timeout=10)
    wait_until(lambda: receiver.calls == [("POST", "/left/13", b"")])


def test_notification_can_come_twice_or_never(sandbox: BrevoSandbox, run_import, receiver):
    sandbox.change(notify="off")
    run_import({"email": "ana@example.com"}, notifyUrl=f"{receiver.address}/never")
    sandbox.change(notify="twice")
    run_import({"email": "ana@example.com"}, notifyUrl=f"{receiver.address}/twice")
    wait_until(lambda: len(sandbox.world.notifier.sent()) == 2)
    assert {path for _, path, _ in receiver.calls} == {"/twice"}


def test_delayed_notification_comes_after_the_import_is_done(sandbox: BrevoSandbox, run_import, receiver):
    sandbox.change(notify_delay_seconds=0.2)
    run_import({"email": "ana@example.com"}, notifyUrl=receiver.address)
    wait_until(lambda: bool(sandbox.world.notifier.sent()))
    waited = sandbox.world.notifier.sent()[0].at - sandbox.imports.records()[0].completed_at
    assert waited >= 0.2


def test_receiver_that_is_not_there_does_no_harm(sandbox: BrevoSandbox, run_import):
    process = run_import({"email": "ana@example.com"}, notifyUrl="http://127.0.0.1:9/gone")
    assert process["status"] == "completed"
    wait_until(lambda: bool(sandbox.world.notifier.sent()))
    assert sandbox.world.notifier.sent()[0].status is None


def test_wish_for_no_mail_to_the_owner_is_recorded(sandbox: BrevoSandbox, run_import):
    run_import({"email": "ana@example.com"}, disableNotification=True)
    run_import({"email": "ana@example.com"})
    assert [record.order.disable_notification for record in sandbox.imports.records()] == [True, False]


def test_import_that_is_set_aside_calls_back_at_once(sandbox: BrevoSandbox, run_import, receiver):
    sandbox.change(defers_work=True)
    run_import({"email": "ana@example.com"}, notifyUrl=f"{receiver.address}/done/1")
    wait_until(lambda: receiver.calls == [("POST", "/done/1", b"")])
