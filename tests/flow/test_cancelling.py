"""A run that is cancelled, at each of its steps."""

import pytest

from shared.brevo import body
from shared.errors import ConfigurationError
from shared.runs.status import find_run
from shared.runs.steps import deliver
from shared.runs.steps.stop import fail, request_cancel
from shared.staging import bodies
from tests.flow.gold_file import TWO, many, sending


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

    monkeypatch.setattr("shared.runs.steps.reading.write_bodies", write_bodies)
    status = flow.finish(started.run_id)
    assert list(status["times"]) == ["queued", "staging", "cancelled"]
    assert flow.nothing_was_sent()


def test_delivering_run_that_is_cancelled_tells_what_brevo_has(flow, monkeypatch):
    monkeypatch.setattr(body, "LARGEST_BODY_BYTES", 20_000)
    flow.segment(many(1_000))
    started = flow.start()
    flow.work_until(lambda: len(flow.sandbox.imports.records()) == 1 and not sending(flow, started))
    request_cancel(flow.app, find_run(flow.app, started.run_id), "ana")
    status = flow.finish(started.run_id)
    sent = sum(record.contacts for record in flow.sandbox.imports.records())
    assert status["status"] == "cancelled"
    assert status["contacts_delivered"] == sent < 1_000
    assert status["error"]["message"].startswith(f"Cancelled by ana. Brevo accepted {sent:,} of 1,000 contacts and ")


def test_confirming_run_that_is_cancelled_tells_what_is_not_confirmed(flow):
    flow.sandbox.fail_next("POST /contacts/import", "import-stuck")
    flow.segment(TWO)
    started = flow.start()
    flow.work_until(lambda: find_run(flow.app, started.run_id).state == "confirming")
    request_cancel(flow.app, find_run(flow.app, started.run_id), "ana")
    status = flow.finish(started.run_id)
    assert (status["status"], status["contacts_delivered"], status["contacts_confirmed"]) == ("cancelled", 2, 0)
    assert "Brevo accepted 2 contacts and confirmed none." in status["error"]["message"]


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


def test_run_that_fails_in_the_moment_of_its_cancelling_is_cancelled_and_its_snapshot_is_settled(flow):
    flow.segment(TWO)
    started = flow.start()
    flow.app.store.update(started.run_id, lambda run: run.cancel_requested("ana"))
    fail(flow.app, started.run_id, ConfigurationError("list_unknown", "Brevo does not say who is in the list."))
    run = find_run(flow.app, started.run_id)
    assert (run.state, run.error.code) == ("cancelled", "cancelled")
    assert flow.app.store.started(flow.export_id).covers(run.snapshot)
    assert run.snapshot
