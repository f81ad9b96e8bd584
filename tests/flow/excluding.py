"""An export of ten people, and what excludes some of them."""

import pytest

from shared.runs.questions import Question
from shared.storage.tables import Row

EXPORT = "POST /contacts/export"
OTHER = 77


def people(*numbers, domain="example.com"):
    rows = "".join(f"C-{n},Person{n}@{domain},Name{n}\n" for n in numbers)
    return f"CustomerId,EMail,FirstName\n{rows}"


def address(number):
    return f"person{number}@example.com"


def fast(flow, *lists):
    """The account's exports take no time, as an earlier run has seen."""
    for list_id in lists:
        flow.app.storage.accounts.put(Row(flow.account, f"members-{list_id}", Question(seconds=0.01).values()))


@pytest.fixture
def excluding(flow):
    """A flow of ten people; `OTHER` is another list of the account."""
    flow.segment(people(*range(10)))
    flow.sandbox.seed(lists=[{"id": OTHER, "name": "Staff", "folderId": 1}])
    fast(flow, OTHER)
    return flow


def exclude(flow, segments=(), list_ids=()):
    flow.change(exclude={"segments": list(segments), "list_ids": list(list_ids)})


def members(flow, *numbers, list_id=OTHER, **values):
    flow.sandbox.seed(contacts=[{"email": address(n), "lists": [list_id], **values} for n in numbers])


def left_out(flow, status):
    """The customers who were left out as excluded, as the rejected rows have them."""
    assert status["status"] == "succeeded", status["error"]
    rows = flow.rejects(status["run_id"])
    assert {(row["reason"], row["outcome"]) for row in rows} <= {("excluded", "not_sent")}
    found = {row["customer_id"] for row in rows}
    assert status["contacts_left_out"] == ({"excluded": len(rows)} if rows else {})
    assert set(flow.sent()) == {address(n) for n in range(10) if f"C-{n}" not in found}
    return found
