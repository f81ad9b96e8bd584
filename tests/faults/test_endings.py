"""How runs end: whoever is in the middle is waited for, and what Brevo still works on keeps its slot."""

import logging
from dataclasses import replace

import pytest

from shared.brevo.client import BrevoClient
from shared.errors import PermanentError, TransientError
from shared.runs import slots as slots_of_runs
from shared.runs.batch import Batch
from shared.runs.claim import claimed_batch
from shared.runs.left_imports import left_imports, release_left_slots
from shared.runs.problem import Problem
from shared.runs.slots import free_slots, take_slot
from shared.runs.status import find_run
from shared.runs.steps import end
from shared.runs.steps.dispatch import abandon, take_step
from shared.runs.steps.stop import fail, request_cancel
from shared.runs.steps.sweep import sweep
from shared.runs.store import OPEN
from shared.storage.tables import Row
from tests.faults.brevo_routes import IMPORT
from tests.faults.losing import slots, take_away, work_until
from tests.sizes import thinned

STOP = PermanentError("stop", "It cannot go on.", "Stop it.")


def sending(story, many=5):
    """A run whose first import Brevo works on."""
    story.sandbox.change(seconds_fixed=0.7)
    story.people(many)
    story.save()
    run_id = story.start().run_id
    work_until(story, lambda run: run.state == "confirming", run_id)
    return run_id


@pytest.mark.parametrize(
    ("how", "at_once"), thinned([("cancelled", 2), ("cancelled", 1), ("failed", 2), ("failed", 1)], 3)
)
def test_import_of_an_ended_run_is_waited_for_until_brevo_has_done_it(story, how, at_once):
    """Even where the account allows more imports: beside that one, old values could win."""
    story.connection["imports_at_once"] = at_once
    first = sending(story)
    if how == "cancelled":
        request_cancel(story.app, find_run(story.app, first), "ana")
    else:
        fail(story.app, first, STOP)
    assert find_run(story.app, first).state == how
    assert [each["run"] for each in slots(story)] == [first]
    second = story.start().run_id
    story.work()
    assert story.sandbox.imports.most_open_at_once == 1
    assert story.status(second)["status"] == "succeeded"
    assert slots(story) == []


@pytest.mark.full
def test_slot_of_an_import_that_never_ends_is_free_at_its_deadline(story):
    story.sandbox.fail_next(IMPORT, "import-stuck")
    first = sending(story)
    fail(story.app, first, STOP)
    second = story.start().run_id
    before = story.kept.clock.seconds()
    story.work()
    assert story.status(second)["status"] == "succeeded"
    assert story.kept.clock.seconds() - before >= 5 * 3600


def test_slot_that_a_late_worker_takes_after_its_runs_end_is_freed(story):
    """Its copy of the message was under way when the run ended, and everything behind it was cleared up."""
    first = sending(story)
    batch = story.app.store.batch(find_run(story.app, first), 1)
    fail(story.app, first, STOP)
    story.sandbox.imports.wait_until_idle(60)
    second = story.start().run_id
    story.app.storage.accounts.delete(Row(story.account, "slot-0"))
    assert take_slot(story.app, find_run(story.app, first), batch, 1, 6.0)
    story.work(hours=1)
    assert story.status(second)["status"] == "succeeded"
    assert slots(story) == []


def test_slot_is_taken_by_nobody_while_the_end_of_its_run_is_not_tidied_up(story):
    """Its worker has died between the two: Brevo works on the import, and no slot says yet that it is left."""
    run = find_run(story.app, sending(story))
    batch = story.app.store.batch(run, 1)
    other = replace(run, export="other", run_id=f"other-{run.run_id.partition('-')[2]}")
    story.app.store.finish(run, lambda now: now.failed(Problem.of(STOP), 0, story.app.time()))
    assert [each["left_at"] for each in slots(story)] == [0]
    assert not take_slot(story.app, other, batch, 1, 6.0)
    assert not take_slot(story.app, replace(run, run_id=f"{run.run_id[:-6]}ffffff"), batch, 2, 6.0)


def test_slot_that_is_left_is_free_so_long_after_its_post_and_asked_for_ever_more_rarely(story):
    story.sandbox.fail_next(IMPORT, "import-stuck")
    run = find_run(story.app, sending(story))
    batch = story.app.store.batch(run, 1)
    story.kept.clock.skip(2 * 3600)
    fail(story.app, run.run_id, STOP)
    hours = story.app.ready_export("gold").connection.import_deadline_hours
    assert left_imports(story.app, story.account)[0].until == batch.posted_at + hours * 3600
    looks = []
    for _ in range(240):
        story.kept.clock.skip(60)
        before = len(story.sandbox.log.entries())
        release_left_slots(story.app, story.account)
        looks += [story.kept.clock.seconds()] * (len(story.sandbox.log.entries()) > before)
    assert len(looks) < 10, "each look is one of a hundred calls an hour"


def test_slot_that_is_taken_for_another_post_is_not_freed_for_the_one_before(story, monkeypatch):
    """Its import has failed and is sent again while the worker that was called back for it still frees the slot."""
    run = find_run(story.app, sending(story))
    batch = story.app.store.batch(run, 1)
    assert batch.posts == 1
    delete, again = slots_of_runs.delete_slot, replace(batch, state="staged")

    def late(app, row):
        assert take_slot(app, run, again, 1, 6.0)
        delete(app, row)

    with monkeypatch.context() as patch:
        patch.setattr(slots_of_runs, "delete_slot", late)
        free_slots(story.app, run, [batch])
    assert [each["posts"] for each in slots(story)] == [1], "it had read the slot before"
    free_slots(story.app, run, [batch])
    assert take_slot(story.app, run, replace(batch, posts=0), 1, 6.0), "by a worker that is late"
    assert [each["posts"] for each in slots(story)] == [1]
    free_slots(story.app, run, [replace(batch, state="confirmed")])
    assert slots(story) == [], "no other post comes any more"
    assert take_slot(story.app, run, batch, 1, 6.0)
    free_slots(story.app, run, [replace(batch, posts=2, sent_again=1)])
    assert slots(story) == []


def test_call_back_of_an_ended_runs_import_frees_its_slot(story):
    from shared.runs.steps import confirm

    first = sending(story)
    fail(story.app, first, STOP)
    story.app.store.update_batch(find_run(story.app, first), 1, lambda now: replace(now, posts=2, sent_again=1))
    assert confirm.import_finished(story.app, find_run(story.app, first), 1)
    assert len(slots(story)) == 1, "it may be of the import that failed before"
    unanswered = {"state": "delivering", "posts": 1, "sent_again": 0}
    story.app.store.update_batch(find_run(story.app, first), 1, lambda now: replace(now, **unanswered))
    assert confirm.import_finished(story.app, find_run(story.app, first), 1)
    assert len(slots(story)) == 1, "the worker that was lost may have posted it again, whose import is still open"
    story.app.store.update_batch(find_run(story.app, first), 1, lambda now: replace(now, state="delivered", posts=1))
    assert confirm.import_finished(story.app, find_run(story.app, first), 1)
    assert slots(story) == []


def test_run_that_fails_while_another_worker_posts_waits_and_says_what_brevo_has(story, monkeypatch):
    """Two slots: the first batch's worker fails the run while the second batch is on its way."""
    story.people(5)
    story.save()
    run_id = story.start().run_id
    work_until(story, lambda run: run.state == "delivering", run_id)
    post = BrevoClient.import_contacts

    def failing_meanwhile(self, body):
        fail(story.app, run_id, STOP)
        assert find_run(story.app, run_id).state == "delivering", "a worker posts"
        return post(self, body)

    monkeypatch.setattr(BrevoClient, "import_contacts", failing_meanwhile)
    story.work()
    status = story.status(run_id)
    assert (status["status"], status["error"]["code"]) == ("failed", "stop")
    assert "Brevo accepted 5 contacts and confirmed none." in status["error"]["message"]


def test_post_without_an_answer_is_said_to_be_sent_perhaps(story, monkeypatch):
    def unanswered(self, body):
        self.session.traffic.requests += 1
        raise TransientError("brevo_unreachable", "No answer.")

    story.people(5)
    story.save()
    run_id = story.start().run_id
    work_until(story, lambda run: run.state == "delivering", run_id)
    monkeypatch.setattr(BrevoClient, "import_contacts", unanswered)
    take_step(story.app, take_away(story, "deliver"))
    fail(story.app, run_id, STOP)
    assert "5 contacts may have been sent" in story.status(run_id)["error"]["message"]


def test_second_copy_of_an_event_runs_stage_message_skips_nothing(story):
    wanted = story.people(5)
    story.save()
    [start] = story.start_by_event()
    text = next(each.text for each in story.kept.messages if '"stage"' in each.text)
    for _ in range(2):
        story.app.storage.queue.send(text)
    load = story.app.store.load(start.run_id)
    work_until(story, lambda run: run.state == "delivering", start.run_id)
    # A copy that has read the run before it was claimed decides on what it has read.
    end.skip(story.app, load, replace(STOP_PROBLEM), lambda run: run.etag == load.etag)
    story.work()
    assert story.status(start.run_id)["status"] == "succeeded"
    assert story.sent() == wanted


STOP_PROBLEM = end.Problem("snapshot_known", "This snapshot was exported already.", "")


@pytest.mark.parametrize("step", ["stage", "confirm"])
def test_message_that_fails_because_storage_is_away_ends_no_run(story, step):
    wanted = story.people(5)
    story.save()
    run_id = story.start().run_id
    work_until(story, lambda run: run.state == {"stage": "queued", "confirm": "confirming"}[step], run_id)
    for _ in range(3):  # as often as the host gives it up
        text = take_away(story, step)
        abandon(story.app, text)
    assert not find_run(story.app, run_id).is_final
    story.work()
    assert story.status(run_id)["status"] == "succeeded"
    assert story.sent() == wanted


def test_bodies_that_a_worker_wrote_after_its_runs_end_are_swept(story):
    story.people(5)
    story.save()
    run_id = story.run()["run_id"]
    story.app.storage.app_blobs.write("staged", f"{run_id}/abcd1234/00001.json", b"{}")
    open_one = "gold-20260101T000000-abcdef"
    story.app.storage.app_blobs.write("staged", f"{open_one}/abcd1234/00001.json", b"{}")
    sweep(story.app)
    left = [blob.name for blob in story.app.storage.app_blobs.listing("staged", "")]
    assert left == [f"{open_one}/abcd1234/00001.json"], "a run that is not written down yet"


def test_staging_that_is_not_committed_is_deleted_by_whoever_wrote_it(story, monkeypatch):
    story.people(5)
    story.save()
    run_id = story.start().run_id

    def taken_over(self, run, *_):
        raise TransientError("claim_lost", "Another worker has taken over.")

    monkeypatch.setattr("shared.runs.store.RunStore.write_batches", taken_over)
    take_step(story.app, take_away(story, "stage"))
    assert story.app.storage.app_blobs.listing("staged", f"{run_id}/") == []


def test_run_that_fell_off_the_list_of_open_runs_is_listed_again_by_the_next_start(story):
    wanted = story.people(5)
    story.save()
    run_id = story.start().run_id
    story.kept.messages.clear()
    story.app.store.drop_open(run_id)
    assert story.start().run_id == run_id
    story.work()
    assert story.status(run_id)["status"] == "succeeded"
    assert story.sent() == wanted


def test_run_that_is_being_started_again_is_not_taken_off_the_list(story):
    """A start that storage keeps for long, or whose clock is behind, has an old run id."""
    story.people(5)
    story.save()
    run_id = story.app.store.new_run_id("gold")
    story.kept.clock.skip(4_000)
    story.app.store.list_open(run_id, story.account)  # the start has come so far
    sweep(story.app)
    assert [key for part, key in story.kept.tables["runs"] if part == OPEN] == [run_id]


def test_line_of_a_runs_end_is_logged_though_its_worker_died(story, caplog):
    caplog.set_level(logging.INFO)
    story.people(5)
    story.save()
    run_id = story.start().run_id
    work_until(story, lambda run: run.state == "confirming", run_id)
    story.sandbox.imports.wait_until_idle(60)
    batches = [replace(each, state="confirmed") for each in story.app.store.batches(find_run(story.app, run_id))]
    story.app.store.finish(run_id, lambda run: end._added_up(run, batches).succeeded(story.app.time(), all_read=True))
    assert "run ended" not in caplog.text, "the worker died just behind the write"
    story.work()
    assert f"run ended: run={run_id} export=gold state=succeeded" in caplog.text
    assert [each["kind"] for each in story.status(run_id)["story"]].count("succeeded") == 1


def test_confirmed_batch_needs_no_slot():
    assert not Batch("run", "staging", 1, 5, 5, state="confirmed", posts=1).may_be_open


def test_copies_of_a_message_do_not_multiply_while_an_end_waits_for_a_worker(story):
    story.people(5)
    run_id = story.start().run_id
    run = work_until(story, lambda run: run.state == "delivering", run_id)
    with claimed_batch(story.app, run, story.app.store.batches(run)[0], attempt=0):
        request_cancel(story.app, find_run(story.app, run_id), "tester")
        copies = [each.text for each in story.kept.messages if '"confirm"' in each.text or '"deliver"' in each.text]
        before = len(story.kept.messages)
        for text in copies * 3:
            take_step(story.app, text)
        assert len(story.kept.messages) == before + 1
    story.work(timer=False)
    assert story.status(run_id)["status"] == "cancelled"


def test_run_whose_only_import_failed_does_not_say_that_nothing_was_sent(story):
    """Nobody knows how much of a failed import Brevo has taken."""
    story.sandbox.change(seconds_fixed=0.7)
    story.sandbox.fail_next(IMPORT, "import-failed")
    story.people(5)
    story.save()
    run_id = story.start().run_id
    work_until(story, lambda run: any(batch.sent_again for batch in story.app.store.batches(run)), run_id)
    request_cancel(story.app, find_run(story.app, run_id), "ana")
    work_until(story, lambda run: run.is_final, run_id)
    message = find_run(story.app, run_id).error.message
    assert message.startswith("Cancelled by ana. 5 contacts may have been sent: ")


def test_batch_that_has_moved_since_its_slot_was_taken_is_not_claimed(story):
    """A worker that stood still before its claim: the batch was sent and staged again, and its slot is another's."""
    story.people(5)
    story.save()
    run_id = story.start().run_id
    work_until(story, lambda run: run.state == "delivering", run_id)
    run = find_run(story.app, run_id)
    batch = story.app.store.batch(run, 1)
    story.app.store.update_batch(run, 1, lambda now: replace(now, posts=now.posts + 1))
    with pytest.raises(TransientError, match="moved on"), claimed_batch(story.app, run, batch, attempt=0):
        pytest.fail("claimed")
    assert story.app.store.batch(run, 1).owner == ""
    story.work()
    assert story.status(run_id)["status"] == "succeeded"
