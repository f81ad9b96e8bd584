"""What a trigger does with a snapshot or a due time that was started before, by what has become of it since."""

from dataclasses import replace

import pytest

from shared.runs.problem import Problem
from shared.runs.rows import started_of, started_row
from shared.runs.state import Run
from shared.runs.tries import PAUSES_SECONDS, SAVED, Started, Tries
from shared.storage.tables import Row

NOW = 1_800_000_000.0
OPEN, DONE = Tries(is_open=True), Tries()
GIVEN_UP = Tries(is_open=True, failed=4)
FAILED = Problem("brevo_failing", "It failed.", "")


def waiting(failed):
    return Tries(is_open=True, failed=failed, again_at=NOW + PAUSES_SECONDS[failed - 1])


def run_in(state, code="", **values):
    error = replace(FAILED, code=code) if code else None
    return Run("gold-1", "gold", "KEY", 12, "timer", "timer", state=state, snapshot="S", error=error, **values)


# (what became of the run that had begun, the tries of its snapshot before): the tries after it
FAILS, SUCCEEDS = run_in("failed", "brevo_failing"), run_in("succeeded")
GUARD, CANCELLED = run_in("failed", "guard_max_shrink"), run_in("cancelled", "cancelled")
AFTER = [
    (FAILS, OPEN, waiting(1)),
    (FAILS, replace(OPEN, failed=1), waiting(2)),
    (FAILS, replace(OPEN, failed=2), waiting(3)),
    (FAILS, replace(OPEN, failed=3), GIVEN_UP),
    (FAILS, GIVEN_UP, replace(GIVEN_UP, failed=5)),
    (FAILS, DONE, DONE),
    (run_in("failed", "step_kept_failing"), OPEN, waiting(1)),
    (run_in("failed", "storage_denied"), OPEN, waiting(1)),
    *((run, tries, DONE) for run in (SUCCEEDS, GUARD, CANCELLED) for tries in (OPEN, GIVEN_UP, DONE)),
    (run_in("succeeded_with_rejections"), OPEN, DONE),
    (run_in("skipped", "segment_empty"), OPEN, DONE),
    *(
        (run_in("failed", code), OPEN, DONE)
        for code in ("export_changed", "export_detached", "export_unknown", "consent_missing")
    ),
    (replace(FAILS, cancel_requested_by="ana"), OPEN, DONE),
]


def unsent_after(run):
    return "" if run.state.startswith("succeeded") else run.run_id


@pytest.mark.parametrize(("run", "before", "after"), AFTER)
def test_end_of_a_run_decides_whether_its_snapshot_is_tried_again(run, before, after):
    assert Started("S", "", before).after(run, NOW) == Started("S", "", after, unsent=unsent_after(run))


@pytest.mark.parametrize(("run", "before", "after"), AFTER)
def test_end_of_a_run_of_the_timer_decides_the_same_of_its_due_time(run, before, after):
    snapshot_after = Started("S", "", DONE).after(run, NOW).snapshot_tries
    ended = Started("S", "D", DONE, before).after(run, NOW)
    assert ended == Started("S", "D", snapshot_after, after, unsent=unsent_after(run))


def test_run_that_a_person_has_started_is_no_try_of_a_due_time():
    pending = Started("", "D", DONE, waiting(1))
    failed = replace(FAILS, trigger="http", snapshot="")
    assert pending.after(failed, NOW) == replace(pending, unsent=failed.run_id)
    assert pending.after(replace(SUCCEEDS, trigger="http"), NOW).due_tries == DONE


def test_skipped_run_that_has_taken_no_snapshot_decides_nothing():
    pending = Started("S", "", waiting(1))
    assert pending.after(replace(run_in("skipped", "snapshot_known"), snapshot=""), NOW) == pending


def test_undo_settles_the_snapshot_that_it_has_undone_and_says_so():
    tried = Started("S", "2026-11-24T05:00Z", waiting(1), waiting(1))
    settled = tried.after(run_in("succeeded", kind="undo"), NOW)
    assert (settled.snapshot_tries, settled.due_tries, settled.unsent) == (DONE, DONE, "gold-1")
    newer = Started("T", "", waiting(1))
    assert newer.after(run_in("succeeded", kind="undo"), NOW).snapshot == "T", "a newer snapshot stays"


def test_clear_which_takes_no_snapshot_settles_the_one_that_was_to_be_tried_again():
    cleared = replace(run_in("succeeded", kind="clear"), snapshot="")
    settled = Started("S", "2026-11-24T05:00Z", waiting(1), waiting(1)).after(cleared, NOW)
    assert (settled.snapshot, settled.snapshot_tries, settled.due_tries) == ("S", DONE, DONE)
    assert settled.unsent == "gold-1"
    assert Started("S").after(cleared, NOW).due == "", "without a schedule nothing was due"


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        ("clear", "failed"),
        ("undo", "failed"),
        ("undo", "cancelled"),
        ("verify", "succeeded"),
        ("verify", "failed"),
        ("trial", "failed"),
    ],
)
def test_run_that_sends_no_segment_decides_nothing(kind, state):
    tried = Started("S", "", waiting(1), waiting(1))
    assert tried.after(run_in(state, kind=kind), NOW) == tried


def test_repair_decides_as_any_run_does():
    assert Started("S", "", OPEN).after(run_in("succeeded", kind="repair"), NOW).snapshot_tries == DONE


def test_cancelling_settles_the_snapshot_that_the_run_would_have_taken():
    for before, taken, after in (("S", "S2", "S2"), ("S", "", "S")):
        cancelled = Started(before, "", OPEN).after(replace(CANCELLED, snapshot=taken), NOW)
        assert cancelled == Started(after, "", DONE, unsent=CANCELLED.run_id)


TIME = "2026-11-24T0500"


def test_time_alone_covers_every_snapshot_of_it_until_a_run_takes_one():
    settled = Started(f"{TIME}-a", "", OPEN).after(replace(CANCELLED, snapshot=TIME), NOW)
    assert settled == Started(TIME, "", DONE, unsent=CANCELLED.run_id)
    covered = [settled.covers(each) for each in (f"{TIME}-a", f"{TIME}-b", "2026-11-24T0459-c", "2026-11-24T0501-d")]
    assert covered == [True, True, True, False]
    assert settled.with_snapshot_known(f"{TIME}-b").snapshot == TIME
    taken = settled.with_snapshot_taken(replace(run_in("staging"), snapshot=f"{TIME}-b"), is_tried_again=True)
    assert (taken.snapshot, taken.snapshot_tries) == (f"{TIME}-b", DONE)
    assert not taken.covers(f"{TIME}-c")


# (the tries, seconds after NOW): whether a trigger starts another run
DUE = [
    (OPEN, 1e9, False),
    (DONE, 1e9, False),
    (GIVEN_UP, 1e9, False),
    (waiting(1), 0, False),
    (waiting(1), PAUSES_SECONDS[0] - 1, False),
    (waiting(1), PAUSES_SECONDS[0], True),
    (waiting(3), PAUSES_SECONDS[2] - 1, False),
    (waiting(3), PAUSES_SECONDS[2], True),
    # Written by a clock that was a day ahead.
    (replace(waiting(1), again_at=NOW + 86_400), 0, True),
]


@pytest.mark.parametrize(("tries", "seconds", "is_due"), DUE)
def test_what_has_failed_is_due_again_after_its_pause(tries, seconds, is_due):
    began = Started("S", "D", tries, tries)
    snapshot, due = began.with_snapshot_begun("S", NOW + seconds), began.with_due_begun("D", NOW + seconds)
    assert (snapshot is not None, due is not None) == (is_due, is_due)
    if snapshot and due:
        assert snapshot.snapshot_tries == due.due_tries == replace(tries, again_at=0.0)


@pytest.mark.parametrize("tries", [OPEN, DONE, GIVEN_UP, waiting(2)])
def test_newer_snapshot_or_due_time_begins_with_no_failure(tries):
    before = Started("S", "2026-11-27", tries, tries)
    assert before.with_snapshot_begun("S2", NOW) == replace(before, snapshot="S2", snapshot_tries=OPEN)
    assert before.with_due_begun("2026-11-28", NOW) == replace(before, due="2026-11-28", due_tries=OPEN)
    assert before.with_due_begun("2026-11-26", NOW + 1e9) is None


@pytest.mark.parametrize(
    ("before", "is_tried_again", "after"),
    [
        (Started("R", "", GIVEN_UP), True, Started("S", "", OPEN, unsent="gold-1")),
        (Started("R", "", waiting(1)), False, Started("S", "", DONE, unsent="gold-1")),
        (Started("S", "", waiting(2)), True, Started("S", "", replace(OPEN, failed=2), unsent="gold-1")),
        (Started("S", "", DONE), True, Started("S", "", DONE, unsent="gold-1")),
        (Started("T", "", DONE, unsent="gold-0"), True, Started("T", "", DONE, unsent="gold-0")),
    ],
)
def test_snapshot_that_a_run_takes_keeps_its_tries(before, is_tried_again, after):
    assert before.with_snapshot_taken(run_in("staging"), is_tried_again=is_tried_again) == after


@pytest.mark.parametrize(
    ("before", "unsent"),
    [
        (Started("S", unsent="gold-1"), ""),
        (Started("T", unsent="gold-1"), SAVED),
        (Started("R", unsent="gold-1"), SAVED),
        (Started("T", unsent=SAVED), SAVED),
        (Started("T", unsent="gold-0"), ""),
    ],
)
def test_snapshot_that_was_saved_as_known_beside_a_run_does_not_count_as_sent_by_it(before, unsent):
    after = before.after(run_in("succeeded"), NOW)
    assert (after.snapshot, after.unsent) == (before.snapshot, unsent)
    assert before.after(run_in("failed", "brevo_failing"), NOW).unsent == "gold-1"


@pytest.mark.parametrize("note", [lambda row: row.with_snapshot_known("T"), Started.sent_elsewhere])
def test_last_run_that_did_not_succeed_stays_named_where_the_export_is_saved(note):
    assert note(Started("S", unsent="gold-1")).unsent == "gold-1"
    assert note(Started("S")).unsent == SAVED


def test_failed_run_of_an_event_is_a_try_of_its_snapshot_though_it_has_not_noted_it():
    before = Started("R", "", DONE)
    assert before.after(replace(FAILS, only_new=True), NOW) == Started("S", "", waiting(1), unsent="gold-1")
    assert before.after(FAILS, NOW) == replace(before, unsent="gold-1")
    assert before.after(replace(FAILS, only_new=True, snapshot=""), NOW) == replace(before, unsent="gold-1")


SAVED_BESIDE, OF_THE_RUN = "2026-11-24T0500-bbbb", "2026-11-24T0500-aaaa"


@pytest.mark.parametrize(
    ("noted", "run"),
    [
        ("gold-1", CANCELLED),
        ("gold-1", GUARD),
        ("gold-1", replace(FAILS, only_new=True)),
        (SAVED, run_in("succeeded", kind="undo")),
    ],
)
def test_what_was_saved_beside_a_run_stays_known_behind_it(noted, run):
    after = Started(SAVED_BESIDE, unsent=noted).after(replace(run, snapshot=OF_THE_RUN), NOW)
    assert (after.covers(SAVED_BESIDE), after.snapshot_tries) == (True, DONE)


def test_cancelled_run_settles_the_files_that_have_come_since_it_noted_its_snapshot():
    after = Started(OF_THE_RUN, "", OPEN, unsent="gold-1").after(replace(CANCELLED, snapshot=SAVED_BESIDE), NOW)
    assert after.covers(SAVED_BESIDE)


def test_growing_pauses_are_three():
    assert len(PAUSES_SECONDS) == 3
    assert sorted(set(PAUSES_SECONDS)) == list(PAUSES_SECONDS)


def test_words_say_when_it_is_tried_again_or_that_it_is_not():
    assert waiting(1).words() == "It is tried again by itself after 2027-01-15 08:15 UTC."
    assert waiting(3).words() == "It is tried again by itself after 2027-01-15 12:00 UTC."
    assert GIVEN_UP.words() == "It has failed 4 times and is not tried again by itself."
    assert OPEN.words() == DONE.words() == ""


def test_only_a_run_that_triggers_try_again_says_so():
    row = Started("S", "D", waiting(1))
    assert row.told_in(FAILS).error.advice == waiting(1).words()
    trial, cancelled, unexplained = (
        replace(FAILS, kind="trial"),
        replace(FAILS, cancel_requested_by="ana"),
        run_in("failed"),
    )
    for run in (SUCCEEDS, GUARD, CANCELLED, trial, cancelled, unexplained):
        assert row.told_in(run) == run


def test_row_holds_all_of_it_and_one_without_tries_is_settled():
    started = Started("S", "D", waiting(1), GIVEN_UP, "gold-1", "etag")
    assert started_of(started_row("gold", started)) == started
    assert started_of(Row("gold", "started", {"snapshot": "S", "due": "D"})) == Started("S", "D")
