"""The states of a run, its guards, its slots, and what drives it on."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shared.administration.previewing import preview_of
from shared.brevo import body
from shared.runs.counts import Counts
from shared.runs.graces import Graces
from shared.runs.status import find_run
from shared.runs.steps import stage
from shared.runs.steps.dispatch import abandon, take_step
from shared.runs.steps.sweep import sweep
from tests.flow.gold_file import HEAD, TWO, many

FIXED_KEYS = {
    "run_id", "export", "status", "trigger", "started_by", "started_at", "finished_at", "snapshot", "segments",
    "rows_read", "rows_merged", "rows_filtered", "rows_rejected", "warnings", "contacts_mapped", "contacts_delivered",
    "contacts_confirmed", "contacts_rejected_by_brevo", "contacts_removed", "batches", "requests", "bytes_sent",
    "error",
}  # fmt: skip


# States


def test_run_takes_its_states_in_order_and_tells_the_whole_story(flow):
    flow.segment(HEAD + "C-1,ana@example.com,Ana\nC-2,,Ion\n")
    status = flow.run()
    assert status["status"] == "succeeded_with_rejections"
    assert list(status["times"]) == ["queued", "staging", "delivering", "confirming", "succeeded_with_rejections"]
    stamps = [datetime.fromisoformat(stamp) for stamp in status["times"].values()]
    assert stamps == sorted(stamps)
    assert all(stamp.tzinfo is not None and abs(datetime.now(UTC) - stamp) < timedelta(minutes=2) for stamp in stamps)
    assert status.keys() >= FIXED_KEYS
    assert (status["started_at"], status["finished_at"]) == (
        status["times"]["queued"],
        status["times"]["succeeded_with_rejections"],
    )
    assert status["segments"] == [{"name": "Gold", "files": 1, "rows": 2}]
    assert (status["trigger"], status["started_by"], status["export"]) == ("terminal", "tester", flow.export_id)
    assert [event["kind"] for event in status["story"]] == ["queued", "delivered", "confirmed", status["status"]]
    assert (status["batches"], status["contacts_confirmed"], status["contacts_removed"]) == (1, 1, 0)
    assert status["allowance"].startswith("subscription: 40,000")


def test_story_shows_the_newest_events_of_a_long_run_and_in_order(flow):
    flow.segment(TWO)
    run_id = flow.start().run_id
    for number in range(300):
        flow.app.store.add_event(run_id, "waiting", f"Turn {number}.")
    status = flow.finish(run_id)
    kinds = [event["kind"] for event in status["story"]]
    assert (len(kinds), kinds[-3:]) == (202, ["delivered", "confirmed", "succeeded"])
    assert [event["text"] for event in status["story"][:3]] == ["Started in a terminal.", "Turn 102.", "Turn 103."]


def test_final_run_leaves_no_staged_body_no_slot_and_no_open_run(flow):
    flow.segment(TWO)
    status = flow.run()
    assert flow.app.storage.app_blobs.listing_if_there("staged", status["run_id"]) == []
    assert not list(flow.app.storage.accounts.query(flow.account, "slot-", "slot."))
    assert status["run_id"] not in [run_id for run_id, _ in flow.app.store.open_runs()]
    assert flow.app.store.active(flow.export_id) is None


def test_export_has_one_active_run(flow):
    flow.segment(TWO)
    with ThreadPoolExecutor(4) as pool:
        starts = [pool.submit(flow.start) for _ in range(4)]
    found = [each.result() for each in starts]
    assert sum(each.is_new for each in found) == 1
    assert len({each.run_id for each in found}) == 1
    assert {each.reason for each in found if not each.is_new} == {"A run of this export is active already."}
    flow.finish(found[0].run_id)
    assert flow.start().is_new


# Guards


def test_segment_larger_than_max_profiles_is_not_sent_until_accepted(flow):
    flow.change(max_profiles=2)
    flow.segment(many(3))
    flow.run_is_held("guard_max_profiles", "The segment has 3 contacts, more than max_profiles (2).", "approve the run")
    assert flow.run(accept=True)["status"] == "succeeded"


def test_segment_of_just_max_profiles_is_sent(flow):
    flow.change(max_profiles=3)
    flow.segment(many(3))
    assert flow.run()["status"] == "succeeded"


def test_segment_with_too_many_rejected_rows_is_not_sent_until_accepted(flow):
    flow.change(max_rejected=0.5)
    flow.segment(many(2) + "C-7,,\nC-8,nobody,\nC-9,\n")
    status = flow.run_is_held(
        "guard_max_rejected", "3 of 5 rows are rejected, more than max_rejected (0.5).", "approve the run"
    )
    assert len(flow.rejects(status["run_id"])) == 3
    assert status["rows_read"] == 5
    assert flow.run(accept=True)["status"] == "succeeded_with_rejections"


def test_segment_that_shrank_too_much_is_not_sent_until_accepted(flow):
    flow.segment(many(5))
    assert flow.run()["status"] == "succeeded"
    flow.sandbox.reset()
    flow.segment(many(2), refresh="2026/11/24/0600")
    [note] = preview_of(flow.app, flow.app.ready_export(flow.export_id)).notes
    assert note.startswith("A run would be held: The segment has 2 contacts where the last run had 5")
    flow.run_is_held(
        "guard_max_shrink", "where the last run had 5: it has lost 60 %", "max_shrink lets 50 % pass", "approve the run"
    )
    flow.segment(many(3), refresh="2026/11/24/0700")
    assert flow.run()["status"] == "succeeded"
    flow.segment(many(1), refresh="2026/11/24/0800")
    assert flow.run(accept=True)["status"] == "succeeded"


def test_column_that_is_suddenly_empty_for_all_erases_nothing_until_accepted(flow):
    attributes = {"CITY": "City", "LIFETIME_VALUE": {"field": "Worth", "type": "number"}, "LASTNAME": "Last"}
    flow.change(
        mapping={"email": "EMail", "phone": "Phone", "attributes": attributes}, erase_empty=True, default_country="RO"
    )
    head = "EMail,Phone,City,Worth,Last\n"
    flow.segment(f"{head}ana@example.com,0722123456,Cluj,7,\nion@example.com,,Iasi,x,\n")
    assert flow.run()["status"] == "succeeded", "an export whose column is empty from the first on is no surprise"
    before = flow.sent()
    flow.segment(f"{head}ana@example.com,,,,\nion@example.com,,NULL,x,\n", refresh="2026/11/24/0600")
    status = flow.run()
    assert (status["status"], status["held_for"]["code"]) == ("held", "guard_emptied")
    assert "CITY (100.0%, now 0.0%), SMS (50.0%, now 0.0%)" in status["held_for"]["message"]
    assert "approve the run" in status["held_for"]["advice"]
    assert flow.sent() == before
    assert flow.run(accept=True)["status"] == "succeeded"
    assert flow.sent()["ana@example.com"] == {}
    flow.segment(f"{head}ana@example.com,,,9,\nion@example.com,,,,\n", refresh="2026/11/24/0700")
    assert flow.run()["status"] == "succeeded", "what was accepted once is how it is now"


def test_column_that_is_suddenly_empty_is_no_fault_where_nothing_is_erased(flow):
    flow.segment("EMail,FirstName\nana@example.com,Ana\n")
    flow.run()
    flow.segment("EMail,FirstName\nana@example.com,\n", refresh="2026/11/24/0600")
    assert flow.run()["status"] == "succeeded"


def test_column_is_empty_for_all_only_where_it_is_in_every_chunk_and_file(flow):
    flow.change(erase_empty=True)
    flow.segment("EMail,FirstName\nana@example.com,Ana\n")
    flow.run()
    flow.segment("EMail,FirstName\nana@example.com,\n", refresh="2026/11/24/0600")
    flow.segment("FirstName,EMail\nIon,ion@example.com\n", refresh="2026/11/24/0600", partition=2)
    assert flow.run()["status"] == "succeeded"


def test_batches_after_one_that_brevo_mostly_rejects_are_not_sent(flow, monkeypatch):
    monkeypatch.setattr(body, "LARGEST_BODY_BYTES", 20_000)
    monkeypatch.setattr("local.brevo_sandbox.applying.is_email", lambda text: False)
    flow.change(max_rejected=0.5)
    flow.segment(many(1_000))
    status = flow.run()
    assert (status["status"], status["error"]["code"]) == ("failed", "guard_rejected_by_brevo")
    assert len(flow.sandbox.imports.records()) == 1
    assert status["contacts_rejected_by_brevo"]["brevo_invalid_email"] == status["contacts_delivered"]


# Slots


@pytest.mark.usefixtures("in_real_time")
def test_no_more_imports_are_open_at_once_than_the_connection_allows_over_two_exports(flow, monkeypatch):
    monkeypatch.setattr(body, "LARGEST_BODY_BYTES", 20_000)
    flow.sandbox.change(parallel_imports=4, seconds_fixed=0.2)
    flow.change_connection(imports_at_once=2)
    flow.segment(many(1_000))
    other = flow.add_export("two", list_id=13)
    starts = [flow.start(), flow.start(other)]
    workers = [
        threading.Thread(
            target=lambda: flow.work_until(lambda: all(find_run(flow.app, s.run_id).is_final for s in starts), 60)
        )
        for _ in range(3)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [flow.finish(start.run_id)["status"] for start in starts] == ["succeeded", "succeeded"]
    assert flow.sandbox.imports.most_open_at_once == 2


def test_worker_that_lost_its_claim_writes_nothing_over_the_others_counts(flow, monkeypatch):
    flow.segment(many(5))
    started = flow.start()
    real = stage._commit

    def overtaken(*arguments):
        theirs = {"owner": "another", "snapshot": "theirs", "counts": Counts(rows_read=7)}
        flow.app.store.update(started.run_id, lambda now: replace(now, **theirs))
        return real(*arguments)

    monkeypatch.setattr(stage, "_commit", overtaken)
    take_step(flow.app, json.dumps({"run": started.run_id, "step": "stage"}))
    run = find_run(flow.app, started.run_id)
    assert (run.owner, run.snapshot, run.counts.rows_read, run.state) == ("another", "theirs", 7, "staging")


# What drives a run


def test_run_that_lost_its_message_is_driven_on_by_the_sweep(flow):
    flow.segment(TWO)
    started = flow.start()
    while received := flow.app.storage.queue.receive(60):
        flow.app.storage.queue.delete(received)
    assert started.run_id not in sweep(flow.app)
    flow.app.store.update(started.run_id, lambda run: replace(run, stalled_after=time.time() - 1))
    assert started.run_id in sweep(flow.app)
    status = flow.finish(started.run_id)
    assert status["status"] == "succeeded"
    assert "driven_on" in [event["kind"] for event in status["story"]]


def test_run_whose_instance_is_lost_with_its_message_goes_on_by_its_watch_message(flow):
    flow.app = replace(flow.app, graces=Graces().scaled(0.02))  # stalled after 3.6 s instead of 3 minutes
    flow.segment(TWO)
    started = flow.start()
    while (lost := flow.app.storage.queue.receive(600)) and started.run_id not in lost.text:
        flow.app.storage.queue.delete(lost)  # another test's
    assert lost is not None
    assert '"stage"' in lost.text
    status = flow.finish(started.run_id)
    assert status["status"] == "succeeded"
    assert [event["kind"] for event in status["story"]].count("driven_on") == 1
    assert len(flow.sandbox.imports.records()) == 1


def test_every_step_may_run_twice_and_sends_once(flow):
    flow.segment(TWO)
    started = flow.start()
    for step in ("stage", "stage", "deliver", "deliver", "confirm", "stage"):
        take_step(flow.app, f'{{"run": "{started.run_id}", "step": "{step}", "batch": 1}}')
    assert flow.finish(started.run_id)["status"] == "succeeded"
    assert len(flow.sandbox.imports.records()) == 1
    take_step(flow.app, f'{{"run": "{started.run_id}", "step": "stage"}}')
    take_step(flow.app, f'{{"run": "{started.run_id}", "step": "deliver", "batch": 1}}')
    assert len(flow.sandbox.imports.records()) == 1


@pytest.mark.parametrize(
    "text", ["", "hello", "{}", "[]", '{"run": "x", "step": "stage"}', '{"run": 7, "step": "go"}', "\x00"]
)
def test_message_that_is_not_ours_is_dropped_without_a_word_of_it(flow, text, caplog):
    take_step(flow.app, text)
    abandon(flow.app, text)
    assert "is not one of ours" in caplog.text or "names no run" in caplog.text


def test_message_of_a_run_that_is_not_there_is_dropped(flow):
    take_step(flow.app, f'{{"run": "{flow.export_id}-20261124T050000-abcdef", "step": "stage"}}')


def test_run_whose_step_keeps_failing_is_ended_with_advice(flow):
    flow.segment(TWO)
    started = flow.start()
    flow.app.store.update(started.run_id, lambda run: replace(run, faults=10))
    abandon(flow.app, f'{{"run": "{started.run_id}", "step": "stage"}}')
    status = flow.finish(started.run_id)
    assert (status["status"], status["error"]["code"]) == ("failed", "step_kept_failing")
    assert "Nothing was sent." in status["error"]["message"]
