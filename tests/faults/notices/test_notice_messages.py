"""Messages of notices: each is taken or dropped, and shows nobody."""

import re
from pathlib import Path
from typing import Any

import pytest

from shared.notices.queue import NoticeMessage, enqueue
from shared.notices.tell import abandon_notice, take_notice
from shared.notices.words import WITHOUT_COLUMNS
from tests.faults.marked import BROKEN, assert_clean, marked_segment
from tests.faults.notices.received import MISSING_LIST

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
@pytest.mark.parametrize("take", [take_notice, abandon_notice], ids=["take", "drop"])
def test_any_message_is_taken_or_dropped(told, there, take, text):
    take(told().app, text)
    assert there.received == []


def test_unforeseen_error_shows_its_place_and_no_word_of_it(told, there, monkeypatch):
    story = told(**MISSING_LIST)
    story.run()
    monkeypatch.setattr("shared.notices.tell.run_notice", lambda *_: 1 / 0)
    story.tell(hours=0.05)
    assert story.errors
    assert "ZeroDivisionError at test_notice_messages.py" in str(story.errors[0])
    assert there.received == []


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
    code = "".join(path.read_text() for path in Path("shared").rglob("*.py"))
    about_columns = set(re.findall(r'"((?:column|header|attributes)_\w+|guard_max_warnings)",', code))
    assert about_columns == set(WITHOUT_COLUMNS) | {"header_invalid"}  # which quotes nothing of the header
