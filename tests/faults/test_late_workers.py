"""Workers that stood still, or whose call took long: what they had decided before that changes nothing."""

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from shared.errors import PermanentError, TransientError
from shared.runs.answers import ask
from shared.runs.claim import claimed_run, still_staging
from shared.runs.holding import approve
from shared.runs.left_imports import left_imports
from shared.runs.questions import Question, Subject
from shared.runs.status import find_run
from shared.runs.steps import deliver, snapshot_waits, stage
from shared.runs.steps.dispatch import take_step
from shared.runs.steps.stop import fail, request_cancel
from shared.runs.tries import Started
from shared.segments.snapshot import own_snapshot
from shared.staging.bodies import STAGED
from shared.staging.completeness import Wait
from shared.storage.tables import Row
from tests.faults.brevo_routes import IMPORT, lose_first_answer
from tests.faults.following import LIST
from tests.faults.losing import take_away, work_until


def test_segment_that_was_written_to_while_it_was_listed_has_not_rested(make_story, monkeypatch):
    story = make_story(SNAPSHOT_QUIET_SECONDS="30")
    story.people(3)
    story.save()
    run = find_run(story.app, story.start().run_id)
    ready = story.app.ready_export("gold")

    def listed_for_two_minutes(blobs, export):
        found = own_snapshot(blobs, export)
        story.kept.clock.skip(130)
        return found

    waits = snapshot_waits.newest(story.app, run, ready, listed_for_two_minutes, accept=False)
    assert isinstance(waits, Wait) and 0 < waits.seconds <= 30
    assert not isinstance(snapshot_waits.newest(story.app, run, ready, own_snapshot, accept=False), Wait)


def test_worker_that_has_lost_its_run_holds_nothing_and_deletes_nothing_of_the_next_one(story, monkeypatch):
    story.people(3)
    story.save(max_profiles=1)
    run_id = story.start().run_id
    theirs = f"{run_id}/00c0ffee/00001"
    why_held, met = stage.why_held, []

    def late(app, *about):
        """Another worker takes over, and stages the run, while this one stands still."""
        story.kept.clock.skip(3600)
        story.app.storage.app_blobs.write(STAGED, theirs, b"{}")
        story.app.store.update(run_id, lambda now: replace(now, owner="another"))
        met.append(why_held(app, *about))
        return met[-1]

    monkeypatch.setattr(stage, "why_held", late)
    story.work(hours=0.5, timer=False)  # that is over while it stands still
    assert [why.code for why in met] == ["guard_max_profiles"]
    assert [blob.name for blob in story.app.storage.app_blobs.listing(STAGED, f"{run_id}/")] == [theirs]
    assert find_run(story.app, run_id).state == "staging"


def test_worker_that_has_chosen_an_older_snapshot_claims_nothing(story):
    story.people(3)
    story.save()
    run = find_run(story.app, story.start().run_id)
    with pytest.raises(ZeroDivisionError), claimed_run(story.app, run, "newer"):
        raise ZeroDivisionError
    with pytest.raises(TransientError) as caught, claimed_run(story.app, run, "older"):
        raise AssertionError
    assert caught.value.code == "claim_lost"
    with claimed_run(story.app, run, "newer") as (claimed, _):
        assert claimed.snapshot == "newer"
    story.kept.clock.skip(3600)
    with claimed_run(story.app, find_run(story.app, run.run_id), "newest") as (claimed, _):
        assert claimed.snapshot == "newest", "it was read since"


@pytest.mark.parametrize(("purpose", "is_asked_again"), [("ledger", True), ("leavers", False)])
def test_list_that_was_read_before_the_last_run_changed_it_is_asked_for_again(story, purpose, is_asked_again):
    """A run's row may be written long after its start has begun, behind the end of another run."""
    story.people(3)
    story.save()
    asked_at = story.kept.clock.seconds()
    story.kept.clock.skip(60)
    assert story.run()["status"] == "succeeded"
    run = find_run(story.app, story.start().run_id)
    run = replace(run, times={"queued": datetime.fromtimestamp(asked_at - 60, UTC).isoformat()})
    subject = Subject(LIST, purpose)
    answered = Question(
        asked_at=asked_at, process_id=7, runs=("other",), answered_at=asked_at + 1, key_id=subject.key.id
    )
    story.app.storage.accounts.put(Row(story.account, subject.row_key, answered.values()))
    told = ask(story.app, run, story.app.ready_export("gold"), story.app.brevo(story.account), subject)
    assert isinstance(told, Wait) is is_asked_again


def test_worker_that_stood_still_behind_its_claim_posts_nothing(story, monkeypatch):
    story.people(3)
    story.save()
    run_id = story.start().run_id
    work_until(story, lambda run: run.state == "delivering", run_id)
    message, read = take_away(story, "deliver"), deliver.read_import

    def late(app, run, ready, batch):
        """Another worker sends the batch meanwhile, and the run ends."""
        monkeypatch.setattr(deliver, "read_import", read)
        body = read(app, run, ready, batch)
        story.kept.clock.skip(300)
        story.work()
        assert story.status(run_id)["status"] == "succeeded"
        return body

    monkeypatch.setattr(deliver, "read_import", late)
    take_step(story.app, message)
    assert len(story.sandbox.imports.records()) == 1


def test_worker_that_stood_still_posts_nothing_of_a_run_that_has_ended_though_it_renews_its_claim(story, monkeypatch):
    story.people(3)
    story.save()
    run_id = story.start().run_id
    run = work_until(story, lambda run: run.state == "delivering", run_id)
    message, read = take_away(story, "deliver"), deliver.read_import

    def late(app, now, ready, batch):
        body = read(app, now, ready, batch)
        story.kept.clock.skip(300)
        request_cancel(app, find_run(app, run_id), "ana")
        assert find_run(app, run_id).state == "cancelled"
        app.store.update_batch(run, 1, lambda now: now.renewed(now.owner, app.time(), app.graces))
        return body

    monkeypatch.setattr(deliver, "read_import", late)
    take_step(story.app, message)
    assert story.sandbox.imports.records() == []


@pytest.mark.full
def test_import_whose_answer_was_lost_is_waited_for_by_the_next_run(story, monkeypatch):
    """Its number is not known, and the run has succeeded by the import of the post that was repeated."""
    answers = lose_first_answer(monkeypatch)
    story.sandbox.fail_next(IMPORT, "import-stuck")
    story.people(3)
    story.save()
    first = story.run()
    assert (first["status"], len(answers)) == ("succeeded", 2)
    assert [(each.run, each.process) for each in left_imports(story.app, story.account)] == [(first["run_id"], 0)]
    assert "an import whose number is not known" in first["notes"][0]
    began, second = story.kept.clock.seconds(), story.start().run_id
    story.work(hours=1)
    assert "an import of the run" in story.status(second)["waiting"]
    story.work()
    assert story.status(second)["status"] == "succeeded"
    assert story.kept.clock.seconds() - began > 3600


def test_import_whose_answer_was_lost_holds_nothing_once_brevo_works_on_none(story, monkeypatch):
    """A post that Brevo has refused for its rate is no such import."""
    story.sandbox.fail_next(IMPORT, "500")
    story.sandbox.fail_next(IMPORT, "429")
    story.people(3)
    story.save()
    run = story.run()
    assert (run["status"], run["notes"]) == ("succeeded", [])
    assert story.app.store.batch(find_run(story.app, run["run_id"]), 1).posts == 2
    assert left_imports(story.app, story.account) == []


def test_worker_that_stood_still_does_not_skip_a_run_that_was_approved_meanwhile(story, monkeypatch):
    """It has read the run before it was staged, and that the snapshot is noted as started by the run itself."""
    story.people(3)
    story.save(max_profiles=1)
    [start] = story.start_by_event()
    message, covers = take_away(story, "stage"), Started.covers

    def late(started, snapshot):
        monkeypatch.setattr(Started, "covers", covers)
        story.app.storage.queue.send(message)
        story.work(hours=0.1, timer=False)
        approve(story.app, find_run(story.app, start.run_id), "ana")
        return story.app.store.started(start.export).covers(snapshot)

    monkeypatch.setattr(Started, "covers", late)
    take_step(story.app, message)
    story.work()
    assert story.status(start.run_id)["status"] == "succeeded"


def test_run_that_is_cancelled_while_a_worker_is_about_to_skip_it_ends_as_cancelled(story, monkeypatch):
    """The cancel has settled its snapshot by then, and a run that is skipped would promise another try."""
    story.people(3)
    story.save()
    [start] = story.start_by_event()
    covers = Started.covers

    def late(started, snapshot):
        monkeypatch.setattr(Started, "covers", covers)
        story.app.store.update(start.run_id, lambda now: now.cancel_requested("ana", snapshot))
        return True

    monkeypatch.setattr(Started, "covers", late)
    story.work()
    assert story.status(start.run_id)["status"] == "cancelled"


def test_worker_that_stood_still_behind_its_claim_leaves_alone_when_the_snapshot_is_tried_again(story):
    story.people(3)
    story.save()
    [start] = story.start_by_event()
    store, run = story.app.store, find_run(story.app, start.run_id)
    with suppress(TransientError), claimed_run(story.app, run, "newest") as (claimed, claim):
        still_ours = still_staging(story.app, claimed, claim)
        store.take_snapshot(claimed, still_ours, is_tried_again=True)
        story.kept.clock.skip(3600)
        fail(story.app, start.run_id, PermanentError("stop", "It cannot go on."))
        noted = store.started(start.export)
        assert noted.snapshot_tries.again_at
        with pytest.raises(TransientError):
            store.take_snapshot(claimed, still_ours, is_tried_again=True)
        with pytest.raises(TransientError):
            store.note_held(claimed, still_ours)
    assert store.started(start.export) == noted
