"""Whoever is to be told of a run's end is told once: whatever the receiver, the worker or storage does meanwhile."""

import base64
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from shared.notices import posting
from shared.notices.queue import NoticeMessage, enqueue
from shared.notices.tell import drop_notice, take_notice
from shared.notices.words import WITHOUT_COLUMNS
from shared.runs.status import find_run
from shared.runs.steps.stop import request_cancel
from shared.runs.steps.sweep import sweep
from shared.storage.tables import Row
from tests.faults.conftest import Story
from tests.faults.test_canary import BROKEN, assert_clean, marked_segment
from tests.memory_line import Mode, WorkerDied
from tests.receiver import Receiver, receiver

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
MISSING_LIST = {"list_id": 4711}


@pytest.fixture
def there() -> Iterator[Receiver]:
    with receiver() as running:
        yield running


@pytest.fixture
def told(make_story: Callable[..., Story], there: Receiver, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Story]:
    """Makes a story whose ends are told to the receiver."""
    monkeypatch.setattr(posting, "POST_SECONDS", 3.0)
    monkeypatch.setenv("HOOK_SECRET", SECRET)

    def make(*notifications: dict[str, Any], **changes: Any) -> Story:
        story = make_story()
        monkeypatch.setenv("HOOK_URL", f"{there.url}/hook?sig=s3cret")
        for each in notifications or ({"type": "teams"},):
            secret = {"secret": {"setting": "HOOK_SECRET"}} if each["type"] == "webhook" else {}
            story.notifications.append({"id": each["type"], "url": {"setting": "HOOK_URL"}, **secret, **each})
        story.people(4)
        story.save(**changes)
        return story

    return make


def titles(there: Receiver) -> list[str]:
    """What each message says first, whichever form it has."""
    found = []
    for body in (each.json for each in there.received):
        if "attachments" in body:
            found.append(body["attachments"][0]["content"]["fallbackText"])
        else:
            found.append(body["data"]["title"] if "data" in body else body["blocks"][0]["text"]["text"])
    return found


FAILED = "Gold customers: the export failed"
RECOVERED = "Gold customers: the export works again"


def row_states(story: Story) -> Counter[str]:
    return Counter(values["state"] for values, _ in story.kept.tables.get("notices", {}).values())


# What is told, and to whom


def test_each_channel_is_told_of_a_failed_run_in_its_own_form(told, there):
    story = told({"type": "teams"}, {"type": "slack"}, {"type": "webhook"}, **MISSING_LIST)
    status = story.run()
    story.tell()
    assert titles(there) == [FAILED] * 3
    (hook,) = [each for each in there.received if "webhook-id" in each.headers]
    # Time is virtual here: the library's own check of it is in test_notice_formats and through the functions host.
    at = datetime.fromtimestamp(int(hook.headers["webhook-timestamp"]), UTC)
    signature = Webhook(SECRET).sign(hook.headers["webhook-id"], at, hook.body.decode())
    assert hook.headers["webhook-signature"] == signature
    found = hook.json
    assert found["type"] == "export.failed"
    assert found["data"]["run_id"] == status["run_id"]
    assert found["data"]["code"] == "list_missing"
    assert [each["text"] for each in story.status(status["run_id"])["story"] if each["kind"] == "notified"] == [
        "teams: failed.",
        "slack: failed.",
        "webhook: failed.",
    ]
    assert story.errors == []


def test_run_that_succeeds_after_a_success_is_not_told(told, there):
    story = told()
    for _ in range(2):
        assert story.run()["status"] == "succeeded"
    story.tell()
    assert there.received == []


def test_first_success_after_failures_is_told_once(told, there):
    story = told()
    story.save(**MISSING_LIST)
    story.run()
    story.run()
    story.save(list_id=12)
    story.run()
    story.run()
    story.tell()
    assert titles(there) == [FAILED, FAILED, RECOVERED]


def test_run_that_was_skipped_or_cancelled_in_between_hides_no_recovery(told, there):
    story = told()
    story.save(**MISSING_LIST)
    story.run()
    story.segment("CustomerId,EMail,FirstName\n")
    story.save(list_id=12)
    assert story.run()["status"] == "skipped"
    started = story.start()
    request_cancel(story.app, find_run(story.app, started.run_id), "ana@example.com")
    story.work()
    assert story.status(started.run_id)["status"] == "cancelled"
    story.people(4)
    story.run()
    story.tell()
    assert titles(there) == [FAILED, RECOVERED]


@pytest.mark.parametrize(
    ("on", "title"),
    [
        (["failed", "guard", "rejections", "recovered"], "Gold customers: the export was stopped, to be safe"),
        (["guard"], "Gold customers: the export was stopped, to be safe"),
        (["failed"], FAILED),
        (["rejections", "recovered"], None),
    ],
)
def test_stop_by_a_guard_is_told_once_as_what_it_is_where_that_is_wanted(told, there, on, title):
    story = told({"type": "slack", "on": on}, max_profiles=1)
    assert story.run()["error"]["code"] == "guard_max_profiles"
    story.tell()
    assert titles(there) == ([title] if title else [])


@pytest.mark.parametrize(("share", "is_told"), [(0.0, True), (0.24, True), (0.25, False), (1.0, False)])
def test_rejections_are_told_of_above_the_share(told, there, share, is_told):
    story = told({"type": "webhook", "rejected_share": share})
    story.segment("CustomerId,EMail,FirstName\n1,a@example.com,A\n2,nobody,B\n3,c@example.com,C\n4,d@example.com,D\n")
    assert story.run()["status"] == "succeeded_with_rejections"
    story.tell()
    assert [each.json["type"] for each in there.received] == (["export.rejections"] if is_told else [])


def test_recovery_with_rejections_is_two_events_each_told_once(told, there):
    story = told({"type": "webhook"})
    story.save(**MISSING_LIST)
    story.run()
    story.segment("CustomerId,EMail,FirstName\n1,a@example.com,A\n2,nobody,B\n")
    story.save(list_id=12)
    story.run()
    story.tell()
    assert [each.json["type"] for each in there.received] == ["export.failed", "export.recovered", "export.rejections"]


def test_notification_for_other_exports_is_not_told(told, there):
    story = told({"type": "teams", "exports": []}, **MISSING_LIST)
    story.run()
    story.tell()
    assert there.received == []


def test_configuration_that_cannot_be_read_at_a_runs_end_delays_what_is_told(told, there):
    story = told(**MISSING_LIST)
    story.run()
    text = story.config.read_text()
    story.config.write_text("{")
    story.tell(hours=1)
    assert (there.received, story.left_behind()) == ([], [])
    story.config.write_text(text)
    story.tell()
    assert len(there.received) == 1


def test_configuration_that_is_never_readable_again_is_logged_and_stands_in_the_runs_story(told, there, caplog):
    story = told(**MISSING_LIST)
    run_id = story.run()["run_id"]
    story.config.write_text("{")
    story.tell()
    assert "notice given up" in caplog.text
    assert "not_notified" in [event["kind"] for event in story.app.store.events(run_id)]


# Once


def test_doubled_messages_tell_nobody_twice(told, there):
    story = told({"type": "teams"}, {"type": "webhook"}, **MISSING_LIST)
    run_id = story.run()["run_id"]
    for name in ("teams", "webhook"):
        for _ in range(3):
            enqueue(story.app, NoticeMessage(run_id, name, "failed"))
    story.tell()
    assert len(there.received) == 2


@pytest.mark.parametrize("kind", ["teams", "webhook"])
def test_two_workers_at_once_post_once(told, there, kind):
    story = told({"type": kind}, **MISSING_LIST)
    run_id = story.run()["run_id"]
    text = json.dumps({"run": run_id, "notification": kind, "event": "failed"})
    # The second worker takes the message while the first one's post is at the receiver.
    there.during = lambda: take_notice(story.app, text)
    take_notice(story.app, text)
    there.during = lambda: None
    story.tell()
    assert titles(there) == [FAILED]


def test_many_workers_that_begin_at_the_same_moment_post_once(told, there):
    story = told(**MISSING_LIST)
    run_id = story.run()["run_id"]
    text = json.dumps({"run": run_id, "notification": "teams", "event": "failed"})
    threads = [threading.Thread(target=take_notice, args=(story.app, text)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    story.tell()
    assert titles(there) == [FAILED]


def test_sweep_of_a_run_that_ended_tells_nobody_again(told, there):
    story = told(**MISSING_LIST)
    run_id = story.run()["run_id"]
    story.tell()
    story.app.storage.runs.put(Row("open", run_id, {"key_setting": story.account}))
    sweep(story.app)
    assert len(story.kept.notices) == 2  # the notice and its watch message
    story.tell()
    assert len(there.received) == 1


# Receivers


@pytest.mark.parametrize("kind", ["teams", "slack", "webhook"])
def test_receiver_that_answers_500_is_tried_again_later_each_time(told, there, kind):
    story = told({"type": kind}, **MISSING_LIST)
    story.run()
    there.answers = [500, 503, (429, {"retry-after": "600"}), 500]
    before = story.kept.clock.seconds()
    story.tell()
    assert titles(there) == [FAILED] * 5
    assert 600 < story.kept.clock.seconds() - before < 700
    assert row_states(story) == {"told": 1}
    if kind == "webhook":
        assert len({each.headers["webhook-id"] for each in there.received}) == 1
        assert len({each.headers["webhook-timestamp"] for each in there.received}) > 1


def test_receiver_that_goes_on_refusing_is_given_up_after_hours(told, there, caplog):
    story = told(**MISSING_LIST)
    run_id = story.run()["run_id"]
    there.answers = [500] * 1000
    before = story.kept.clock.seconds()
    story.tell()
    assert story.kept.notices == []
    assert 6 < (story.kept.clock.seconds() - before) / 3600 < 6.5
    assert len(there.received) < 40
    assert "notice given up" in caplog.text
    assert [each["kind"] for each in story.status(run_id)["story"]][-1] == "not_notified"


@pytest.mark.parametrize("answer", [404, (302, {"location": "http://169.254.169.254/metadata"})])
def test_receiver_that_a_person_must_mend_is_tried_once(told, there, caplog, answer):
    story = told(**MISSING_LIST)
    story.run()
    there.answers = [answer] * 3
    story.tell()
    assert len(there.received) == 1
    assert "notice given up" in caplog.text
    assert "HOOK_URL" in caplog.text
    assert "s3cret" not in caplog.text


@pytest.mark.parametrize(("kind", "posts"), [("teams", 1), ("slack", 1), ("webhook", 2)])
@pytest.mark.parametrize("answer", ["hang", "close", 504])
def test_post_of_unknown_outcome_is_repeated_only_where_its_receiver_knows_it_again(
    told, there, monkeypatch, caplog, kind, posts, answer
):
    monkeypatch.setattr(posting, "POST_SECONDS", 0.3)
    story = told({"type": kind}, **MISSING_LIST)
    story.run()
    there.answers = [answer]
    story.tell()
    assert len(there.received) == posts
    assert len({each.headers.get("webhook-id") for each in there.received}) == 1
    assert ("may have been told" in caplog.text) == (kind != "webhook")
    kinds = [each["kind"] for each in story.status(story.runs()[0].run_id)["story"]]
    assert kinds[-1] == ("notified" if kind == "webhook" else "notice_unknown")


@pytest.mark.parametrize("answer", ["hang", "huge", 500, (307, {"location": "http://10.0.0.1/"})])
def test_receiver_neither_slows_nor_fails_the_run(told, there, monkeypatch, answer):
    monkeypatch.setattr(posting, "POST_SECONDS", 0.3)
    story = told({"type": "webhook", "rejected_share": 0}, {"type": "teams", "rejected_share": 0})
    story.segment("CustomerId,EMail,FirstName\n1,a@example.com,A\n2,nobody,B\n")
    there.answers = [answer] * 4
    status = story.run()
    assert status["status"] == "succeeded_with_rejections"
    assert story.left_behind() == []
    assert there.received == []  # nothing was posted on the run's own way
    started = time.monotonic()
    story.tell()
    assert time.monotonic() - started < 20
    assert story.status(status["run_id"])["status"] == "succeeded_with_rejections"
    assert story.errors == []


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("HOOK_URL", "", "setting_missing"),
        ("HOOK_URL", "@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/secrets/x)", "key_vault_reference"),
        ("HOOK_URL", "http://example.com/s3cret", "notify_address"),
        ("HOOK_SECRET", "", "setting_missing"),
        ("HOOK_SECRET", "whsec_s3cret", "notify_secret"),
    ],
)
def test_setting_that_is_wrong_is_named_and_not_repeated(told, there, monkeypatch, caplog, name, value, code):
    story = told({"type": "webhook"}, **MISSING_LIST)
    story.run()
    monkeypatch.setenv(name, value)
    story.tell()
    assert there.received == []
    assert f"code={code}" in caplog.text
    assert name in caplog.text
    assert "s3cret" not in caplog.text


# Messages


def test_message_of_a_notification_that_is_gone_is_dropped(told, there, caplog):
    story = told(**MISSING_LIST)
    story.run()
    story.decide_who_is_told()
    story.notifications.clear()
    story.save()
    story.tell()
    assert (there.received, story.kept.notices) == ([], [])
    assert "for nobody any more" in caplog.text


@pytest.mark.parametrize("event", ["guard", "rejections", "recovered"])
def test_message_of_an_event_that_did_not_happen_is_dropped(told, there, caplog, event):
    story = told(**MISSING_LIST)
    run_id = story.run()["run_id"]
    story.kept.notices.clear()
    enqueue(story.app, NoticeMessage(run_id, "teams", event))
    story.tell()
    assert (there.received, story.errors) == ([], [])
    assert "for nobody any more" in caplog.text


@pytest.mark.parametrize(
    "text",
    [b"", b"hello", b"{}", b"\xff", b"[" * 10_000, b'{"run": "x", "notification": "teams", "event": "failed"}',
     b'{"run": "gold-20261124T050000-abcdef", "notification": "../x", "event": "failed"}',
     b'{"run": "gold-20261124T050000-abcdef", "notification": "teams", "event": "fly"}',
     b'{"run": "gold-20261124T050000-abcdef", "notification": "teams", "event": "failed", "attempt": 100000000}',
     b'{"run": "gold-20261124T050000-abcdef", "notification": "teams", "event": "failed", "failing_since": Infinity}',
     b'{"run": "gold-20261124T050000-abcdef", "notification": "teams", "event": "failed"}'],
    ids=lambda text: repr(text[-40:]),
)  # fmt: skip
@pytest.mark.parametrize("take", [take_notice, drop_notice], ids=["take", "drop"])
def test_any_message_is_taken_or_dropped(told, there, take, text):
    take(told().app, text)
    assert there.received == []


def test_unforeseen_error_shows_its_place_and_no_word_of_it(told, there, monkeypatch):
    story = told(**MISSING_LIST)
    story.run()
    monkeypatch.setattr("shared.notices.tell.run_notice", lambda *_: 1 / 0)
    story.tell(hours=0.05)
    assert story.errors
    assert "ZeroDivisionError at test_notices.py" in str(story.errors[0])
    assert there.received == []


# Every write of a whole run and its telling is broken


def lived(story: Story, mode: Mode | None = None, at: int = 0) -> list[str]:
    """A run that fails and is told of, with one break after its start; the names of the writes."""
    worker, line = story.worker(mode, at)
    story.start()
    story.work(worker, hours=2)
    story.tell(story.app if line.dead else worker)
    return line.names


@pytest.mark.parametrize("kind", ["teams", "webhook"])
@pytest.mark.parametrize("mode", ["dies", "outage", "echo"])
def test_break_at_any_write_tells_once(told, there, mode, kind):
    names = lived(told({"type": kind}, **MISSING_LIST))
    assert {"queue send", "notices insert", "notices replace"} <= set(names)
    for at, name in enumerate(names, start=1):
        there.received.clear()
        story = told({"type": kind}, **MISSING_LIST)
        lived(story, mode, at)
        (run,) = story.runs()
        assert run.state == "failed", name
        assert story.left_behind() == [], name
        ids = Counter(each.headers.get("webhook-id") for each in there.received)
        # A webhook may come twice, under one id. What dies between claim and post is no write: see the next test.
        assert len(ids) == 1, (name, ids)
        assert kind == "webhook" or ids.total() == 1, (name, ids)
        assert row_states(story).total() == 1, name


def test_worker_that_dies_between_claim_and_post_leaves_teams_untold_and_a_webhook_late(told, there, monkeypatch):
    story = told({"type": "teams"}, {"type": "webhook"}, **MISSING_LIST)
    story.run()
    story.decide_who_is_told()

    def die(*_: Any) -> None:
        raise WorkerDied

    with monkeypatch.context() as patch:
        patch.setattr("shared.notices.sending.send_notice", die)
        for message in [each for each in story.kept.notices if "watch" not in each.text]:
            with pytest.raises(WorkerDied):
                take_notice(story.app, message.text)
    before = story.kept.clock.seconds()
    story.tell()
    assert [each.headers.get("webhook-id", "") != "" for each in there.received] == [True]
    assert story.kept.clock.seconds() - before >= story.app.graces.notice_claim
    assert row_states(story) == {"unknown": 1, "told": 1}


# Nobody is shown


@pytest.mark.parametrize("kind", ["good", *BROKEN])
def test_notice_of_a_marked_run_shows_nobody(told, there, kind, monkeypatch):
    story = told({"type": "teams"}, {"type": "slack"}, {"type": "webhook"})
    story.notifications[:] = [{**each, "rejected_share": 0} for each in story.notifications]
    data: Any = marked_segment() if kind == "good" else BROKEN[kind]
    story.segment(data)
    story.save(mapping={"email": "EMail", "attributes": "all"})
    started = story.start()
    story.work()
    story.tell()
    assert there.received or story.status(started.run_id)["status"] == "succeeded"
    for each in there.received:
        assert_clean("a notice", each.body.decode())
        assert "tester" not in each.body.decode()  # who started it
    for values, _ in story.kept.tables.get("notices", {}).values():
        assert_clean("a notice's row", repr(values))


@pytest.mark.parametrize("attributes", [{}, "all"])
@pytest.mark.parametrize("email", ["EMail", "C-1"])
def test_first_row_that_is_taken_for_a_header_is_not_told(told, there, attributes, email):
    """Words without an address or digits: the run's status cannot tell them from columns, so a notice names none."""
    story = told({"type": "webhook"})
    story.segment("C-1,Kanarienvogel,Kanarienstadt\nC-2,Kanarienfink,Kanarienstadt\n")
    story.save(mapping={"email": email, "attributes": attributes or {"CITY": "City"}})
    assert story.run()["status"] == "failed"
    story.tell()
    (found,) = there.received
    assert_clean("a notice", found.body.decode())
    assert "segment-export status gold-" in found.json["data"]["advice"]


def test_errors_about_columns_are_told_without_them():
    code = "".join(path.read_text() for path in Path("shared").rglob("*.py") if path.name != "wording.py")
    about_columns = set(re.findall(r'"((?:column|header|attributes)_\w+)",', code))
    assert about_columns == set(WITHOUT_COLUMNS) | {"header_invalid"}  # which quotes nothing of the header
