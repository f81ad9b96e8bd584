"""Trials of a flow: whom they take, and how they are started."""

import pytest

from shared.access import Caller
from shared.administration.running import start_trial
from shared.errors import ConfigurationError

ADMINISTRATOR = Caller("function key", "administrator")
TRIALS = 99


@pytest.fixture
def trying(flow):
    """A flow with 50 people, at an account with a list for trials."""
    return with_list(flow, people(50))


def with_list(flow, data):
    flow.sandbox.seed(lists=[{"name": "Trials", "id": TRIALS}])
    flow.segment(data)
    return flow


def people(count, first=0):
    lines = "".join(f"C-{n},person{n}@example.com,Name{n}\n" for n in range(first, first + count))
    return f"CustomerId,EMail,FirstName\n{lines}"


def begin(flow, list_id=TRIALS, **how):
    return start_trial(flow.app, ADMINISTRATOR, flow.export_id, "http", list_id, **how)


def run_trial(flow, **how):
    return flow.finish(begin(flow, **how).run_id)


def addresses(*numbers):
    return {f"person{n}@example.com" for n in numbers}


def refusal(act, *arguments, **how):
    with pytest.raises(ConfigurationError) as refused:
        act(*arguments, **how)
    return refused.value.code, f"{refused.value}"
