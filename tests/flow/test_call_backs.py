"""Brevo's call-back at the end of an import: it saves polls, and whatever is wrong with it changes nothing."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from shared.brevo import body
from shared.brevo.client import BrevoClient
from shared.brevo.session import BrevoSession
from shared.errors import TransientError
from shared.runs.status import find_run
from shared.runs.steps import deliver
from shared.runs.steps.dispatch import take_step
from shared.runs.steps.stop import request_cancel
from shared.runs.store import RunStore
from shared.storage.tables import Row
from simulation.storage import MemoryTable
from tests.flow.call_backs import answer_call_back, call_back_at_once
from tests.flow.gold_file import TWO, many, sending


class Receiver:
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


@pytest.fixture
def receiver():
    found = Receiver()
    yield found
    found.server.shutdown()
    found.server.server_close()


@pytest.mark.usefixtures("in_real_time")
def test_call_backs_make_a_few_looks_enough_for_seventeen_imports(make_flow, receiver, monkeypatch):
    monkeypatch.setattr(body, "LARGEST_BODY_BYTES", 18_000)
    flow = make_flow(PUBLIC_URL=receiver.url)
    receiver.app = flow.app
    monkeypatch.setattr("shared.operating.worker._SHORTEST_IDLE_SECONDS", 0.02)
    flow.sandbox.change(notify_delay_seconds=0.2)
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

    def noted(self, run, kind, text):
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


@pytest.mark.parametrize("seconds_late", [0.0, 0.2], ids=["before the answer", "after the answer"])
def test_late_call_back_of_a_post_whose_answer_was_lost_frees_no_slot(make_flow, monkeypatch, seconds_late):
    flow, run_id, call_back = started_with_batches(make_flow, monkeypatch, 2)
    real = BrevoClient.import_contacts
    answers = []

    def import_contacts(self, body):
        process_id = real(self, body)
        posts = len(flow.sandbox.imports.records())
        if posts == 1:
            flow.sandbox.wait_until_idle()
            flow.sandbox.change(seconds_fixed=1.0)
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
                flow.sandbox.change(seconds_fixed=1.0)
                return 524, {}, b"<html>"
            if posts == 2:
                call_back(1)
        return answer

    monkeypatch.setattr(BrevoSession, "_send", send)
    status = flow.finish(run_id, seconds=60)
    assert (status["status"], status["batches"]) == ("succeeded", 2)
    assert len(flow.sandbox.imports.records()) == 3
    assert flow.sandbox.imports.most_open_at_once == 1


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
    flow.work_until(lambda: flow.sandbox.imports.records() and not sending(flow, started))
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


@pytest.mark.parametrize("slots", [1, 20])
def test_call_back_reads_a_few_rows_whatever_the_slots(make_flow, monkeypatch, slots):
    monkeypatch.setattr(body, "LARGEST_BODY_BYTES", 1_200)
    flow = make_flow(PUBLIC_URL="http://127.0.0.1:9")
    flow.change_connection(imports_at_once=slots)
    flow.sandbox.fail_next("POST /contacts/import", "import-stuck", times=100)
    flow.segment(many(700))
    run_id = flow.start().run_id

    def delivered():
        batches = flow.app.store.batches(find_run(flow.app, run_id))
        return sum(batch.state == "delivered" for batch in batches) == slots

    flow.work_until(delivered)
    reads, get = [], MemoryTable.get
    monkeypatch.setattr(MemoryTable, "get", lambda self, *key: reads.append(key) or get(self, *key))
    assert answer_call_back(flow.app, f"/api/imports/{run_id}/1/{find_run(flow.app, run_id).token}") == 204
    assert len(reads) < 10


@pytest.mark.parametrize("lost", [False, True])
def test_lost_answer_does_not_make_the_last_looks_many(make_flow, monkeypatch, lost):
    """With call-backs hundreds of imports may end between two looks: each look shows 50 of them with a call."""
    monkeypatch.setattr(body, "LARGEST_BODY_BYTES", 1_000)
    flow = make_flow(PUBLIC_URL="http://127.0.0.1:9")
    flow.app.storage.accounts.put(Row(flow.account, "learned", {"seconds_per_contact": 60.0}))
    flow.sandbox.change(general_per_hour=100, limit_speedup=36_000)
    flow.segment(many(1_716))
    if lost:
        flow.sandbox.fail_next("POST /contacts/import", "524-after")
    call_back_at_once(flow, monkeypatch)
    begun = flow.app.now()
    assert flow.run()["status"] == "succeeded"
    assert flow.app.now() - begun < 600
