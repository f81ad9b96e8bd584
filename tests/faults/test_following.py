"""The list is what the segment wants wherever a worker dies, and whatever storage or Brevo do on the way there."""

import pytest

from shared.errors import ExportError, PermanentError
from shared.runs import ledgers, steps
from shared.runs.status import find_run
from shared.runs.steps import settle as settle_module
from shared.runs.steps.settle import settle
from shared.runs.steps.stop import fail, request_cancel
from shared.sync.stored import LEDGERS, UNDO
from tests.faults.brevo_routes import IMPORT
from tests.faults.following import FIRST, LIST, OTHERS, REMOVE, SECOND, Following, addresses, dying_at_brevo
from tests.memory_line import WorkerDied
from tests.sizes import in_parts, sampled, thinned

# `make test` breaks one point of sixty before the imports are confirmed, and each seventeenth one behind it.
modes = pytest.mark.parametrize("mode", thinned(["dies", "echo", "outage"], 2))


@pytest.fixture
def following(make_story, monkeypatch):
    """Two contacts a request of a removal, each noted, and three bodies of imports."""
    monkeypatch.setattr("shared.brevo.removal.MOST_A_REQUEST", 2)
    monkeypatch.setattr("shared.runs.steps.settle._NOTED_EVERY", 2)
    monkeypatch.setattr("shared.brevo.body.LARGEST_BODY_BYTES", 0)
    made = Following(make_story())
    made.story.save(sync_mode="mirror", max_removed=0.9)
    made.begin()
    return made


def calls(following, lived=Following.second_day, *, reads=False):
    """The names of the storage calls of a second day in which nothing breaks."""
    following.put_back()
    worker, line = following.story.worker(reads=reads)
    following.check(lived(following, worker, line))
    return line.names


def behind_imports(names):
    """The number of the first call of the last step, which begins when all imports are confirmed."""
    return max(place for place, name in enumerate(names, start=1) if name == "batches replace") + 1


def troubles(following, mode, points, lived=Following.second_day, *, reads=False):
    """What was not right, point by point."""
    found = []
    assert points
    for at in points:
        following.put_back()
        worker, line = following.story.worker(mode, at, reads=reads)
        try:
            following.check(lived(following, worker, line))
        except (AssertionError, ExportError) as error:
            found.append(f"{mode} at call {at}: {str(error)[:300]}")
    return found


@sampled(17)
@modes
def test_list_follows_whatever_breaks_at_a_write_once_the_imports_are_confirmed(following, mode, some):
    names = calls(following)
    first = behind_imports(names)
    assert "ledgers write" in names[first - 1 :], names
    assert troubles(following, mode, range(first, len(names) + 1)[some]) == []


@sampled(60, parts=2)
@modes
def test_list_follows_whatever_breaks_at_a_write_before(following, mode, some):
    names = calls(following)
    assert troubles(following, mode, range(3, behind_imports(names))[some]) == []


@in_parts(4)
def test_list_follows_whatever_breaks_at_a_read(following, some):
    names = calls(following, reads=True)
    assert troubles(following, "outage", range(3, len(names) + 1)[some], reads=True) == []


@sampled(100, parts=3)
@pytest.mark.parametrize("mode", thinned(["dies", "echo"], 2))
def test_list_follows_whatever_breaks_where_a_person_approves(following, mode, some):
    following.story.save(max_removed=0.1)
    lived = Following.second_day_approved
    names = calls(following, lived)
    assert troubles(following, mode, range(3, len(names) + 1)[some], lived) == []


@sampled(50)
@pytest.mark.parametrize("after", thinned([True, False], 2), ids=["when it is done", "before it"])
def test_list_follows_where_a_worker_dies_at_a_call_of_brevo(following, monkeypatch, after, some):
    at, found, made = 1 + some.start, [], [""]
    while at <= len(made):
        following.put_back()
        worker, line = following.story.worker()
        with monkeypatch.context() as patch:
            made = dying_at_brevo(patch, line, at, after=after)
            status = following.second_day(worker, line)
        try:
            following.check(status)
        except AssertionError as error:
            found.append(f"call {at}: {str(error)[:300]}")
        at += some.step
    assert found == []


@pytest.mark.parametrize(
    "kind",
    thinned(
        ["524-after", "500-after", "reset-after", "429", "429-bare", "503", "truncated", "html-200", "remove-half"], 3
    ),
)
@pytest.mark.parametrize("request_before", [0, pytest.param(1, marks=pytest.mark.full)])
def test_list_follows_whatever_brevo_answers_to_a_removal(following, monkeypatch, kind, request_before):
    monkeypatch.setattr("shared.runs.steps.settle._NOTED_EVERY", 4)
    following.put_back()
    scripted = following.story.sandbox.world.faults
    draw, seen = scripted.draw, []

    def later(route):
        seen.append(route)
        if route == REMOVE and seen.count(REMOVE) == 1 + request_before:
            scripted.fail_next(REMOVE, kind)
        return draw(route)

    monkeypatch.setattr(scripted, "draw", later)
    worker, line = following.story.worker()
    following.check(following.second_day(worker, line))
    assert scripted.injected[kind] == 1


def test_two_workers_that_remove_at_once_do_what_one_does(following, monkeypatch):
    following.put_back()
    runs = []

    def twice(app, run, batches):
        if not runs:
            runs.append(run.run_id)
            settle(following.story.app, run, batches)
        return settle(app, run, batches)

    monkeypatch.setattr("shared.runs.steps.confirm.settle", twice)
    worker, line = following.story.worker()
    status = following.second_day(worker, line)
    assert status["contacts_removed"] == 4
    following.check(status)


def test_worker_that_is_late_leaves_alone_what_the_next_run_intends(following, monkeypatch):
    following.put_back()
    blobs, held_up = type(following.story.app.storage.app_blobs), []
    copy_if = blobs.copy_if
    folder = f"{following.story.account}/{LIST}/gold"
    monkeypatch.setattr("shared.runs.steps.confirm.settle", lambda app, run, batches: late(app, run, batches))

    def late(app, run, batches):
        monkeypatch.setattr(blobs, "copy_if", copy_late)
        held_up.append((run, batches))
        return settle(app, run, batches)

    def copy_late(blobs_of_this_worker, *copied):
        """While this worker is about to copy its intention, another one does, and the next run begins."""
        monkeypatch.setattr(blobs, "copy_if", copy_if)
        ledgers.keep_ledger(following.story.app, *held_up[0])
        following.story.app.storage.app_blobs.write(LEDGERS, f"{folder}/intention-next-1.parquet", b"next")
        copy_if(blobs_of_this_worker, *copied)

    worker, line = following.story.worker()
    assert following.second_day(worker, line)["status"] == "succeeded"
    assert following.ledgers() == [f"{folder}/intention-next-1.parquet", f"{folder}/ledger.parquet"]


def test_worker_that_is_late_deletes_nothing_once_its_run_is_cancelled(following, monkeypatch):
    """What lies in storage may be the next run's by then: its intention, whom it removes, what its undo needs."""
    following.put_back()
    keep_ledger, app = ledgers.keep_ledger, following.story.app
    folder = f"{following.story.account}/{LIST}/gold"
    theirs = [(LEDGERS, f"{folder}/intention-next-1.parquet"), (LEDGERS, f"{folder}/removals-next-1")]
    theirs += [(UNDO, f"{folder}/next-1.parquet")]

    def late(app, run, batches):
        request_cancel(app, find_run(app, run.run_id), "ana")
        for container, name in theirs:
            app.storage.app_blobs.write(container, name, b"next")
        keep_ledger(app, run, batches)

    monkeypatch.setattr("shared.runs.steps.settle.keep_ledger", late)
    worker, line = following.story.worker()
    assert following.second_day(worker, line)["status"] == "cancelled"
    for container, name in theirs:
        assert app.storage.app_blobs.read(container, name) == b"next"


@pytest.mark.parametrize("requests", [0, 1])
def test_run_that_is_cancelled_in_the_middle_of_its_removal_leaves_the_rest_to_the_next_one(
    following, monkeypatch, requests
):
    following.put_back()
    draw, seen = following.story.sandbox.world.faults.draw, []

    def cancelling(route):
        seen.append(route)
        if route == REMOVE and seen.count(REMOVE) == 1 + requests:
            request_cancel(following.story.app, find_run(following.story.app, following.newest()), "ana")
        return draw(route)

    monkeypatch.setattr(following.story.sandbox.world.faults, "draw", cancelling)
    worker, line = following.story.worker()
    status = following.second_day(worker, line)
    assert (status["status"], status["contacts_to_remove"]) == ("cancelled", 4)
    assert status["contacts_removed"] <= 2 * (1 + requests)
    assert addresses(SECOND, OTHERS) <= following.story.sent()
    following.refresh(SECOND)
    status = following.story.run()
    assert (status["status"], following.story.sent()) == ("succeeded", addresses(SECOND, OTHERS)), status["error"]
    assert following.ledgers() == [f"{following.story.account}/{LIST}/gold/ledger.parquet"]


def test_whom_a_run_that_failed_half_way_has_put_there_is_removed_by_the_next_one(following, monkeypatch):
    following.put_back()
    following.refresh(range(4, 14))
    posted, faults = [], following.story.sandbox.world.faults
    draw = faults.draw

    def failing_later(route):
        posted.extend([route] * (route == IMPORT))
        if route == IMPORT and len(posted) > 2:
            faults.fail_next(IMPORT, "import-failed")
        return draw(route)

    with monkeypatch.context() as patch:
        patch.setattr(faults, "draw", failing_later)
        worker, line = following.story.worker()
        assert following.second_day(worker, line)["status"] == "failed"
    put_there = following.story.sent() - addresses(FIRST, OTHERS)
    assert len(put_there) == 2, "two of four contacts have come through"
    following.refresh(range(4, 10))
    status = following.story.run()
    assert (status["status"], status["contacts_removed"]) == ("succeeded", 4 + len(put_there)), status["error"]
    assert following.story.sent() == addresses(range(4, 10), OTHERS)
    assert following.ledgers() == [f"{following.story.account}/{LIST}/gold/ledger.parquet"]


def test_worker_that_stood_still_before_it_removes_anybody_removes_nobody(following, monkeypatch):
    """By when the run is over somebody may have come back."""
    following.put_back()
    story, keep, removals = following.story, steps.settle.leave_whom_others_keep, []

    def late(app, run):
        monkeypatch.setattr(steps.settle, "leave_whom_others_keep", keep)
        numbers = keep(app, run)
        story.kept.clock.skip(300)
        story.work()
        assert story.status(run.run_id)["status"] == "succeeded"
        removals.append(story.sandbox.log.count(REMOVE))
        return numbers

    monkeypatch.setattr(steps.settle, "leave_whom_others_keep", late)
    following.start(story.app)
    story.work()
    assert removals == [story.sandbox.log.count(REMOVE)] != [0]


def test_whom_brevo_removes_when_a_lost_worker_s_request_is_made_again_is_not_said_to_be_left(following, monkeypatch):
    """The worker has written down whom Brevo did not remove, and is lost before the run's row says so."""
    story = following.story
    notes = []
    note = settle_module.note_not_removed

    def note_and_die(*arguments):
        note(*arguments)
        notes.append(arguments)
        if len(notes) == 2:
            patch.undo()
            raise WorkerDied

    following.put_back()
    with monkeypatch.context() as patch:
        patch.setattr("shared.brevo.removal._unchanged", lambda session, list_id, verb, kind, values: (values, False))
        patch.setattr(settle_module, "note_not_removed", note_and_die)
        run_id = story.start().run_id
        story.work()
    status = story.status(run_id)
    assert (status["status"], len(notes)) == ("succeeded", 2)
    assert (status["contacts_removed"], status["contacts_not_removed"]) == (2, 2)


def test_worker_that_stood_still_takes_nobody_out_once_its_run_has_ended(following, monkeypatch):
    story = following.story
    remove, before = settle_module.remove_contacts, []

    def late(session, list_id, body):
        if not before:
            before.append(story.sent())
            fail(story.app, following.newest(), PermanentError("stop", "It cannot go on.", "Stop it."))
            story.kept.clock.skip(30)
        return remove(session, list_id, body)

    following.put_back()
    monkeypatch.setattr(settle_module, "remove_contacts", late)
    run_id = story.start().run_id
    story.work()
    assert story.status(run_id)["status"] == "failed"
    assert [story.sent()] == before


def test_run_that_is_cancelled_before_it_removes_anybody_does_not_say_that_it_may_have(following, monkeypatch):
    story = following.story
    begun = settle_module._begun

    def cancelled_meanwhile(app, run):
        story.app.store.update(run.run_id, lambda now: now.cancel_requested("ana"))
        return begun(app, run)

    following.put_back()
    monkeypatch.setattr(settle_module, "_begun", cancelled_meanwhile)
    run_id = story.start().run_id
    story.work()
    status = story.status(run_id)
    assert (status["status"], status["contacts_removed"]) == ("cancelled", 0)
    assert "taken out of the list" not in status["error"]["message"]
    assert not find_run(story.app, run_id).is_list_changed


def test_removals_that_take_long_go_on_in_further_steps(following, monkeypatch):
    """The host ends a function that takes longer than it lets one take."""
    story = following.story
    remove, steps_of_removals = settle_module.remove_contacts, []
    begin, begun = settle_module._begun, []

    def slow(*arguments):
        story.kept.clock.skip(settle_module._STEP_SECONDS + 1)
        return remove(*arguments)

    def note(text):
        if 0 < find_run(story.app, following.newest()).counts.contacts_removed < 4:
            steps_of_removals.append(text)

    following.put_back()
    monkeypatch.setattr(settle_module, "remove_contacts", slow)
    monkeypatch.setattr(settle_module, "_begun", lambda *arguments: begun.append(1) or begin(*arguments))
    story.start()
    story.on_message = note
    story.work()
    assert any('"confirm"' in text for text in steps_of_removals)
    assert begun == [1], "what is done is counted along the list as it was then"
    following.check(story.status(following.newest()))
