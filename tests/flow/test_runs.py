"""The states of a run, and what holds between runs, triggers and workers."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from shared.brevo import body
from shared.brevo.client import BrevoClient
from shared.brevo.polling import OpenImport, learn, seconds_per_contact
from shared.brevo.session import BrevoSession
from shared.errors import ConfigurationError, TransientError
from shared.runs.counts import Counts
from shared.runs.graces import Graces
from shared.runs.problem import Problem
from shared.runs.queue import Message, rest_until_due, schedule_confirm
from shared.runs.starting import start_all, start_due, start_for_blob, start_for_segment
from shared.runs.status import find_run
from shared.runs.steps import deliver, stage
from shared.runs.steps.dispatch import abandon, take_step
from shared.runs.steps.stop import request_cancel
from shared.runs.steps.sweep import sweep
from shared.runs.store import RunStore
from shared.segments.snapshot import find_snapshot
from shared.staging import bodies
from shared.storage.tables import Row

HEAD = "CustomerId,EMail,FirstName\n"
TWO = HEAD + "C-1,ana@example.com,Ana\nC-2,ion@example.com,Ion\n"
FIXED_KEYS = {
    "run_id", "export", "status", "trigger", "started_by", "started_at", "finished_at", "snapshot", "segments",
    "rows_read", "rows_merged", "rows_rejected", "warnings", "contacts_mapped", "contacts_delivered",
    "contacts_confirmed", "contacts_rejected_by_brevo", "contacts_removed", "batches", "requests", "bytes_sent",
    "error",
}  # fmt: skip


def many(count, first=0):
    return HEAD + "".join(f"C-{n},p{n}@example.com,P{n}\n" for n in range(first, first + count))


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


# Triggers


def test_timer_runs_a_snapshot_once_and_a_person_again(flow):
    flow.segment(TWO)
    [first] = start_due(flow.app)
    assert first.is_new
    status = flow.finish(first.run_id)
    assert (status["status"], status["trigger"]) == ("succeeded", "timer")
    [second] = start_due(flow.app)
    assert (second.run_id, second.reason) == ("", "There is no new snapshot.")
    assert flow.run()["status"] == "succeeded"
    flow.segment(TWO, refresh="2026/11/24/0600")
    [third] = start_due(flow.app)
    assert third.is_new


def test_timer_waits_until_a_snapshot_has_rested(make_flow):
    flow = make_flow(SNAPSHOT_QUIET_SECONDS="600")
    flow.segment(TWO)
    [start] = start_due(flow.app)
    assert (start.run_id, start.reason) == ("", "The snapshot has not rested long enough yet.")


def test_run_on_demand_waits_out_the_quiet_period_and_says_so(make_flow):
    flow = make_flow(SNAPSHOT_QUIET_SECONDS="3")
    flow.segment(TWO)
    started = flow.start()
    flow.work_until(lambda: find_run(flow.app, started.run_id).waiting)
    assert "it is taken when it has rested" in flow.status(started.run_id)["waiting"]
    status = flow.finish(started.run_id)
    assert (status["status"], status["waiting"]) == ("succeeded", None)


def test_run_with_now_does_not_wait(make_flow):
    flow = make_flow(SNAPSHOT_QUIET_SECONDS="600")
    flow.segment(TWO)
    assert flow.run(skip_quiet=True)["status"] == "succeeded"


@pytest.mark.parametrize("schedule", ["off", {"cron": "0 5 * * *"}])
def test_timer_and_event_leave_an_export_of_another_schedule_alone(flow, schedule):
    flow.segment(TWO)
    flow.change(schedule=schedule)
    assert all(not each.run_id for each in start_due(flow.app))
    assert start_for_segment(flow.app, "Gold") == []


def subject(flow, name):
    return f"/blobServices/default/containers/{flow.container}/blobs/CustomerInsights_abcd1234/BlobExport/{name}"


def test_events_of_a_snapshot_start_one_run(flow):
    flow.segment(TWO, partition=1)
    flow.segment(many(3), partition=2)
    names = [f"Gold/2026/11/24/0500/Gold_{number}.csv" for number in (1, 2, 1)] + ["model.json"]
    starts = [start for name in names for start in start_for_blob(flow.app, subject(flow, name))]
    assert [start.is_new for start in starts] == [True, False, False, False]
    status = flow.finish(starts[0].run_id)
    assert (status["status"], status["trigger"], status["rows_read"]) == ("succeeded", "event", 5)
    [late] = start_for_blob(flow.app, subject(flow, names[0]))
    assert (late.run_id, late.reason) == ("", "This snapshot was exported already.")


def test_event_run_of_a_snapshot_that_was_taken_meanwhile_is_skipped(flow):
    flow.segment(TWO)
    [start] = start_for_blob(flow.app, subject(flow, "Gold/2026/11/24/0500/Gold_1.csv"))
    snapshot = find_snapshot(
        flow.app.storage.segment_blobs, flow.app.ready_export(flow.export_id).export.source, ["Gold"]
    ).id
    flow.app.store.note_snapshot(flow.export_id, snapshot)
    status = flow.finish(start.run_id)
    assert (status["status"], status["error"]["code"]) == ("skipped", "snapshot_known")
    assert flow.nothing_was_sent()


@pytest.mark.parametrize(
    "name",
    ["Silver/2026/11/24/0500/Silver_1.csv", "Gold/Gold_1.csv", "Gold/2026/11/24/0500/Gold_1.parquet", "other.json"],
)
def test_event_of_another_blob_starts_nothing(flow, name):
    flow.segment(TWO)
    assert start_for_blob(flow.app, subject(flow, name)) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/blobServices/default/containers/segments",
        "/blobServices/default/containers/segments/blobs/",
        "https://contoso.blob.core.windows.net/segments/a/Gold/2026/11/24/0500/Gold_1.csv",
    ],
)
def test_event_whose_subject_names_no_blob_starts_nothing(flow, text):
    assert start_for_blob(flow.app, text) == []


def test_event_of_a_segment_with_a_blank_in_its_name_starts_its_export(flow):
    # The subject has the blob's name as it is; only the URL beside it is percent-encoded.
    flow.segment(TWO, name="Gold members")
    flow.change(segments=["Gold members"])
    [start] = start_for_blob(flow.app, subject(flow, "Gold members/2026/11/24/0500/Gold members_1.csv"))
    assert start.is_new


def test_webhook_that_names_a_segment_starts_a_run_as_webhook_and_a_snapshot_once(flow):
    flow.segment(TWO)
    [start] = start_for_segment(flow.app, "Gold")
    status = flow.finish(start.run_id)
    assert (status["trigger"], status["started_by"], status["status"]) == ("webhook", "webhook", "succeeded")
    [again] = start_for_segment(flow.app, "Gold")
    assert again.reason == "This snapshot was exported already."


def test_run_all_starts_what_has_an_active_schedule_and_tells_why_not(flow):
    flow.add_export("off", schedule="off")
    flow.add_export("loose", connection=None)
    flow.segment(TWO)
    starts = {start.export: start for start in start_all(flow.app, "http", "api")}
    assert starts.keys() == {flow.export_id, f"{flow.export_id}-loose"}
    assert starts[flow.export_id].is_new
    assert "is detached" in starts[f"{flow.export_id}-loose"].reason


class _At:
    """A clock that tells a given time, and goes on from there."""

    def __init__(self, text):
        self._offset = datetime.fromisoformat(text).replace(tzinfo=UTC) - datetime.now(UTC)

    def now(self):
        return datetime.now(UTC) + self._offset


def due_at(flow, text):
    object.__setattr__(flow.app.storage, "clock", _At(text))
    [start] = start_due(flow.app)
    if start.run_id:
        flow.app.store.finish(start.run_id, lambda run: run.failed(Problem("x", "x", ""), 0, flow.app.time()))
    return start


def test_cron_export_starts_once_per_due_time_and_once_after_a_miss(flow):
    flow.change(schedule={"cron": "30 5 * * *", "time_zone": "Europe/Bucharest"})
    assert due_at(flow, "2026-03-28T03:00").reason == "The schedule is new; it starts at its next time."
    found = [
        bool(due_at(flow, text).run_id)
        for text in (
            "2026-03-28T03:29",  # not yet 05:30 in Bucharest, which is UTC+2
            "2026-03-28T03:30",  # due
            "2026-03-28T03:35",
            "2026-03-29T02:25",  # UTC+3 from this night on
            "2026-03-29T02:30",  # due
            "2026-03-29T03:30",
            "2026-04-02T09:00",  # nobody looked for days: one run
            "2026-04-02T09:05",
        )
    ]
    assert found == [False, True, False, False, True, False, True, False]


# Cancelling


def test_queued_run_is_cancelled_before_anything_is_read(flow):
    flow.segment(TWO)
    started = flow.start()
    request_cancel(flow.app, find_run(flow.app, started.run_id), "ana")
    status = flow.finish(started.run_id)
    assert (status["status"], status["error"]["message"]) == ("cancelled", "Cancelled by ana. Nothing was sent.")
    assert list(status["times"]) == ["queued", "cancelled"]
    assert flow.nothing_was_sent()
    with pytest.raises(ConfigurationError, match="The run has ended already: cancelled"):
        request_cancel(flow.app, find_run(flow.app, started.run_id), "ana")


def test_staging_run_that_is_cancelled_sends_nothing(flow, monkeypatch):
    flow.segment(TWO)
    started = flow.start()
    real = bodies.write_bodies

    def write_bodies(*arguments, **more):
        for batch in real(*arguments, **more):
            request_cancel(flow.app, find_run(flow.app, started.run_id), "ana")
            assert find_run(flow.app, started.run_id).state == "staging"
            yield batch

    monkeypatch.setattr("shared.runs.steps.stage.write_bodies", write_bodies)
    status = flow.finish(started.run_id)
    assert list(status["times"]) == ["queued", "staging", "cancelled"]
    assert flow.nothing_was_sent()


def test_delivering_run_that_is_cancelled_tells_what_brevo_has(flow, monkeypatch):
    monkeypatch.setattr(body, "LARGEST_BODY_BYTES", 20_000)
    flow.segment(many(1_000))
    started = flow.start()
    flow.work_until(lambda: len(flow.sandbox.imports.records()) == 1 and not _sending(flow, started))
    request_cancel(flow.app, find_run(flow.app, started.run_id), "ana")
    status = flow.finish(started.run_id)
    sent = sum(record.contacts for record in flow.sandbox.imports.records())
    assert status["status"] == "cancelled"
    assert status["contacts_delivered"] == sent < 1_000
    assert status["error"]["message"].startswith(f"Cancelled by ana. Brevo already has {sent:,} of 1,000 contacts (")


def test_confirming_run_that_is_cancelled_tells_what_is_not_confirmed(flow):
    flow.sandbox.fail_next("POST /contacts/import", "import-stuck")
    flow.segment(TWO)
    started = flow.start()
    flow.work_until(lambda: find_run(flow.app, started.run_id).state == "confirming")
    request_cancel(flow.app, find_run(flow.app, started.run_id), "ana")
    status = flow.finish(started.run_id)
    assert (status["status"], status["contacts_delivered"], status["contacts_confirmed"]) == ("cancelled", 2, 0)
    assert "Brevo already has 2 of 2 contacts (2 of them not confirmed)." in status["error"]["message"]


def _sending(flow, started):
    run = find_run(flow.app, started.run_id)
    return any(batch.state == "delivering" for batch in flow.app.store.batches(run))


# The looks at /processes


@pytest.mark.usefixtures("azurite")  # in real time, over a queue that counts whole seconds
def test_waits_between_imports_that_take_a_moment_are_not_rounded_to_whole_seconds(flow, monkeypatch):
    monkeypatch.setattr(body, "LARGEST_BODY_BYTES", 20_000)
    flow.segment(many(1_000))
    assert flow.run()["status"] == "succeeded"
    posts, looks = (
        [entry.at for entry in flow.sandbox.log.entries(route)] for route in ("POST /contacts/import", "GET /processes")
    )
    assert len(posts) == len(looks) > 3
    # The wait learned by then, and not the second that the queue would make of it, or none.
    assert 0.4 < min(look - post for post, look in zip(posts, looks, strict=True)) < 0.95


@pytest.mark.usefixtures("azurite")  # in real time, over a queue that counts whole seconds
def test_message_that_wants_to_rest_for_ever_rests_a_second(flow):
    begun = time.monotonic()
    assert rest_until_due(flow.app, Message("gold-20261124T050000-abcdef", "confirm", due=1e300))
    assert 0.9 < time.monotonic() - begun < 2
    assert not rest_until_due(flow.app, Message("gold-20261124T050000-abcdef", "confirm", due=1.0))


@pytest.mark.usefixtures("azurite")  # in real time, over a queue that counts whole seconds
def test_confirm_message_that_grew_stale_while_it_rested_looks_at_nothing(flow):
    flow.sandbox.fail_next("POST /contacts/import", "import-stuck")
    flow.segment(TWO)
    started = flow.start()
    flow.work_until(lambda: find_run(flow.app, started.run_id).state == "confirming")
    run = find_run(flow.app, started.run_id)
    looks = flow.sandbox.log.count("GET /processes")
    told = {"run": run.run_id, "step": "confirm", "number": run.confirm_number, "due": flow.app.now() + 0.6}
    step = threading.Thread(target=take_step, args=(flow.app, json.dumps(told)))
    step.start()
    time.sleep(0.1)
    schedule_confirm(flow.app, run.run_id, 60)
    step.join()
    assert flow.sandbox.log.count("GET /processes") == looks


def test_how_long_brevo_takes_is_learned_from_large_imports_and_once_a_look(flow):
    def learned(contacts, seconds, polls):
        learn(flow.app.storage.accounts, flow.account, OpenImport(0.5 + seconds, contacts), polls)
        return round(seconds_per_contact(flow.app.storage.accounts, flow.account) * 10_000, 1)

    assert learned(10_000, 60.0, polls=3) == 60.0  # it took more than a look: known
    assert learned(10_000, 60.0, polls=1) == 51.0  # done already: perhaps long before
    assert learned(10_000, 20.0, polls=1) == 20.0
    assert learned(4_999, 20.0, polls=5) == 20.0  # small ones say nothing, neither of slowness
    assert learned(10, 0.1, polls=1) == 20.0  # nor of speed
    assert learned(5_000, 15.0, polls=2) == 30.0

    flow.change_connection(imports_at_once=4)
    flow.segment(many(1_000))
    before = seconds_per_contact(flow.app.storage.accounts, flow.account)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(body, "LARGEST_BODY_BYTES", 20_000)
        learnings = []
        patch.setattr("shared.runs.steps.confirm.learn", lambda *learned: learnings.append(learned))
        assert flow.run()["status"] == "succeeded"
    assert before == seconds_per_contact(flow.app.storage.accounts, flow.account)
    assert len(learnings) == flow.sandbox.log.count("GET /processes") < len(flow.sandbox.imports.records())


# Brevo's rejections


@pytest.mark.parametrize("form", ["url", "urls", "counts"])
def test_contacts_that_brevo_rejects_are_told_with_segment_file_and_line(flow, form):
    flow.sandbox.change(report_form=form)
    flow.change(mapping={"email": "EMail", "phone": "P"}, segments=["Gold", "Silver"])
    flow.sandbox.seed(contacts=[{"email": "owner@example.com", "attributes": {"SMS": "+40722123456"}, "lists": [13]}])
    flow.segment("CustomerId,EMail,P\nC-1,ana@example.com,0733123456\nC-2,ion@example.com,\n")
    flow.segment("CustomerId,EMail,P\nC-3,eva@example.com,\n\nC-4,max@example.com,0722 123 456\n", name="Silver")
    status = flow.run()
    assert status["status"] == "succeeded_with_rejections"
    assert status["contacts_rejected_by_brevo"] == {"brevo_duplicate_phone": 1}
    assert (status["contacts_delivered"], status["contacts_confirmed"]) == (4, 3)
    rows = flow.rejects(status["run_id"])
    if form == "counts":
        assert rows == []
    else:
        [row] = rows
        assert (row["segment"], row["file"], row["line"], row["reason"], row["customer_id"]) == (
            "Silver", "Silver_1.csv", "4", "brevo_duplicate_phone", "C-4",
        )  # fmt: skip
        assert len(row["email_sha256"]) == 64
    assert "example.com" not in str(rows)
    assert "/reports/" not in str(status)


def test_address_that_only_brevo_refuses_is_told_with_its_place(flow, monkeypatch):
    monkeypatch.setattr("local.brevo_sandbox.applying.is_email", lambda text: not text.startswith("refused"))
    flow.segment(
        HEAD + "C-1,ana@example.com,Ana\n" + 'C-2,refused@example.com,"R\n"\n' + "C-3,refused2@example.com,X\n"
    )
    status = flow.run()
    assert status["contacts_rejected_by_brevo"] == {"brevo_invalid_email": 2}
    assert flow.places(status["run_id"]) == [
        ("Gold_1.csv", 3, "brevo_invalid_email"),
        ("Gold_1.csv", 5, "brevo_invalid_email"),
    ]


def test_customer_id_with_a_line_break_moves_no_other_customers_place(flow, monkeypatch):
    monkeypatch.setattr("local.brevo_sandbox.applying.is_email", lambda text: not text.startswith("refused"))
    flow.segment(HEAD + '"C\n1",ana@example.com,Ana\n" C-2 ",refused@example.com,R\n')
    status = flow.run()
    [row] = flow.rejects(status["run_id"])
    assert (row["line"], row["customer_id"]) == ("4", "C-2")


def test_import_that_brevo_fails_twice_fails_the_run(flow):
    flow.sandbox.fail_next("POST /contacts/import", "import-failed", times=2)
    flow.segment(TWO)
    status = flow.run()
    assert (status["status"], status["error"]["code"]) == ("failed", "import_failed")
    assert "process" in status["error"]["message"]
    assert "Brevo already has 2 of 2 contacts" in status["error"]["message"]


def test_import_that_brevo_fails_once_is_sent_again(flow):
    flow.sandbox.fail_next("POST /contacts/import", "import-failed")
    flow.segment(TWO)
    status = flow.run()
    assert status["status"] == "succeeded"
    assert set(flow.sent()) == {"ana@example.com", "ion@example.com"}


def test_staged_body_that_is_gone_fails_the_run_and_is_told(flow):
    flow.segment(TWO)
    started = flow.start()
    take_step(flow.app, f'{{"run": "{started.run_id}", "step": "stage"}}')
    flow.app.storage.app_blobs.delete_below("staged", started.run_id)
    status = flow.finish(started.run_id)
    assert (status["status"], status["error"]["code"]) == ("failed", "body_missing")
    assert "The staged body of batch 1 is gone. Nothing was sent." in status["error"]["message"]
    assert status["error"]["advice"] == "Run the export again."
    assert flow.nothing_was_sent()


# Guards


def test_segment_larger_than_max_profiles_is_not_sent_until_accepted(flow):
    flow.change(max_profiles=2)
    flow.segment(many(3))
    flow.run_fails("guard_max_profiles", "The segment has 3 contacts, more than max_profiles (2).", "--accept")
    assert flow.run(accept=True)["status"] == "succeeded"


def test_segment_of_just_max_profiles_is_sent(flow):
    flow.change(max_profiles=3)
    flow.segment(many(3))
    assert flow.run()["status"] == "succeeded"


def test_segment_with_too_many_rejected_rows_is_not_sent_until_accepted(flow):
    flow.change(max_rejected=0.5)
    flow.segment(many(2) + "C-7,,\nC-8,nobody,\nC-9,\n")
    status = flow.run_fails("guard_max_rejected", "3 of 5 rows are rejected, more than max_rejected (0.5).", "--accept")
    assert len(flow.rejects(status["run_id"])) == 3
    assert status["rows_read"] == 5
    assert flow.run(accept=True)["status"] == "succeeded_with_rejections"


def test_segment_that_shrank_too_much_is_not_sent_until_accepted(flow):
    flow.segment(many(5))
    assert flow.run()["status"] == "succeeded"
    flow.sandbox.reset()
    flow.segment(many(2), refresh="2026/11/24/0600")
    flow.run_fails("guard_max_shrink", "has 2 contacts where the last run had 5", "max_shrink (0.5)", "--accept")
    flow.segment(many(3), refresh="2026/11/24/0700")
    assert flow.run()["status"] == "succeeded"
    flow.segment(many(1), refresh="2026/11/24/0800")
    assert flow.run(accept=True)["status"] == "succeeded"


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


# Call-backs


class _Receiver:
    """Takes the sandbox's call-backs as the app's HTTP trigger does, and notes the answers."""

    def __init__(self):
        self.app = None
        self.answers = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                status = outer.take(self.path)
                outer.answers.append(status)
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def take(self, path):
        return answer_call_back(self.app, path)


def answer_call_back(app, path):
    """The status that the HTTP function gives for a path below /api/imports/."""
    import azure.functions as func

    from export_trigger import entry, run_routes

    prefix, _, rest = path.partition("/api/imports/")
    parts = rest.split("/")
    if prefix or len(parts) != 3:
        return 404
    request = func.HttpRequest(
        "POST", path, route_params=dict(zip(("run", "batch", "token"), parts, strict=True)), body=b""
    )
    real, entry.open_app = entry.open_app, lambda: app
    try:
        return run_routes.import_finished.build().get_user_function()(request).status_code
    finally:
        entry.open_app = real


@pytest.fixture
def receiver():
    found = _Receiver()
    yield found
    found.server.shutdown()
    found.server.server_close()


def test_call_backs_make_a_few_looks_enough_for_seventeen_imports(make_flow, receiver, monkeypatch):
    monkeypatch.setattr(body, "LARGEST_BODY_BYTES", 18_000)
    flow = make_flow(PUBLIC_URL=receiver.url)
    receiver.app = flow.app
    flow.sandbox.change(notify_delay_seconds=0.5)
    # An account whose imports take 13 s: a machine that is busy with other tests is not taken for a late call-back.
    flow.app.storage.accounts.put(Row(flow.account, "learned", {"seconds_per_contact": 0.05}))
    flow.segment(many(17 * 256))
    status = flow.finish(flow.start().run_id, seconds=60)
    assert (status["status"], status["batches"]) == ("succeeded", 17)
    assert set(receiver.answers) <= {204, 404}
    assert receiver.answers.count(204) >= 16
    assert flow.sandbox.log.count("GET /processes") <= 4
    assert flow.sandbox.imports.most_open_at_once == 1


def started_with_batches(make_flow, monkeypatch, count):
    """A run of so many batches that has been started, and what answers Brevo's call-back for one of them."""
    monkeypatch.setattr(body, "LARGEST_BODY_BYTES", 18_000)
    flow = make_flow(PUBLIC_URL="http://127.0.0.1:9")
    flow.segment(many(count * 256))
    run = find_run(flow.app, flow.start().run_id)
    return (
        flow,
        run.run_id,
        lambda number: answer_call_back(flow.app, f"/api/imports/{run.run_id}/{number}/{run.token}"),
    )


def test_call_backs_that_are_faster_than_the_answers_cost_no_looks(make_flow, monkeypatch):
    flow, run_id, call_back = started_with_batches(make_flow, monkeypatch, 6)
    flow.app.storage.accounts.put(Row(flow.account, "learned", {"seconds_per_contact": 0.05}))
    real = BrevoClient.import_contacts

    def import_contacts(self, body):
        process_id = real(self, body)
        flow.sandbox.wait_until_idle()
        number = len(flow.sandbox.imports.records())
        assert call_back(number) == 204
        return process_id

    monkeypatch.setattr(BrevoClient, "import_contacts", import_contacts)
    assert flow.finish(run_id, seconds=60)["batches"] == 6
    assert flow.sandbox.log.count("GET /processes") <= 3


def test_call_back_just_behind_the_answer_brings_a_look_forward_only_for_the_last_batch(make_flow, monkeypatch):
    flow, run_id, call_back = started_with_batches(make_flow, monkeypatch, 3)
    flow.app.storage.accounts.put(Row(flow.account, "learned", {"seconds_per_contact": 0.05}))
    add_event, schedule_confirm_again, delays = RunStore.add_event, deliver.schedule_confirm, []

    def noted(self, run, kind, text=""):
        add_event(self, run, kind, text)
        if kind == "delivered":
            assert call_back(len(flow.sandbox.imports.records())) == 204

    def confirm_in(app, run, delay_seconds, *changed):
        if changed:
            delays.append(delay_seconds)
        schedule_confirm_again(app, run, delay_seconds, *changed)

    monkeypatch.setattr(RunStore, "add_event", noted)
    monkeypatch.setattr(deliver, "schedule_confirm", confirm_in)
    assert flow.finish(run_id, seconds=60)["status"] == "succeeded"
    assert [delay > 1 for delay in delays] == [True, True, False]


@pytest.mark.parametrize("seconds_late", [0.0, 0.5], ids=["before the answer", "after the answer"])
def test_late_call_back_of_a_post_whose_answer_was_lost_frees_no_slot(make_flow, monkeypatch, seconds_late):
    flow, run_id, call_back = started_with_batches(make_flow, monkeypatch, 2)
    real = BrevoClient.import_contacts
    answers = []

    def import_contacts(self, body):
        process_id = real(self, body)
        posts = len(flow.sandbox.imports.records())
        if posts == 1:
            flow.sandbox.wait_until_idle()
            flow.sandbox.change(seconds_fixed=2.0)
            raise TransientError("brevo_down", "The answer was lost.", retry_after_seconds=0)
        if posts == 2:
            timer = threading.Timer(seconds_late, lambda: answers.append(call_back(1)))
            timer.start()
            if not seconds_late:
                timer.join()
        return process_id

    monkeypatch.setattr(BrevoClient, "import_contacts", import_contacts)
    status = flow.finish(run_id, seconds=60)
    assert (status["status"], status["batches"]) == ("succeeded", 2)
    assert answers == [204]
    assert len(flow.sandbox.imports.records()) == 3
    assert flow.sandbox.imports.most_open_at_once == 1


def test_call_back_of_a_repeat_within_one_post_frees_no_slot(make_flow, monkeypatch):
    flow, run_id, call_back = started_with_batches(make_flow, monkeypatch, 2)
    real = BrevoSession._send

    def send(self, method, path, params, body):
        answer = real(self, method, path, params, body)
        if path == "/contacts/import":
            posts = len(flow.sandbox.imports.records())
            if posts == 1:
                flow.sandbox.wait_until_idle()
                flow.sandbox.change(seconds_fixed=2.0)
                return 524, {}, b"<html>"
            if posts == 2:
                call_back(1)
        return answer

    monkeypatch.setattr(BrevoSession, "_send", send)
    status = flow.finish(run_id, seconds=60)
    assert (status["status"], status["batches"]) == ("succeeded", 2)
    assert len(flow.sandbox.imports.records()) == 3
    assert flow.sandbox.imports.most_open_at_once == 1


def test_cancel_between_a_batchs_claim_and_its_post_lets_nothing_out(flow, monkeypatch):
    flow.segment(many(5))
    real = deliver._check_still_open

    def cancel_first(app, run):
        request_cancel(app, run, "ana")
        real(app, run)

    monkeypatch.setattr(deliver, "_check_still_open", cancel_first)
    status = flow.finish(flow.start().run_id, seconds=30)
    assert status["status"] == "cancelled"
    assert status["error"]["message"].endswith("Nothing was sent.")
    assert flow.sandbox.imports.records() == []


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


def test_look_that_is_overtaken_by_another_changes_nothing(flow, monkeypatch):
    flow.segment(many(5))
    started = flow.start()
    real = BrevoClient.processes
    looks = []

    def processes(self, wanted):
        found = real(self, wanted)
        looks.append(found)
        if len(looks) > 1 or any(process.state != "completed" for process in found.values()):
            return found
        run = find_run(flow.app, started.run_id)
        take_step(flow.app, json.dumps({"run": run.run_id, "step": "confirm", "number": run.confirm_number}))
        return {number: replace(process, state="failed") for number, process in found.items()}

    monkeypatch.setattr(BrevoClient, "processes", processes)
    flow.sandbox.change(seconds_fixed=0.0)
    status = flow.finish(started.run_id, seconds=30)
    assert status["status"] == "succeeded"
    assert len(looks) == 2
    (batch,) = flow.app.store.batches(find_run(flow.app, started.run_id))
    assert (batch.state, batch.sent_again) == ("confirmed", 0)


def test_run_without_call_backs_needs_hardly_more_looks_than_imports(flow, monkeypatch):
    monkeypatch.setattr(body, "LARGEST_BODY_BYTES", 18_000)
    flow.segment(many(8 * 256))
    status = flow.finish(flow.start().run_id, seconds=60)
    assert (status["status"], status["batches"]) == ("succeeded", 8)
    assert flow.sandbox.log.count("GET /processes") <= 10


@pytest.mark.parametrize("batch", [0, 99])
def test_call_back_for_a_batch_that_the_run_does_not_have_gets_404(make_flow, batch):
    flow = make_flow(PUBLIC_URL="http://127.0.0.1:9")
    flow.segment(TWO)
    started = flow.start()
    take_step(flow.app, f'{{"run": "{started.run_id}", "step": "stage"}}')
    token = find_run(flow.app, started.run_id).token
    status = answer_call_back(flow.app, f"/api/imports/{started.run_id}/{batch}/{token}")
    request_cancel(flow.app, find_run(flow.app, started.run_id), "tester")
    assert status == 404


def test_call_back_with_anything_wrong_gets_404_and_changes_nothing(make_flow, monkeypatch):
    monkeypatch.setattr(body, "LARGEST_BODY_BYTES", 20_000)
    flow = make_flow(PUBLIC_URL="http://127.0.0.1:9")
    flow.sandbox.fail_next("POST /contacts/import", "import-stuck")
    flow.segment(many(1_000))
    started = flow.start()
    flow.work_until(lambda: flow.sandbox.imports.records() and not _sending(flow, started))
    run = find_run(flow.app, started.run_id)
    before = run, flow.app.store.batches(run)
    wrong = [
        f"{run.run_id}/1/{run.token[:-1]}",
        f"{run.run_id}/1/{run.token}x",
        f"{run.run_id}/1/",
        f"{run.run_id}/-1/{run.token}",
        f"{run.run_id}/one/{run.token}",
        f"{run.run_id}/٣/{run.token}",
        f"{run.run_id}x/1/{run.token}",
        f"nothing-20261124T050000-abcdef/1/{run.token}",
    ]
    assert [answer_call_back(flow.app, f"/api/imports/{path}") for path in wrong] == [404] * len(wrong)
    run = find_run(flow.app, started.run_id)
    assert (run, flow.app.store.batches(run)) == before
    assert answer_call_back(flow.app, f"/api/imports/{run.run_id}/1/{run.token}") == 204
    assert answer_call_back(flow.app, f"/api/imports/{run.run_id}/1/{run.token}") == 204
    flow.work_until(lambda: len(flow.sandbox.imports.records()) == 2)  # the slot is free: the next batch goes out
    request_cancel(flow.app, find_run(flow.app, run.run_id), "tester")
    flow.finish(run.run_id)
    assert answer_call_back(flow.app, f"/api/imports/{run.run_id}/1/{run.token}") == 204


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
