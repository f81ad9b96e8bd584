"""The queue listener's rules, one by one, as the real listener has them: over a real queue, with a function of our own.

Leases are shortened where a test waits for one to end; the real 600 s are in a test of their own.
"""

import base64
import json
import threading
import time
import uuid
from concurrent.futures import Future
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.queue import QueueClient

from local.azurite import ACCOUNT, ACCOUNT_KEY, Azurite
from local.functions_host import queue_messages
from local.functions_host.queue_messages import bytes_of
from local.functions_host.queues import Alarms, Limits, QueueListener, next_pause_seconds
from local.functions_host.runtime import Function, Outcome
from local.functions_host.settings import QueueSettings, SettingError, read_host_json

ONE_AT_A_TIME = QueueSettings(
    batch_size=1, new_batch_threshold=0, visibility_timeout_seconds=1, max_dequeue_count=3, longest_poll_seconds=0.3
)


class Rig:
    """A queue, a function that `work` plays, and one or more listeners. `calls` are those of the function."""

    def __init__(self, storage, work=lambda text: True):
        self.name = f"q-{uuid.uuid4().hex[:12]}"
        self.storage, self.work = storage, work
        self.calls, self.threads, self.storage_errors, self.timeouts = [], [], [], []
        self.listeners = []

    def queue(self, suffix=""):
        return QueueClient.from_connection_string(self.storage, self.name + suffix)

    def make(self, suffix=""):
        self.queue(suffix).create_queue()
        return self

    def listen(self, settings=ONE_AT_A_TIME, suffix="", **limits):
        function = Function("work", "1", {"type": "queueTrigger", "queueName": self.name + suffix, "connection": "S"})
        alarms = Alarms(lambda: self.timeouts.append(1), lambda: self.storage_errors.append(time.monotonic()))
        listener = QueueListener(function, self, settings, Limits(**limits), {"S": self.storage}, alarms)
        self.listeners.append(listener)
        listener.start()
        return listener

    def start(self, function, call):
        """What the runtime does: runs the function once."""
        metadata = {name: each.value for name, each in call.metadata.items()}
        self.calls.append((call.data.value, json.loads(metadata["DequeueCount"]), time.monotonic(), metadata))
        done = Future()

        def run():
            done.set_result(Outcome(self.work(call.data.value) is True))

        threading.Thread(target=run, daemon=True).start()
        return done

    def send(self, text="a", **options):
        return self.queue().send_message(base64.b64encode(text.encode()).decode(), **options)

    def count(self, suffix=""):
        return self.queue(suffix).get_queue_properties().approximate_message_count

    def counts(self):
        return [count for _, count, _, _ in self.calls]


@pytest.fixture
def rig(azurite):
    made = []

    def make(work=lambda text: True, storage=azurite.connection_string):
        made.append(Rig(storage, work))
        return made[-1]

    yield make
    for each in made:
        for listener in each.listeners:
            listener.abandon()


@pytest.fixture
def short_retries(monkeypatch):
    """Six tries within a second instead of 25 s: what follows them is what these tests are about."""
    monkeypatch.setattr(queue_messages, "_FIRST_PAUSE_SECONDS", 0.02)


def test_function_that_throws_is_tried_to_the_last_count_and_then_its_message_is_poison_for_seven_days(rig, wait_until):
    site = rig(work=lambda text: False).make()
    sent = site.send("broken")
    site.listen()
    wait_until(lambda: len(site.calls) == 3)
    apart = [after[2] - before[2] for before, after in zip(site.calls, site.calls[1:], strict=False)]
    assert site.counts() == [1, 2, 3]
    assert all(0.9 < seconds < 4 for seconds in apart)

    def given_up():
        try:
            return site.queue("-poison").receive_message()
        except ResourceNotFoundError:
            return None

    poison = wait_until(given_up, 2)
    assert poison.content == base64.b64encode(b"broken").decode()
    assert poison.id != sent.id
    assert poison.dequeue_count == 1  # this test took it: it was 0
    assert poison.expires_on - poison.inserted_on == timedelta(days=7)
    wait_until(lambda: site.count() == 0)


def test_message_is_hidden_for_six_hundred_seconds_from_its_taking(rig, wait_until):
    site = rig().make()
    site.send()
    before = time.time()
    site.listen()
    wait_until(lambda: site.calls)
    visible_again = datetime.fromisoformat(json.loads(site.calls[0][3]["NextVisibleTime"])).timestamp()
    assert 598 <= visible_again - before <= 604


def test_message_of_a_running_function_is_renewed_at_half_time(rig, wait_until):
    # A lease of 2 s, so that two renewals pass within the test.
    free = threading.Event()
    site = rig(work=lambda text: free.wait(20)).make()
    site.send()
    site.listen(lease_seconds=2)
    wait_until(lambda: site.calls)
    deadline = time.monotonic() + 4
    while time.monotonic() < deadline:
        assert site.queue().receive_message(visibility_timeout=1) is None
        time.sleep(0.2)
    free.set()
    wait_until(lambda: site.count() == 0)
    assert site.counts() == [1]


def test_message_of_a_host_that_died_comes_back_when_its_lease_ends(rig, wait_until):
    # A lease of 2 s: nobody waits 600 s in a test.
    site = rig(work=lambda text: True).make()
    site.send()
    taken_by_the_dead = site.queue().receive_message(visibility_timeout=2)
    taken_at = time.monotonic()
    assert taken_by_the_dead is not None
    site.listen(lease_seconds=2)
    wait_until(lambda: site.calls)
    assert site.counts() == [2]
    assert site.calls[0][2] - taken_at > 1.5


def test_listener_that_is_stopped_takes_nothing_more_and_lets_its_function_finish(rig, wait_until):
    free = threading.Event()
    site = rig(work=lambda text: free.wait(20)).make()
    site.send("first")
    listener = site.listen()
    wait_until(lambda: site.calls)
    site.send("second")
    listener.stop_taking()
    assert not listener.is_idle()
    free.set()
    wait_until(listener.is_idle)
    time.sleep(0.5)
    assert [call[0] for call in site.calls] == ["first"]
    assert site.count() == 1


def test_text_that_is_not_base64_is_poison_at_once_and_unread(rig, wait_until):
    site = rig().make().make("-poison")
    site.queue().send_message("{no base64}")
    site.listen()
    poison = wait_until(lambda: site.queue("-poison").peek_messages())
    assert poison[0].content == "{no base64}"
    assert site.calls == []


@pytest.mark.parametrize(
    ("content", "text"), [("aGVs\nbG8=", b"hello"), (" aGVsbG8=\r\n", b"hello"), ("a\tGVsbG8=", b"hello"), ("", b"")]
)
def test_blanks_and_line_ends_inside_base64_are_forgiven(content, text):
    assert bytes_of(content) == text


@pytest.mark.parametrize("content", ["aGVsbG8", "aGVs=bG8=", "aGVsbG8=x", "a-Vs", "aGVsbG8=\v", "é"])
def test_other_text_is_no_base64(content):
    with pytest.raises(ValueError, match=r"."):
        bytes_of(content)


def test_empty_message_runs_the_function_with_empty_text(rig, wait_until):
    site = rig().make()
    site.queue().send_message("")
    site.listen()
    wait_until(lambda: site.calls)
    assert site.calls[0][:2] == ("", 1)


def test_bytes_that_are_no_utf8_are_failed_tries_and_then_poison(rig, wait_until):
    site = rig().make().make("-poison")
    content = base64.b64encode(b"\xff\xfe").decode()
    began = time.monotonic()
    site.queue().send_message(content)
    site.listen()
    poison = wait_until(lambda: site.queue("-poison").peek_messages())
    assert poison[0].content == content
    assert time.monotonic() - began > 1.8  # two pauses of a second lie between three tries
    assert site.calls == []


def test_function_on_a_poison_queue_that_throws_has_its_message_hidden_for_a_lease_each_time_and_never_moved(
    rig, wait_until
):
    # A lease of 1 s: each try waits for one.
    site = rig(work=lambda text: False).make("-poison")
    site.queue("-poison").send_message(base64.b64encode(b"again").decode())
    site.listen(suffix="-poison", lease_seconds=1)
    wait_until(lambda: len(site.calls) >= 5)
    assert site.counts()[:5] == [1, 2, 3, 4, 5]
    assert all(after[2] - before[2] > 0.7 for before, after in zip(site.calls, site.calls[1:], strict=False))
    assert site.count("-poison") == 1
    with pytest.raises(ResourceNotFoundError):
        site.count("-poison-poison")


def test_pause_of_an_idle_queue_doubles_from_a_tenth_of_a_second_to_the_setting():
    pauses, pause = [], 0.0
    for _ in range(8):
        pause = next_pause_seconds(pause, 5)
        pauses.append(pause)
    assert pauses == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5, 5])


def test_longest_pause_is_host_jsons_and_a_minute_where_it_says_nothing(tmp_path):
    (tmp_path / "host.json").write_text("{}")
    assert read_host_json(tmp_path, {}).queues.longest_poll_seconds == 60
    (tmp_path / "host.json").write_text('{"extensions": {"queues": {"maxPollingInterval": "00:00:02"}}}')
    assert read_host_json(tmp_path, {}).queues.longest_poll_seconds == 2
    name = "AzureFunctionsJobHost__extensions__queues__maxPollingInterval"
    with pytest.raises(SettingError, match="maxPollingInterval is 0 s"):
        read_host_json(tmp_path, {name: "00:00:00"})


def test_message_that_comes_to_an_idle_queue_waits_for_the_pause_to_end(rig, wait_until):
    site = rig().make()
    site.listen(QueueSettings(batch_size=1, new_batch_threshold=0, longest_poll_seconds=3))
    time.sleep(3.5)  # polls at 0.1, 0.3, 0.7, 1.5 and 3.1 s; the next is at 6.1 s
    sent_at = time.monotonic()
    site.send()
    wait_until(lambda: site.calls)
    assert 1.0 < site.calls[0][2] - sent_at < 4


def test_one_at_a_time_the_next_message_starts_at_once_after_the_one_before(rig, wait_until):
    ended = []

    def work(text):
        time.sleep(0.05)
        ended.append(time.monotonic())
        return True

    site = rig(work=work).make()
    for number in range(5):
        site.send(str(number))
    site.listen()
    wait_until(lambda: len(ended) == 5)
    gaps = [call[2] - end for call, end in zip(site.calls[1:], ended, strict=False)]
    assert all(0 < gap < 0.5 for gap in gaps)


def test_two_hosts_share_a_queue(rig, wait_until):
    first, second = (
        rig(work=lambda text: time.sleep(0.3) or True).make(),
        rig(work=lambda text: time.sleep(0.3) or True),
    )
    second.name = first.name
    for number in range(8):
        first.send(str(number))
    first.listen()
    second.listen()
    wait_until(lambda: len(first.calls) + len(second.calls) == 8)
    assert min(len(first.calls), len(second.calls)) >= 2
    assert {*first.counts(), *second.counts()} == {1}


def test_missing_queue_is_never_made_and_polled_until_somebody_makes_it(rig, wait_until):
    site = rig()
    site.listen()
    time.sleep(1)
    with pytest.raises(ResourceNotFoundError):
        site.count()
    site.make()
    site.send()
    wait_until(lambda: site.calls)
    assert site.storage_errors == []


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


def test_poll_that_storage_refuses_six_times_stops_the_host(rig, wait_until, short_retries):
    site = rig(storage=refused())
    site.listen()
    wait_until(lambda: site.storage_errors)
    time.sleep(0.5)
    assert len(site.storage_errors) == 1


def test_key_that_storage_refuses_stops_the_host_at_its_first_poll(rig, wait_until, azurite):
    wrong = azurite.connection_string.replace(ACCOUNT_KEY, base64.b64encode(b"another key").decode())
    site = rig(storage=wrong)
    began = time.monotonic()
    site.listen()
    wait_until(lambda: site.storage_errors)
    assert site.storage_errors[0] - began < 5  # 403 is not tried again


def test_function_that_finished_while_storage_was_away_stops_the_host_and_runs_again_after_its_lease(
    rig, wait_until, short_retries, tmp_path
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
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    server.storage = refused().replace("127.0.0.1:1/", f"127.0.0.1:{server.server_address[1]}/")
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_storage_that_answers_503_is_polled_again(rig, wait_until, short_retries, busy):
    site = rig(storage=busy.storage)
    site.listen()
    wait_until(lambda: len(busy.seen) >= 12)  # two polls of six tries
    assert site.storage_errors == []


@pytest.mark.parametrize(
    ("succeeds", "seconds"),
    [(True, 0), (False, 0), (True, 30)],
    ids=["at the deletion", "at the release", "at a renewal"],
)
def test_storage_that_answers_503_to_anything_else_stops_the_host(
    rig, wait_until, short_retries, busy, succeeds, seconds
):
    busy.messages.append(MESSAGE)
    free = threading.Event()
    site = rig(work=lambda text: (free.wait(seconds) or True) and succeeds, storage=busy.storage)
    site.listen(lease_seconds=1)  # 600 s shortened: a renewal comes at half of it
    wait_until(lambda: site.storage_errors)
    free.set()


def test_function_that_runs_too_long_fails_and_its_message_comes_back_after_the_pause(rig, wait_until):
    free = threading.Event()
    site = rig(work=lambda text: free.wait(30)).make()
    site.send()
    listener = site.listen(function_timeout_seconds=0.5)
    wait_until(lambda: site.timeouts)
    listener.abandon()
    back = wait_until(lambda: site.queue().receive_message(visibility_timeout=1))
    assert back.dequeue_count == 2
    assert 1.3 < time.monotonic() - site.calls[0][2] < 5  # cut off after 0.5 s, hidden for 1 s
    free.set()
