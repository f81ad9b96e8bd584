"""What a small run costs in calls of storage: each is some milliseconds of a worker, and a fraction of a cent."""

import pytest

from simulation.storage import MemoryTable
from tests.memory_line import Line

MOST_CALLS = 63
WRITES = ("send", "put", "insert", "replace", "delete", "write")
MOST_READS_OF_ITS_OWN_ROW = 5


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


def test_run_of_five_contacts_makes_few_calls_of_storage(story, calls):
    """From its start to the moment that it is off the list of open runs; the host reads the queue by itself."""
    story.people(5)
    story.save()
    calls.clear()
    assert story.run()["status"] == "succeeded"
    run = [name for name in calls[: calls.index("runs delete") + 1] if name != "queue delete"]
    own = [name for name in run if name.startswith("runs run-")]
    rows = [name for name in run if name.endswith((" get", " query", " read", " listing"))]
    writes = [name for name in run if name.split()[1].split("+")[0] in WRITES]
    assert len(own) <= MOST_READS_OF_ITS_OWN_ROW
    assert len(rows) + len(writes) <= MOST_CALLS
