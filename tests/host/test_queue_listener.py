"""The queue listener's rules, one by one, as the real listener has them: over a real queue, with a function of our own.

Leases are shortened where a test waits for one to end; the real 600 s are in a test of their own.
"""

import base64
import json
import threading
import time
from datetime import datetime, timedelta

import pytest
from azure.core.exceptions import ResourceNotFoundError

from local.functions_host.queue_messages import Held, bytes_of
from local.functions_host.queues import _BUSY_POLL_SECONDS, next_pause_seconds
from local.functions_host.settings import QueueSettings, SettingError, read_host_json
from tests.waiting import wait_until


def test_function_that_throws_is_tried_to_the_last_count_and_then_its_message_is_poison_for_seven_days(rig):
    site = rig(work=lambda text: False).make()
    sent = site.send("broken")
    site.listen()
    wait_until(lambda: len(site.calls) == 3)
    apart = [after[2] - before[2] for before, after in zip(site.calls, site.calls[1:], strict=False)]
    assert site.counts() == [1, 2, 3]
    assert all(seconds > 0.9 for seconds in apart)

    def given_up():
        try:
            return site.queue("-poison").receive_message()
        except ResourceNotFoundError:
            return None

    poison = wait_until(given_up)
    assert poison.content == base64.b64encode(b"broken").decode()
    assert poison.id != sent.id
    assert poison.dequeue_count == 1  # this test took it: it was 0
    assert poison.expires_on - poison.inserted_on == timedelta(days=7)
    wait_until(lambda: site.count() == 0)


def test_message_is_hidden_for_six_hundred_seconds_from_its_taking(rig):
    site = rig().make()
    site.send()
    before = time.time()
    site.listen()
    wait_until(lambda: site.calls)
    after = time.time()
    visible_again = datetime.fromisoformat(json.loads(site.calls[0][3]["NextVisibleTime"])).timestamp()
    assert before + 598 <= visible_again <= after + 602


@pytest.mark.full
def test_message_of_a_running_function_is_renewed_at_half_time(rig, monkeypatch):
    # A lease of 4 s, so that two renewals pass within the test.
    renewed, renew = [], Held._update
    monkeypatch.setattr(Held, "_update", lambda held, seconds: (renew(held, seconds), renewed.append(seconds)))
    free = threading.Event()
    site = rig(work=lambda text: free.wait(20)).make()
    site.send()
    site.listen(lease_seconds=4)
    began = time.monotonic()

    def renewed_twice():
        assert site.queue().receive_message(visibility_timeout=1) is None
        return len(renewed) == 2

    wait_until(lambda: site.calls)
    wait_until(renewed_twice)
    assert time.monotonic() - began > 3.5
    free.set()
    wait_until(lambda: site.count() == 0)
    assert (site.counts(), renewed) == ([1], [4, 4])


def test_message_of_a_host_that_died_comes_back_when_its_lease_ends(rig):
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


def test_listener_that_is_stopped_takes_nothing_more_and_lets_its_function_finish(rig):
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


def test_text_that_is_not_base64_is_poison_at_once_and_unread(rig):
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


def test_empty_message_runs_the_function_with_empty_text(rig):
    site = rig().make()
    site.queue().send_message("")
    site.listen()
    wait_until(lambda: site.calls)
    assert site.calls[0][:2] == ("", 1)


def test_bytes_that_are_no_utf8_are_failed_tries_and_then_poison(rig):
    site = rig().make().make("-poison")
    content = base64.b64encode(b"\xff\xfe").decode()
    began = time.monotonic()
    site.queue().send_message(content)
    site.listen()
    poison = wait_until(lambda: site.queue("-poison").peek_messages())
    assert poison[0].content == content
    assert time.monotonic() - began > 1.8  # two pauses of a second lie between three tries
    assert site.calls == []


@pytest.mark.full
def test_function_on_a_poison_queue_that_throws_has_its_message_hidden_for_a_lease_each_time_and_never_moved(rig):
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


def test_message_that_comes_to_an_idle_queue_waits_for_the_pause_to_end(rig):
    site = rig().make()
    site.listen(QueueSettings(batch_size=1, new_batch_threshold=0, longest_poll_seconds=1))
    wait_until(lambda: len(site.pauses) == 5)
    site.send()
    wait_until(lambda: site.calls and 0 in site.pauses)
    # As many pauses of a second as the message was sent after, and none shorter until it is taken.
    idle = site.pauses[: site.pauses.index(0)]
    assert idle == pytest.approx([0.1, 0.2, 0.4, 0.8, *[1] * (len(idle) - 4)])


def test_one_at_a_time_the_next_message_starts_at_once_after_the_one_before(rig):
    ended, pauses = [], []

    def work(text):
        pauses[:] = site.pauses[1:]
        time.sleep(0.05)
        ended.append(len(site.calls))
        return True

    site = rig(work=work).make()
    for number in range(5):
        site.send(str(number))
    site.listen()
    wait_until(lambda: len(ended) == 5)
    assert ended == [1, 2, 3, 4, 5]
    # None while a message is there, and the short ones while a function runs.
    assert set(pauses) == {0, _BUSY_POLL_SECONDS}


def test_two_hosts_share_a_queue(rig):
    # A function ends when one of the other host runs, too.
    both = threading.Barrier(2)
    first, second = (rig(work=lambda text: both.wait(60) in (0, 1)) for _ in range(2))
    first.make()
    second.name = first.name
    for number in range(8):
        first.send(str(number))
    first.listen()
    second.listen()
    wait_until(lambda: len(first.calls) + len(second.calls) == 8)
    assert len(first.calls) == len(second.calls) == 4
    assert {*first.counts(), *second.counts()} == {1}


def test_missing_queue_is_never_made_and_polled_until_somebody_makes_it(rig):
    site = rig()
    site.listen()
    time.sleep(1)
    with pytest.raises(ResourceNotFoundError):
        site.count()
    site.make()
    site.send()
    wait_until(lambda: site.calls)
    assert site.storage_errors == []


def test_function_that_runs_too_long_fails_and_its_message_comes_back_after_the_pause(rig):
    free = threading.Event()
    site = rig(work=lambda text: free.wait(30)).make()
    site.send()
    listener = site.listen(function_timeout_seconds=0.5)
    wait_until(lambda: site.timeouts)
    listener.abandon()
    back = wait_until(lambda: site.queue().receive_message(visibility_timeout=1))
    assert back.dequeue_count == 2
    assert time.monotonic() - site.calls[0][2] > 1.3  # cut off after 0.5 s, hidden for 1 s
    free.set()
