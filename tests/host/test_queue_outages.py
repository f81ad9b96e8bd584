"""What the queue listener does when storage refuses it, is busy or is away: as the real listener."""

import base64
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from local.azurite import ACCOUNT, ACCOUNT_KEY, Azurite
from local.functions_host import queue_messages
from tests.waiting import wait_until


def test_six_tries_of_a_request_to_storage_take_some_twenty_five_seconds():
    retry = queue_messages._HostsRetry(retry_total=5)
    pauses = [retry.get_backoff_time({"count": count}) for count in range(1, 6)]
    assert pauses == pytest.approx([0.8, 1.6, 3.2, 6.4, 12.8])


def refused():
    """A connection string of a storage that nobody listens on."""
    return (
        f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={ACCOUNT_KEY};"
        f"QueueEndpoint=http://127.0.0.1:1/{ACCOUNT};"
    )


def test_poll_that_storage_refuses_six_times_stops_the_host(rig, short_retries):
    site = rig(storage=refused())
    site.listen()
    wait_until(lambda: site.storage_errors)
    time.sleep(0.5)
    assert len(site.storage_errors) == 1


def test_key_that_storage_refuses_stops_the_host_at_its_first_poll(rig, azurite):
    wrong = azurite.connection_string.replace(ACCOUNT_KEY, base64.b64encode(b"another key").decode())
    site = rig(storage=wrong)
    began = time.monotonic()
    site.listen()
    wait_until(lambda: site.storage_errors)
    assert site.storage_errors[0] - began < 20  # 403 is not tried again, which would take 25 s


@pytest.mark.full
def test_function_that_finished_while_storage_was_away_stops_the_host_and_runs_again_after_its_lease(
    rig, short_retries, tmp_path
):
    with Azurite(tmp_path) as storage:

        def work(text):
            if len(site.calls) == 1:
                storage.pause()
            return True

        site = rig(work=work, storage=storage.connection_string).make()
        site.send()
        site.listen(lease_seconds=6)  # 600 s shortened: the test waits for its end
        wait_until(lambda: site.storage_errors)
        first = site.listeners[0]
        first.abandon()
        storage.restart()
        site.listen(lease_seconds=6)
        wait_until(lambda: site.count() == 0)
        assert site.counts() == [1, 2]


class _Busy(BaseHTTPRequestHandler):
    """Answers 503 to every request, or gives one message first."""

    def _answer(self):
        server = self.server
        server.seen.append(self.command)
        gives = self.command == "GET" and bool(server.messages)
        body = (
            server.messages.pop() if gives else "<Error><Code>ServerBusy</Code><Message>Busy.</Message></Error>"
        ).encode()
        self.send_response(200 if gives else 503)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        if not gives:
            self.send_header("x-ms-error-code", "ServerBusy")
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PUT = do_DELETE = _answer  # noqa: N815 - the names that http.server calls

    def log_message(self, *_):
        pass


MESSAGE = """<?xml version="1.0" encoding="utf-8"?><QueueMessagesList><QueueMessage><MessageId>m-1</MessageId>\
<InsertionTime>Tue, 24 Nov 2026 05:00:00 GMT</InsertionTime>\
<ExpirationTime>Tue, 01 Dec 2026 05:00:00 GMT</ExpirationTime>\
<PopReceipt>r</PopReceipt><TimeNextVisible>Tue, 24 Nov 2026 05:10:00 GMT</TimeNextVisible>\
<DequeueCount>1</DequeueCount><MessageText>YQ==</MessageText></QueueMessage></QueueMessagesList>"""


@pytest.fixture
def busy():
    server = HTTPServer(("127.0.0.1", 0), _Busy)
    server.seen, server.messages = [], []
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    server.storage = refused().replace("127.0.0.1:1/", f"127.0.0.1:{server.server_address[1]}/")
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_storage_that_answers_503_is_polled_again(rig, short_retries, busy):
    site = rig(storage=busy.storage)
    site.listen()
    wait_until(lambda: len(busy.seen) >= 12)  # two polls of six tries
    assert site.storage_errors == []


@pytest.mark.parametrize(
    ("succeeds", "seconds"),
    [(True, 0), (False, 0), (True, 30)],
    ids=["at the deletion", "at the release", "at a renewal"],
)
def test_storage_that_answers_503_to_anything_else_stops_the_host(rig, short_retries, busy, succeeds, seconds):
    busy.messages.append(MESSAGE)
    free = threading.Event()
    site = rig(work=lambda text: (free.wait(seconds) or True) and succeeds, storage=busy.storage)
    site.listen(lease_seconds=1)  # 600 s shortened: a renewal comes at half of it
    wait_until(lambda: site.storage_errors)
    free.set()
