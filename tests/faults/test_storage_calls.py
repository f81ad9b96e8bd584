"""What a small run costs in calls of storage: each is some milliseconds of a worker, and a fraction of a cent."""

from dataclasses import replace

import pytest

from shared.runs.queue import Message
from shared.runs.status import find_run
from shared.runs.steps.deliver import deliver, send_next
from simulation.storage import MemoryTable
from tests.faults.losing import work_until
from tests.memory_line import Line

MOST_CALLS = 64
# To find the ledger, write what it will be, and put that into its place.
MOST_CALLS_OF_THE_LEDGER = 6
MOST_BATCHES_READ = 60
WRITES = ("send", "put", "insert", "replace", "delete", "write")
MOST_READS_OF_ITS_OWN_ROW = 5
# A run of which one contact is sent once more, in a second import.
MOST_CALLS_WITH_A_LAST_IMPORT = 126
# Among them the snapshot is looked for once more, since the run has waited for the answer.
MOST_CALLS_TO_ASK = 18


@pytest.fixture
def calls(monkeypatch):
    """The names of all calls of storage; a read of a row has its key as well."""
    names: list[str] = []
    call, get = Line.call, MemoryTable.get

    def counted(self, name, act):
        names.append(name)
        return call(self, name, act)

    def read(self, partition, key):
        names.append(f"{self.name} {key}")
        return get(self, partition, key)

    monkeypatch.setattr(Line, "call", counted)
    monkeypatch.setattr(MemoryTable, "get", read)
    return names


@pytest.mark.parametrize(("keeps_ledger", "most"), [(False, MOST_CALLS), (True, MOST_CALLS + MOST_CALLS_OF_THE_LEDGER)])
def test_run_of_five_contacts_makes_few_calls_of_storage(story, calls, monkeypatch, keeps_ledger, most):
    """From its start to the moment that it is off the list of open runs; the host reads the queue by itself."""
    if not keeps_ledger:
        monkeypatch.delenv("APP_SECRET")
    story.people(5)
    story.save()
    calls.clear()
    assert story.run()["status"] == "succeeded"
    own = [name for name in of_the_run(calls) if name.startswith("runs run-")]
    assert len(own) <= MOST_READS_OF_ITS_OWN_ROW
    assert reads_and_writes(calls) <= most


def of_the_run(calls):
    return [name for name in calls[: calls.index("runs delete") + 1] if name != "queue delete"]


def reads_and_writes(calls):
    rows = [name for name in of_the_run(calls) if name.endswith((" get", " query", " read", " listing"))]
    return len(rows) + len([name for name in of_the_run(calls) if name.split()[1].split("+")[0] in WRITES])


def test_last_import_costs_about_as_much_as_any_other(story, calls):
    story.sandbox.seed(contacts=[{"email": "owner@example.com", "attributes": {"SMS": "+40722123456"}}])
    story.segment("CustomerId,EMail,Telephone\nC-1,ana@example.com,+40722123456\nC-2,ion@example.com,\n")
    story.save(mapping={"email": "EMail", "phone": "Telephone"})
    calls.clear()
    status = story.run()
    assert (status["status"], status["batches"]) == ("succeeded", 2)
    assert reads_and_writes(calls) <= MOST_CALLS_WITH_A_LAST_IMPORT


def test_asking_who_left_the_list_costs_a_message_and_few_calls_more(story, calls):
    story.people(5)
    counts = []
    for leavers in ("not_asked", "asked"):
        story.connection["leavers"] = leavers
        story.save()
        calls.clear()
        assert story.run()["status"] == "succeeded"
        counts.append(reads_and_writes(calls))
    assert counts[1] - counts[0] <= MOST_CALLS_TO_ASK


def test_delivery_and_call_back_read_a_few_of_a_large_runs_batches(story, monkeypatch):
    """Each batch has both: read whole, they would grow with the square of the rows."""
    read, query = [], MemoryTable.query

    def counted(self, *arguments, **options):
        rows = list(query(self, *arguments, **options))
        read.extend(row.key for row in rows if self.name == "batches")
        return iter(rows)

    story.people(5)
    story.save()
    run_id = story.start().run_id
    work_until(story, lambda run: run.state == "delivering", run_id)
    run = find_run(story.app, run_id)
    [first] = story.app.store.batches(run)
    states = dict.fromkeys(range(2, 300), "confirmed") | dict.fromkeys(range(300, 600), "staged")
    story.app.store.write_batches([replace(first, number=n, state=state, etag=None) for n, state in states.items()])
    monkeypatch.setattr(MemoryTable, "query", counted)
    deliver(story.app, run, Message(run_id, "deliver", batch=1))
    assert story.app.store.batch(run, 1).state == "delivered"
    assert 0 < len(read) <= MOST_BATCHES_READ
    read.clear()
    assert send_next(story.app, run, story.app.store.batch(run, 1))
    assert 0 < len(read) <= MOST_BATCHES_READ
    assert find_run(story.app, run_id).state == "delivering"
