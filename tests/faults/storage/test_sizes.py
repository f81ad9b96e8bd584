"""Runs near the size limits of Azure Storage, over Azurite."""

import re
from dataclasses import replace

from shared.access import Caller
from shared.administration.running import start_trial
from shared.errors import PermanentError
from shared.runs.batch import Batch
from shared.runs.counts import Counts
from shared.runs.problem import Problem
from shared.runs.state import Run
from shared.runs.status import run_story
from shared.runs.steps.stop import fail
from tests.plain import plain

# Sizes


def test_row_of_a_run_near_the_size_limits_is_written(cloud):
    names = [f"{'n' * 95}{number:05}" for number in range(200)]
    reasons = ("missing_email", "invalid_email", "duplicate_email", "malformed_row", "invalid_encoding")
    run = Run(
        run_id=f"{cloud.export_id}-20261124T050000-abcdef",
        export=cloud.export_id,
        key_setting="A" * 128,
        list_id=2**31 - 1,
        trigger="http",
        started_by="s" * 100,
        snapshot="s" * 30,
        segments=[{"name": name, "files": 99_999, "rows": 999_999_999} for name in names],
        counts=Counts(rows_rejected=dict.fromkeys(reasons, 2**31 - 1), bytes_sent=2**40),
        left_out=["A" * 50] * 100,
        allowance="a" * 500,
        waiting="w" * 100_000,
        error=Problem.of(PermanentError("code", "e" * 100_000, "a" * 100_000)),
    )
    cloud.app.store.start(run)
    read = cloud.run(run.run_id)
    assert (read.segments, read.counts) == (run.segments, run.counts)
    assert read.error is not None
    assert len(read.error.message) == 2000
    batch = Batch(run.run_id, "s1", 1, 10, 8_000_000, note="n" * 100_000)
    cloud.app.store.write_batches([batch])
    cloud.app.store.add_event(run.run_id, "failed", "t" * 100_000)
    fail(cloud.app, run.run_id, PermanentError("code", "e" * 100_000 + ".", "a" * 100_000))
    assert plain(run_story(cloud.app, cloud.run(run.run_id)))["status"] == "failed"


def test_run_with_200_segments_of_long_names_is_told(story):
    names = [f"{'Segment' * 13}{number:03}" for number in range(200)]
    for number, name in enumerate(names):
        story.segment(f"CustomerId,EMail\n{f'C-1,p{number}@example.com' if number < 2 else ''}\n", name, number)
    story.save(segments=names, mapping={"email": "EMail"})
    status = story.run()
    assert status["status"] == "succeeded"
    assert len(status["segments"]) == 200
    assert story.sent() == {"p0@example.com", "p1@example.com"}


def columns_left_out(story, count):
    columns = [f"Column{number}" for number in range(count)]
    story.segment(f"CustomerId,EMail,{','.join(columns)}\nC-1,p1@example.com{',x' * count}\n")
    story.save(mapping={"email": "EMail", "attributes": "all"}, leave_out_missing_attributes=True)
    return story.run()


def test_run_with_190_attributes_left_out_tells_a_hundred_of_them(story):
    status = columns_left_out(story, 190)
    assert status["status"] == "succeeded"
    assert len(story.runs()[0].left_out) == 100
    assert story.sent() == {"p1@example.com"}


def test_run_with_1000_attributes_left_out_is_sent_without_them(story):
    assert columns_left_out(story, 1000)["status"] == "succeeded"
    assert story.sent() == {"p1@example.com"}


def test_run_that_sends_more_than_two_gigabytes_goes_on(story):
    wanted = story.people(5)
    run_id = story.start().run_id

    def much_was_sent(text: str) -> None:
        if '"deliver"' in text:
            much = {"bytes_sent": 2**31 - 10}
            story.app.store.update(run_id, lambda run: replace(run, counts=replace(run.counts, **much)))

    story.on_message = much_was_sent
    story.work(hours=0.2)
    assert story.status(run_id)["status"] == "succeeded"
    assert story.sent() == wanted


# What storage keeps


def test_rejected_row_of_any_length_is_written(story):
    story.save(mapping={"email": "EMail"})
    story.segment("CustomerId,EMail\n" + f"{'C' * 50_000},{'x' * 50_000}\n" * 3)
    status = story.run(accept=True)
    assert [len(row["customer_id"]) for row in story.rejects(status["run_id"])] == [50_000] * 3


def test_trial_of_200_segments_with_gaps_in_their_files_tells_so_many_as_a_row_holds(make_story):
    """No guard stops a trial, so each gap is a note of it."""
    story = make_story(SNAPSHOT_COMPLETE_HOURS="0")  # each look lists all segments
    story.sandbox.seed(lists=[{"name": "Trials", "id": 99}])
    names = [f"{'Segment' * 13}{number:03}" for number in range(200)]
    for number, name in enumerate(names):
        for partition in (1, 12):
            story.segment(f"CustomerId,EMail\nC-{number},p{number}@example.com\n", name, partition)
    story.save(segments=names, mapping={"email": "EMail"})
    caller = Caller("function key", "administrator")
    start = start_trial(story.app, caller, "gold", "http", 99, customers=1)
    story.work(hours=1)
    status = story.status(start.run_id)
    assert (status["status"], len(story.sandbox.members(99))) == ("succeeded", 1), status["error"]
    assert "are numbered with a gap" in status["notes"][0]
    assert re.fullmatch(r"And \d+ more notes\.", status["notes"][-1])
