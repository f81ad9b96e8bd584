"""A run by an event that fails before it takes its snapshot: it is a try as any other."""

from shared.runs.starting import start_due, start_for_blob
from tests.flow.gold_file import TWO


def subject(flow):
    path = "CustomerInsights_abcd1234/BlobExport/Gold/2026/11/24/0500/Gold_1.csv"
    return f"/blobServices/default/containers/{flow.container}/blobs/{path}"


def test_run_by_an_event_that_fails_before_it_takes_its_snapshot_is_tried_again_after_the_pause(flow):
    flow.segment(TWO)
    flow.change(exclude={"segments": ["Staff"]})
    [first] = start_for_blob(flow.app, subject(flow))
    status = flow.finish(first.run_id)
    assert status["error"]["code"] == "exclude_missing"
    assert "It is tried again by itself after" in status["error"]["advice"]
    [again] = start_for_blob(flow.app, subject(flow))
    assert not again.is_new, "an event that comes twice starts another run at once"
    [timer] = start_due(flow.app)
    assert not timer.is_new, "the timer starts another run at once"
