"""Two segments of an export, and a number without a file in each."""

from datetime import UTC, datetime, timedelta

from shared.config.source import Source
from shared.segments.snapshot import SegmentSnapshot, Snapshot
from shared.staging.completeness import wait_for_files
from tests.flow.gold_file import many
from tests.flow.holding import LATER, approved
from tests.flow.trials import run_trial, with_list


def test_run_with_gaps_in_two_segments_says_so_of_both_before_a_person_approves_it(make_flow):
    flow = make_flow(SNAPSHOT_COMPLETE_HOURS="0")
    flow.change(segments=["Gold", "Silver"])
    for name in ("Gold", "Silver"):
        for partition in (1, 3):
            flow.segment(many(2, first=10 * partition), name=name, partition=partition)
    status = flow.run_is_held("guard_gap_in_files", "Gold/")
    assert "Silver/" in status["held_for"]["message"]


def test_file_that_is_late_is_waited_for_also_where_another_segment_has_an_old_gap():
    now = datetime(2026, 11, 24, 12, tzinfo=UTC)

    def part(name, hours_ago):
        return SegmentSnapshot(name, "2026/11/24/0500", (), None, now - timedelta(hours=hours_ago), gaps=("2",))

    source = Source(container="segments", folder="x")
    late = part("Silver", 0.1)
    alone = Snapshot("id", (late,), late.modified, ())
    assert wait_for_files(source, alone, 6, now.timestamp()) is not None
    both = Snapshot("id", (part("Gold", 7), late), late.modified, ())
    assert wait_for_files(source, both, 6, now.timestamp()) is not None


def test_trial_notes_the_gap_of_an_excluded_segment_since_no_guard_stops_it(make_flow):
    flow = make_flow(SNAPSHOT_COMPLETE_HOURS="0")
    flow.change(exclude={"segments": ["Staff"]})
    with_list(flow, many(2))
    for partition in (1, 3):
        flow.segment(many(2, first=10 * partition), name="Staff", partition=partition)
    assert "there is no number 2" in str(run_trial(flow, customers=2)["notes"])


def test_gap_in_an_excluded_segment_is_shown_beside_one_in_the_exports_own(make_flow):
    flow = make_flow(SNAPSHOT_COMPLETE_HOURS="0")
    flow.change(exclude={"segments": ["Staff"]})
    for name in ("Gold", "Staff"):
        for partition in (1, 3):
            flow.segment(many(2, first=10 * partition), name=name, partition=partition)
    status = flow.run_is_held("guard_gap_in_files", "Gold/")
    assert "Staff/" in status["held_for"]["message"]


def approved_and_held(flow, run_id):
    """Why the run is held again once it is approved."""
    approved(flow, run_id)
    status = flow.finish(run_id)
    assert (status["status"], flow.nothing_was_sent()) == ("held", True)
    return status["held_for"]


def test_gap_that_comes_after_a_run_was_held_is_shown_once_beside_the_one_that_was_approved(make_flow):
    flow = make_flow(SNAPSHOT_COMPLETE_HOURS="0")
    flow.change(exclude={"segments": ["Staff"]})
    for partition in (1, 3):
        flow.segment(many(2, first=10 * partition), partition=partition)
    flow.segment(many(1, first=90), name="Staff")
    run_id = flow.run_is_held("guard_gap_in_files", "Gold/")["run_id"]
    for partition in (1, 3):
        flow.segment(many(1, first=90 + partition), name="Staff", partition=partition, refresh=LATER)
    held_for = approved_and_held(flow, run_id)
    assert (held_for["code"], "Staff/" in held_for["message"]) == ("guard_gap_in_files", True)
    approved(flow, run_id)
    assert flow.finish(run_id)["status"] == "succeeded"
    assert len(flow.sent()) == 4


def test_run_with_more_gaps_than_its_row_takes_sentences_of_is_sent_once_it_is_approved(make_flow):
    flow = make_flow(SNAPSHOT_COMPLETE_HOURS="0")
    names = [f"{'Segment' * 13}{number:02}" for number in range(12)]
    flow.change(segments=names)
    for number, name in enumerate(names):
        for partition in (1, 3):
            flow.segment(many(1, first=10 * number + partition), name=name, partition=partition)
    status = flow.run_is_held("guard_gap_in_files")
    assert len(status["held_for"]["message"]) == 2000
    approved(flow, status["run_id"])
    assert flow.finish(status["run_id"])["status"] == "succeeded"
