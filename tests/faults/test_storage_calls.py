"""What a small run costs in calls of storage: each is some milliseconds of a worker, and a fraction of a cent."""

import pytest

from simulation.storage import MemoryTable
from tests.memory_line import Line

MOST_CALLS = 63
# To find the ledger, write what it will be, and put that into its place.
MOST_CALLS_OF_THE_LEDGER = 6
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
