"""The log lines that alerts and queries read."""

import logging

from shared.errors import TransientError

TWO = "CustomerId,EMail,FirstName\nC-1,ana@example.com,Ana\nC-2,,Ion\n"


def test_end_of_a_run_is_logged_once_with_its_counts_and_nobodys_address(flow, caplog):
    flow.segment(TWO)
    with caplog.at_level(logging.INFO, logger="shared.runs"):
        status = flow.run()
    # A run that another test left open may end in the same queue, so only this run's lines count.
    ended = f"run ended: run={status['run_id']} "
    lines = [record.getMessage() for record in caplog.records if record.getMessage().startswith(ended)]
    assert lines == [
        f"{ended}export={flow.export_id} state=succeeded_with_rejections code=none"
        " rows_read=2 rows_rejected=1 delivered=1 confirmed=1 rejected_by_brevo=0"
    ]
    assert "example.com" not in caplog.text


def test_run_that_fails_is_logged_with_its_code(flow, caplog):
    flow.segment("CustomerId,Wrong\nC-1,x\n")
    with caplog.at_level(logging.INFO, logger="shared.runs"):
        status = flow.run()
    assert status["status"] == "failed"
    assert f"state=failed code={status['error']['code']} " in caplog.text


def test_step_that_is_put_off_is_logged_with_its_reason(flow, caplog, monkeypatch):
    flow.segment(TWO)

    def throttled(*_):
        raise TransientError("brevo_throttled", "Slow down.", retry_after_seconds=0)

    monkeypatch.setattr("shared.runs.steps.stage.own_snapshot", throttled)
    with caplog.at_level(logging.INFO, logger="shared.runs"):
        started = flow.start()
        from shared.runs.steps.dispatch import take_step

        take_step(flow.app, f'{{"run": "{started.run_id}", "step": "stage"}}')
    assert f"step waits: run={started.run_id} step=stage code=brevo_throttled seconds=0" in caplog.text
