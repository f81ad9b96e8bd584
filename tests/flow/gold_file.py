"""Segment files of the runs' tests, and what they wait for."""

from urllib.parse import urlsplit

from local.brevo_sandbox import file_fetching
from shared.runs.status import find_run
from shared.runs.steps.dispatch import take_step
from shared.storage.failures import NotFound

HEAD = "CustomerId,EMail,FirstName\n"
TWO = HEAD + "C-1,ana@example.com,Ana\nC-2,ion@example.com,Ion\n"


def many(count, first=0):
    return HEAD + "".join(f"C-{n},p{n}@example.com,P{n}\n" for n in range(first, first + count))


def sending(flow, started):
    run = find_run(flow.app, started.run_id)
    return any(batch.state == "delivering" for batch in flow.app.store.batches(run))


def stage_again(flow, run_id):
    """What the postponed message does, without waiting for its time."""
    flow.work_until(lambda: find_run(flow.app, run_id).waiting)
    waiting = find_run(flow.app, run_id).waiting
    assert flow.nothing_was_sent()
    take_step(flow.app, f'{{"run": "{run_id}", "step": "stage"}}')
    return waiting


def read_from_memory(flow, monkeypatch):
    """Lets the sandbox read the files of a flow by file from its storage in memory."""

    def fetched(link, limit):
        container, _, name = urlsplit(link).path.removeprefix("/").partition("/")
        try:
            return flow.app.storage.app_blobs.read(container, name)
        except NotFound:
            raise file_fetching.NotFetched("404") from None

    monkeypatch.setattr(file_fetching, "_fetched", fetched)
