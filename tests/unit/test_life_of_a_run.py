"""Each state of a run and of a batch meets each event: it becomes what the table says, or the event does not apply."""

import ast
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared.runs.batch import Batch
from shared.runs.counts import Counts
from shared.runs.graces import Graces
from shared.runs.problem import Problem
from shared.runs.state import FINAL, SENDING, STAGEABLE, Run

REPOSITORY = Path(__file__).parents[2]
FOLDERS = ("shared", "export_trigger", "timer_export", "blob_export", "export_worker")
NOW = datetime(2026, 11, 28, 5, tzinfo=UTC)
GRACES = Graces()
LIVE, LOST = NOW.timestamp() + 1, NOW.timestamp() - 1
PROBLEM = Problem("code", "It failed.", "")
NEVER = "does not apply"

RUN_EVENTS = {
    "staging_by": lambda run: run.staging_by("snapshot", "other", NOW, GRACES),
    "delivering": lambda run: run.delivering("me", "abcd", 2, NOW, GRACES),
    "held": lambda run: run.held("me", PROBLEM, "settings", 48, NOW),
    "approved": lambda run: run.approved("ana", NOW, GRACES),
    "hold_ended": lambda run: run.hold_ended(PROBLEM, NOW),
    "confirming": lambda run: run.confirming(NOW),
    "succeeded": lambda run: run.succeeded(NOW, all_read=True),
    "skipped": lambda run: run.skipped(PROBLEM, NOW),
    "failed": lambda run: run.failed(PROBLEM, 0, NOW),
    "cancelled": lambda run: replace(run, cancel_requested_by="ana").stopped(0, NOW),
    "stopped": lambda run: replace(run, stopped_by=PROBLEM).stopped(0, NOW),
}
# The events in the order above. A run in `staging` has the owner "me", who is lost; one in `held` can be approved.
RUN_TABLE = {
    "queued": ("staging", *(NEVER,) * 6, "skipped", "failed", "cancelled", "failed"),
    "staging": ("staging", "delivering", "held", *(NEVER,) * 4, "skipped", "failed", "cancelled", "failed"),
    "held": (*(NEVER,) * 3, "queued", "cancelled", *(NEVER,) * 3, "failed", "cancelled", "failed"),
    "delivering": (*(NEVER,) * 5, "confirming", "succeeded", NEVER, "failed", "cancelled", "failed"),
    "confirming": (*(NEVER,) * 6, "succeeded", NEVER, "failed", "cancelled", "failed"),
} | dict.fromkeys(FINAL, (NEVER,) * 11)

BATCH_EVENTS = {
    "delivering_by": lambda batch: batch.delivering_by("other", NOW, GRACES),
    "given_back": lambda batch: batch.given_back("me", LIVE, may_be_there=True),
    "delivered": lambda batch: batch.delivered("me", 8, 0, NOW),
    "confirmed": lambda batch: batch.confirmed(7, {}, ""),
    "import_failed": lambda batch: batch.import_failed(7),
    "import_failed again": lambda batch: replace(batch, sent_again=1).import_failed(7),
}
# A batch in `delivering` has the owner "me", who is lost; one in `delivered` the process 7.
BATCH_TABLE = {
    "staged": ("delivering", NEVER, NEVER, NEVER, NEVER, NEVER),
    "delivering": ("delivering", "staged", "delivered", NEVER, NEVER, NEVER),
    "delivered": (NEVER, NEVER, NEVER, "confirmed", "staged", "failed"),
    "confirmed": (NEVER,) * 6,
    "failed": (NEVER,) * 6,
}


def run_in(state, **values):
    known = {"staging": {"owner": "me", "owner_until": LOST}, "held": {"held_until": LIVE, "rejected_id": "abcd"}}
    return Run("gold-1", "gold", "KEY", 12, "timer", "timer", **{"state": state, **known.get(state, {}), **values})


def batch_in(state, **values):
    known = {"delivering": {"owner": "me", "owner_until": LOST, "posts": 1}, "delivered": {"process_id": 7}}
    return Batch("gold-1", "abcd", 1, 10, 100, **{"state": state, **known.get(state, {}), **values})


def becomes(changed):
    return changed.state if changed else NEVER


@pytest.mark.parametrize("state", sorted(RUN_TABLE))
def test_run_becomes_what_the_table_says(state):
    run = run_in(state)
    assert tuple(becomes(event(run)) for event in RUN_EVENTS.values()) == RUN_TABLE[state]


@pytest.mark.parametrize("state", BATCH_TABLE)
def test_batch_becomes_what_the_table_says(state):
    batch = batch_in(state)
    assert tuple(becomes(event(batch)) for event in BATCH_EVENTS.values()) == BATCH_TABLE[state]


@pytest.mark.parametrize(
    ("counts", "all_read", "state"),
    [
        (Counts(), True, "succeeded"),
        (Counts(warnings={"brevo_duplicate_phone": 1}), True, "succeeded"),
        (Counts(contacts_rejected_by_brevo={"brevo_other": 1}), True, "succeeded_with_rejections"),
        (Counts(), False, "succeeded_with_rejections"),
    ],
)
def test_run_succeeds_without_rejections_only_where_all_reports_were_read(counts, all_read, state):
    assert run_in("confirming", counts=counts).succeeded(NOW, all_read=all_read).state == state


def test_batch_that_is_confirmed_keeps_what_moves_and_is_confirmed_once():
    confirmed = batch_in("delivered").confirmed(7, {"brevo_other": 1}, "", 2, "abcd")
    assert (confirmed.moved, confirmed.moved_id, confirmed.rejected) == (2, "abcd", {"brevo_other": 1})
    assert confirmed.confirmed(7, {}, "", 3, "ef01") is None
    assert batch_in("delivered").confirmed(8, {}, "", 2, "abcd") is None


def test_every_state_is_of_one_kind():
    assert set(RUN_TABLE) == STAGEABLE | {"held"} | SENDING | FINAL
    assert not (STAGEABLE & SENDING or STAGEABLE & FINAL or SENDING & FINAL)


def test_work_of_a_live_owner_is_not_taken_over():
    assert run_in("staging", owner_until=LIVE).staging_by("snapshot", "other", NOW, GRACES) is None
    assert batch_in("delivering", owner_until=LIVE).delivering_by("other", NOW, GRACES) is None


@pytest.mark.parametrize("owner", ["", "other"])
def test_only_the_owner_changes_what_it_has(owner):
    run = run_in("staging", owner=owner)
    assert run.renewed("me", NOW, GRACES) is None
    assert run.released("me") is None
    assert not run.is_staged_by("me")
    assert run.delivering("me", "abcd", 2, NOW, GRACES) is None
    assert batch_in("delivering", owner=owner).renewed("me", NOW, GRACES) is None
    assert batch_in("delivering", owner="other").delivered("me", 8, 0, NOW) is None


def test_cancel_is_not_overtaken_by_the_delivery_and_waits_for_a_live_worker():
    asked = run_in("staging", cancel_requested_by="ana")
    assert asked.delivering("me", "abcd", 2, NOW, GRACES) is None
    assert replace(asked, owner_until=LIVE).stopped(0, NOW) is None
    assert run_in("staging").stopped(0, NOW) is None, "nobody has asked for it"


def test_held_run_is_moved_by_a_person_or_its_time_alone():
    run = run_in("held")
    later = (NOW + timedelta(hours=1)).timestamp()
    assert run.waiting_for("x", now=later, until=later) is None
    assert run.confirm_at(later, GRACES) is None
    assert run.driven_on(NOW, GRACES) is None
    assert not run.is_past_hold(NOW)
    assert run.approved("ana", NOW + timedelta(hours=1), GRACES) is None, "its time is over"
    assert run_in("held", held_until=LOST).is_past_hold(NOW)
    assert run_in("held", held_until=NOW.timestamp() + 30 * 86_400).is_past_hold(NOW), "a wrong clock has written that"


def test_held_run_that_a_person_has_cancelled_is_neither_approved_nor_expired():
    cancelled = run_in("held", cancel_requested_by="ana")
    assert cancelled.approved("ion", NOW, GRACES) is None
    assert cancelled.hold_ended(PROBLEM, NOW) is None
    assert cancelled.confirm_at(LIVE, GRACES) is not None, "a message ends it"


def test_run_is_held_by_the_worker_that_has_staged_it_and_not_once_its_end_is_decided():
    assert run_in("staging", owner="other").held("me", PROBLEM, "", 48, NOW) is None
    assert run_in("staging", cancel_requested_by="ana").held("me", PROBLEM, "", 48, NOW) is None
    held = run_in("staging").held("me", PROBLEM, "abc", 1, NOW)
    assert (held.owner, held.held_for, held.settings) == ("", PROBLEM, "abc")
    assert held.held_until == held.stalled_after == NOW.timestamp() + 3600


def test_approved_run_is_no_plan_any_more():
    plan = run_in("held", kind="plan")
    approved = plan.approved("ana", NOW, GRACES)
    assert (plan.is_to_be_held, plan.is_approved) == (True, False)
    assert (approved.is_to_be_held, approved.is_approved, approved.approved_of) == (False, True, "abcd")
    assert approved.answers_count_from == NOW


@pytest.mark.parametrize(
    ("kind", "sends_segment", "is_guarded"),
    [
        ("export", True, True),
        ("plan", True, True),
        ("repair", True, True),
        ("undo", False, True),
        ("clear", False, True),
        ("trial", False, False),
        ("verify", False, False),
    ],
)
def test_what_follows_from_each_kind_of_run(kind, sends_segment, is_guarded):
    run = run_in("staging", kind=kind)
    assert (run.sends_segment, run.is_guarded) == (sends_segment, is_guarded)


def test_changes_of_the_list_are_counted_once_and_never_back():
    run = run_in("confirming", counts=Counts(contacts_removed=150, contacts_added=0))
    added = run.changed_list(150, 150, 2, NOW, GRACES)
    assert (added.counts.contacts_removed, added.counts.contacts_added, added.counts.requests) == (150, 150, 2)
    assert added.changed_list(150, 0, 2, NOW, GRACES) is None
    assert run.changed_list(150, 0, 2, NOW, GRACES) is None
    assert run_in("held").changed_list(1, 0, 1, NOW, GRACES) is None


def test_run_that_ends_in_the_middle_of_the_list_s_changes_says_how_far_it_came():
    undo = run_in("confirming", kind="undo", counts=Counts(contacts_removed=1, contacts_added=300))
    assert undo.failed(PROBLEM, 0, NOW).error.message == (
        "It failed. At least 1 contact was taken out of the list. At least 300 contacts were put back into the list."
    )


def test_run_that_has_ended_is_changed_by_nothing():
    run = run_in("failed")
    later = (NOW + timedelta(hours=1)).timestamp()
    assert run.waiting_for("x", now=later, until=later) is None
    assert run.confirm_at(later, GRACES) is None
    assert run.watched_at(later, NOW) is None
    assert run.driven_on(NOW, GRACES) is None
    assert run.cancel_requested("ana") is None
    assert run.with_traffic(1) is None


def test_watch_and_drive_are_taken_once():
    run = run_in("confirming")
    watched = run.watched_at(LIVE + 60, NOW)
    assert watched.watched_at(LIVE + 60, NOW) is None
    driven = run.driven_on(NOW, GRACES)
    assert driven.driven_on(NOW, GRACES) is None


def test_answer_of_an_import_that_is_no_longer_the_batch_s_changes_nothing():
    batch = batch_in("delivered", process_id=9)
    assert (
        batch.polled(7, is_listed=True)
        is batch.report_failed(7)
        is batch.confirmed(7, {}, "")
        is batch.import_failed(7)
        is None
    )


def test_call_back_of_a_batch_that_was_posted_twice_is_not_believed():
    assert batch_in("delivered", posts=2).import_finished() is None
    assert batch_in("delivered", posts=1).import_finished().called_back
    assert not batch_in("delivering", called_back=True).delivered("me", 8, 1, NOW).called_back


def test_call_back_that_came_for_a_post_that_failed_says_nothing_of_the_next_one():
    failed = batch_in("delivering", posts=1, owner="me").import_finished().given_back("me", 0, may_be_there=False)
    assert failed.delivering_by("me", NOW, GRACES).called_back is False


# (a batch): whether its import is over, an answer was lost, it needs no slot, and Brevo may work on an import of it
SLOTS = [
    (batch_in("staged", posts=0), (False, False, False, False)),
    (batch_in("staged", posts=2), (False, False, False, True)),
    (batch_in("staged", posts=1, sent_again=1), (False, False, False, False)),
    (batch_in("delivering", posts=1), (False, False, False, True)),
    (batch_in("delivered", posts=1), (False, False, False, True)),
    (batch_in("delivered", posts=1, called_back=True), (True, False, True, False)),
    (batch_in("delivered", posts=2, sent_again=1), (False, False, False, True)),
    (batch_in("delivered", posts=2), (False, True, False, True)),
    (batch_in("confirmed", posts=1), (True, False, True, False)),
    (batch_in("confirmed", posts=2), (True, True, False, True)),
    (batch_in("failed", posts=2, sent_again=1), (True, False, True, False)),
    (batch_in("failed", posts=3, sent_again=1), (True, True, False, True)),
    (batch_in("split", posts=0), (True, False, True, False)),
    (batch_in("split", posts=1), (True, True, False, True)),
    (batch_in("split", posts=1, sent_again=1), (True, False, True, False)),
]


@pytest.mark.parametrize(("batch", "says"), SLOTS)
def test_slot_is_needed_while_brevo_may_work_on_an_import_of_the_batch(batch, says):
    assert (batch.is_over, batch.has_lost_import, batch.needs_no_slot, batch.may_be_open) == says


def test_ended_run_says_what_was_sent():
    unsent = run_in("staging").failed(PROBLEM, 0, NOW)
    assert unsent.error.message == "It failed. Nothing was sent."
    sent = run_in("confirming", counts=Counts(contacts_mapped=30, contacts_delivered=20, contacts_confirmed=15))
    assert sent.failed(PROBLEM, 0, NOW).error.message.endswith("Brevo accepted 20 of 30 contacts and confirmed 15.")


def test_posts_without_an_answer_are_said_to_be_sent_perhaps():
    assert run_in("delivering").failed(PROBLEM, 257, NOW).error.message == (
        "It failed. 257 contacts may have been sent: Brevo's answer did not come, or their import failed."
    )
    assert batch_in("delivering").is_unanswered
    assert batch_in("delivering").given_back("me", LIVE, may_be_there=True).is_unanswered
    assert not batch_in("delivering").given_back("me", LIVE, may_be_there=False).is_unanswered
    assert not batch_in("staged", posts=1, sent_again=1).is_unanswered, "its only import has failed"
    assert batch_in("staged", was_in_file=True).may_be_there, "Brevo may have it from the file"
    assert not batch_in("staged").may_be_there and not batch_in("delivered", posts=1).may_be_there


def test_error_that_came_first_is_what_a_run_ends_with():
    stopping = run_in("delivering").stopping(PROBLEM)
    assert stopping.stopping(Problem("other", "Another.", "")) is None
    assert replace(stopping, cancel_requested_by="ana").stopped(0, NOW).error.code == "code"
    assert run_in("staging").stopping(PROBLEM) is None, "nobody posts for it yet: it ends at once"


def state_changes(file):
    """Lines that replace the state of something."""
    for node in ast.walk(ast.parse(file.read_bytes())):
        is_replace = isinstance(node, ast.Call) and getattr(node.func, "id", "") == "replace"
        if is_replace and "state" in [each.arg for each in node.keywords]:
            yield f"{file.relative_to(REPOSITORY)}:{node.lineno}"


def test_no_state_changes_outside_the_files_of_transitions():
    homes = [REPOSITORY / "shared" / name for name in ("runs/state.py", "runs/batch.py", "notices/rows.py")]
    assert all(any(state_changes(home)) for home in homes)
    files = [file for folder in FOLDERS for file in (REPOSITORY / folder).rglob("*.py") if file not in homes]
    assert [where for file in files for where in state_changes(file)] == []
