"""What the status of an open run says it waits for: in every state, since when, until when, and how long at most."""

import json
import logging
import re
from dataclasses import replace
from datetime import datetime

import pytest

from shared.cli.text import status_text
from shared.operating.doctor.running import open_runs
from shared.runs.claim import Claim
from shared.runs.state import FINAL
from shared.runs.status import find_run, run_status
from shared.runs.steps.stop import request_cancel
from shared.times import local_text
from tests.faults.brevo_routes import IMPORT
from tests.faults.losing import work_until

MINUTE = 60.0


def seconds(first: str, second: str) -> float:
    return (datetime.fromisoformat(second) - datetime.fromisoformat(first)).total_seconds()


def status_of(story, run_id):
    return run_status(story.app, find_run(story.app, run_id))


@pytest.fixture
def seen(story):
    """The status before each message that is taken, by the state of the run."""
    found = []

    def look(text):
        run = story.runs()[0]
        if not run.is_final:
            found.append(status_of(story, run.run_id))

    story.on_message = look
    return found


def test_open_run_always_says_what_it_waits_for(story, seen, three_batches):
    story.people(600)
    run_id = story.start().run_id
    story.work()
    assert {status.status for status in seen} == {"queued", "delivering", "confirming"}
    for status in seen:
        assert status.waiting.startswith(status.waiting_for), status
        assert status.waiting_since, status
        assert status.next_check_at, status
        assert " UTC" in status.waiting
        assert status.status == "queued" or status.deadline_at, status
        assert all(f"{number}" in status.waiting for number in status.processes)
    assert any(status.processes for status in seen)
    ended = status_of(story, run_id)
    assert ended.status in FINAL
    assert [ended.waiting, ended.waiting_for, ended.waiting_since, ended.next_check_at, ended.deadline_at] == [None] * 5
    assert ended.processes == []


def test_stuck_import_shows_its_process_its_deadline_and_that_nothing_is_confirmed(story):
    story.people(5)
    story.connection["import_deadline_hours"] = 2
    story.save()
    story.sandbox.fail_next(IMPORT, "import-stuck")
    run_id = story.start().run_id
    story.work(hours=1)
    status = status_of(story, run_id)
    assert status.processes == [78]
    assert status.waiting_for == ("Brevo works on 1 import (process 78). Brevo accepted 5 contacts and confirmed none.")
    assert seconds(status.waiting_since, status.deadline_at) == 2 * 3600
    assert seconds(status.waiting_since, status.next_check_at) > 0
    text = status_text(status)
    assert "waiting    Brevo works on 1 import (process 78)." in text
    assert "at most until 20" in text


def test_key_that_is_read_again_shows_until_when(story, seen, three_batches):
    story.people(600)
    story.start()
    look = story.on_message

    def withdraw(text):
        look(text)
        if story.imports() == 1:
            story.sandbox.change(api_key="rotated")

    story.on_message = withdraw
    story.work()
    waited = [status for status in seen if "It is read again before the run fails." in status.waiting]
    assert waited
    assert seconds(waited[0].waiting_since, waited[0].deadline_at) == MINUTE
    assert waited[0].next_check_at == waited[0].deadline_at
    assert waited[0].waiting_for.startswith("Brevo does not accept the API key")


def test_failing_brevo_shows_since_when_and_when_it_is_given_up(story, seen):
    story.people(5)
    story.sandbox.fail_next(IMPORT, "503", times=40)
    story.start()
    story.work(hours=1)
    waited = [status for status in seen if "Brevo answers with status 503." in status.waiting]
    assert len({status.waiting_since for status in waited}) == 1, "it waits since the first failure"
    assert seconds(waited[-1].waiting_since, waited[-1].deadline_at) == pytest.approx(6 * 3600, abs=2 * MINUTE)
    assert waited[-1].next_check_at > waited[0].next_check_at


def test_run_that_is_to_end_says_who_asked_and_that_a_worker_is_in_the_middle(story, three_batches):
    story.people(600)
    run_id = story.start().run_id
    seen = []

    def ask(text):
        if json.loads(text)["step"] == "deliver" and not seen:
            run = find_run(story.app, run_id)
            batch = story.app.store.batches(run)[0]
            story.app.store.update_batch(
                run, batch.number, lambda now: now.delivering_by("other", story.app.time(), story.app.graces)
            )
            request_cancel(story.app, run, "ana")
            seen.append(status_of(story, run_id))

    story.on_message = ask
    story.work()
    assert seen[0].waiting_for == "The run ends, as ana has asked, when the worker in the middle of it has stopped."
    assert status_of(story, run_id).status == "cancelled"


def test_status_shows_list_trigger_who_and_what_is_staged(story, monkeypatch):
    story.people(5)
    staged = []
    check = Claim.check

    def looking(claim):
        staged.append((claim.rows, claim.contacts))
        check(claim)

    monkeypatch.setattr(Claim, "check", looking)
    run_id = story.start().run_id
    before = status_text(status_of(story, run_id))
    assert "\n  list       12\n" in before
    assert "by tester, over HTTP" in before
    assert "ended      not yet, after 0.0 s" in before
    story.work()
    assert staged[-1][0] == 5, "as far as it has come, at each piece of work"
    status = status_of(story, run_id)
    name = story.sandbox.account.lists[12].name
    assert (status.list_id, status.list_name, status.trigger, status.started_by) == (12, name, "http", "tester")
    assert status.duration_seconds == round(seconds(status.started_at, status.finished_at), 1)
    text = status_text(status)
    assert f"\n  list       {name} (12)\n" in text
    assert "not yet" not in text


def test_staging_shows_how_far_it_has_come(story):
    story.people(5)
    run = story.app.store.load(story.start().run_id)
    app = story.app
    claimed = app.store.update(run, lambda now: now.staging_by("S", "me", app.time(), app.graces))
    app.store.update(claimed, lambda now: now.renewed("me", app.time(), app.graces, 1_200_000, 1_100_000))
    status = status_of(story, run.run_id)
    assert (status.staged_rows, status.staged_contacts) == (1_200_000, 1_100_000)
    assert status.waiting_for == "A worker reads and checks the segment."
    assert "\n  staged     1,200,000 rows read so far, 1,100,000 contacts\n" in status_text(status)
    again = find_run(app, run.run_id).staging_by("S", "other", datetime.fromisoformat("2099-01-01T00:00Z"), app.graces)
    assert (again.staged_rows, again.staged_contacts) == (0, 0)


def test_error_and_what_is_waited_for_stand_above_the_counts(story):
    story.people(5)
    story.save(mapping={"email": "NoSuchColumn"})
    run_id = story.start().run_id
    waiting = status_text(status_of(story, run_id)).splitlines()
    assert waiting[1].startswith("  waiting    It waits for a worker.")
    story.work()
    lines = [line.split()[0] for line in status_text(status_of(story, run_id)).splitlines()[1:]]
    assert lines[:2] == ["error", "what"]
    assert lines.index("rows") > 2


def test_run_that_succeeded_says_in_its_first_line_who_is_not_in_the_list(story):
    story.people(5)
    status = status_of(story, story.run()["run_id"])
    assert status_text(status).splitlines()[0] == f"{status.run_id}  succeeded"
    left = replace(status, contacts_left_out={"left_list": 2, "excluded": 1})
    text = status_text(left)
    assert text.splitlines()[0].endswith("  succeeded, 1 left out (they are excluded), 2 left out (they left the list)")
    assert "\n  account    subscription: 40,000 left, sms: 0 left (e-mails and texts to send, not contacts)" in text
    assert "contract" not in text


@pytest.fixture
def asks_brevo(story):
    """A run whose import Brevo works on, while the host is stopped: its id."""
    story.people(5)
    story.sandbox.fail_next(IMPORT, "import-stuck")
    run_id = story.start().run_id
    work_until(story, lambda run: run.state == "confirming", run_id)
    return run_id


def stopped_for(story, seconds, run_id):
    story.kept.clock.skip(seconds)
    return status_of(story, run_id)


def test_next_check_stays_where_it_was_planned_while_no_worker_looks_and_is_then_overdue(story, asks_brevo):
    planned = status_of(story, asks_brevo)
    watch_due = find_run(story.app, asks_brevo).watch_due
    assert planned.check_overdue_since is None
    assert "next check at" in planned.waiting
    story.kept.clock.skip(watch_due - story.app.now() - 60)
    for seconds in (0, 30, 60, 60):  # the worker may have been lost: then the run's watch looks
        soon = stopped_for(story, seconds, asks_brevo)
        assert datetime.fromisoformat(soon.next_check_at).timestamp() == pytest.approx(watch_due, abs=1)
        assert soon.check_overdue_since is None
        assert open_runs(story.app)[0] == "ok"
    for seconds in (MINUTE, 5 * MINUTE):
        late = stopped_for(story, seconds, asks_brevo)
        assert late.next_check_at == soon.next_check_at
        assert late.check_overdue_since == planned.next_check_at
        assert "next check at" not in late.waiting
        since = local_text(planned.next_check_at, seconds=True)
        words = f"Its next check is overdue since {since}: segment-export doctor says why."
        assert late.waiting.endswith(words)
        assert f"\n             {words}\n" in status_text(late)
        state, text, _ = open_runs(story.app)
        assert (state, text.startswith(f"No host has taken a message of {asks_brevo} that was due")) == ("FAILED", True)


@pytest.mark.parametrize("state", ["queued", "waits for files", "worker was lost", "posts", "held"])
def test_each_wait_that_no_worker_ends_is_overdue_and_its_time_stands_still(story, state):
    story.people(5)
    run = story.app.store.load(story.start().run_id)
    app, now = story.app, story.app.now()
    until = now + 5 * MINUTE
    changes = {
        "queued": {},
        "waits for files": {"waiting": "A file is late.", "waiting_since": now, "waiting_until": until},
        "worker was lost": {"state": "staging", "owner": "x", "owner_until": now + 20},
        "posts": {"state": "delivering", "stalled_after": until + app.graces.stalled},
        "held": {"state": "held", "held_until": until},
    }[state]
    times = {**run.times, changes.get("state", "queued"): app.time().isoformat()}
    app.store.update(run, lambda at: replace(at, times=times, watch_due=until, **changes))
    assert stopped_for(story, 7 * MINUTE, run.run_id).check_overdue_since is None
    late = [stopped_for(story, 20 * MINUTE, run.run_id) for _ in range(2)]
    assert len({each.check_overdue_since for each in late}) == 1
    assert datetime.fromisoformat(late[0].check_overdue_since).timestamp() == pytest.approx(until, abs=1)
    assert open_runs(app)[0] == "FAILED"


def test_check_is_not_overdue_while_a_worker_reads_the_segment(story):
    story.people(5)
    run = story.app.store.load(story.start().run_id)
    app = story.app
    story.kept.clock.skip(30 * MINUTE)
    app.store.update(run, lambda now: now.staging_by("S", "me", app.time(), app.graces))
    status = status_of(story, run.run_id)
    assert (status.check_overdue_since, status.next_check_at) == (None, None)
    assert status.waiting_for == "A worker reads and checks the segment."


def test_poll_that_brevo_holds_up_is_logged_as_a_step_that_waits(story, caplog):
    """The alert `throttled` counts these lines, and polls are what Brevo limits most."""
    story.people(5)
    story.sandbox.fail_next("GET /processes", "429-bare", 4)
    with caplog.at_level(logging.INFO, logger="shared.runs"):
        run_id = story.run()["run_id"]
    lines = [each.getMessage() for each in caplog.records if each.getMessage().startswith("step waits: ")]
    assert {line.rpartition(" code=")[0] for line in lines} == {f"step waits: run={run_id} step=confirm"}
    assert re.search(r" code=(brevo_throttled|pace) seconds=\d+$", lines[0])
