"""Receivers that refuse, break or are slow, and settings that are wrong."""

import os
import time

import pytest

from shared.notices import posting
from tests.faults.notices.received import FAILED, MISSING_LIST, row_states, titles


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


UNRESOLVED = "@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/secrets/x)"


@pytest.mark.parametrize("kind", ["teams", "webhook"])
def test_receiver_whose_address_the_vault_does_not_give_just_then_is_told_later(told, there, monkeypatch, kind):
    story = told({"type": kind}, **MISSING_LIST)
    story.run()
    url = os.environ["HOOK_URL"]
    monkeypatch.setenv("HOOK_URL", UNRESOLVED)
    story.tell(hours=2)
    assert there.received == []
    monkeypatch.setenv("HOOK_URL", url)
    story.tell(hours=2)
    assert len(there.received) == 1


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("HOOK_URL", "", "setting_missing"),
        ("HOOK_URL", UNRESOLVED, "key_vault_reference"),
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


def test_receiver_that_asks_for_no_pause_is_tried_later_each_time_all_the_same(told, there):
    story = told(**MISSING_LIST)
    there.answers = [(503, {"retry-after": "0"})] * 400
    story.run()
    story.tell(hours=12)
    assert len(there.received) < 50
