"""An export whose list follows its segment, day by day."""

import pytest

from shared.brevo.removal import _unchanged
from shared.runs.questions import Question
from shared.runs.status import find_run
from shared.runs.steps.stop import request_cancel
from shared.storage.tables import Row

DAYS = [f"2026/11/{day:02}/0500" for day in range(1, 29)]


@pytest.fixture
def following(flow):
    """A flow whose account writes down a list at once."""
    for prefix in ("list-", "left-"):
        flow.app.storage.accounts.put(Row(flow.account, f"{prefix}{flow.list_id}", Question(seconds=0.01).values()))
    flow.days = iter(DAYS)
    return flow


def refresh(flow, *numbers, **changed):
    """A snapshot of these people; `changed` gives some of them another first name."""
    rows = "".join(f"C-{n},person{n}@example.com,{changed.get(f'c{n}', f'Name{n}')}\n" for n in numbers)
    flow.segment(f"CustomerId,EMail,FirstName\n{rows}", refresh=next(flow.days))


def address(number):
    return f"person{number}@example.com"


def run(flow, **how):
    status = flow.run(**how)
    assert status["status"] == "succeeded", status["error"]
    return status


def counts(status):
    return tuple(status[f"contacts_{name}"] for name in ("new", "changed", "unchanged", "delivered"))


def numbers(flow):
    return {int(email.removeprefix("person").partition("@")[0]) for email in flow.sent()}


def put_by_others(flow, *numbers):
    flow.sandbox.seed(contacts=[{"email": address(n), "lists": [flow.list_id]} for n in numbers])


def take_out(flow, *numbers):
    """A colleague takes these people out of the list."""
    members = flow.sandbox.account.lists[flow.list_id].members
    for n in numbers:
        members.pop(flow.sandbox.account.contacts[address(n)].id)


def brevo_removes_nobody(monkeypatch):
    """Brevo answers each removal that it has not done it."""
    monkeypatch.setattr("shared.brevo.removal._unchanged", lambda session, list_id, verb, kind, values: (values, False))


def brevo_passes_over_the_last(monkeypatch):
    """Brevo removes, or puts back, the others of the contacts that a request names."""

    def unchanged(session, list_id, verb, kind, values):
        if len(values) > 1:
            _unchanged(session, list_id, verb, kind, values[:-1])
        return values[-1:], False

    monkeypatch.setattr("shared.brevo.removal._unchanged", unchanged)


def leave_import(flow, *people):
    """A run of these people is cancelled while Brevo works on its import."""
    flow.sandbox.fail_next("POST /contacts/import", "import-stuck")
    refresh(flow, *people)
    run_id = flow.start().run_id
    flow.work_until(lambda: flow.status(run_id)["status"] == "confirming")
    request_cancel(flow.app, find_run(flow.app, run_id), "tester")
    flow.work_until(lambda: flow.status(run_id)["status"] == "cancelled")
