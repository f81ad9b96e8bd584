"""In which file and line a contact stood that Brevo refuses, in a run that sends a part of its segment."""

import pytest

from tests.flow.following import DAYS, address
from tests.flow.one_column import sha


def written(people, changed):
    """The segment: of ten rows one has no address, one none that is right, and one that of the row before."""
    lines = ["CustomerId,EMail,FirstName,LastName,Tel,City"]
    for n in range(people):
        email = {8: "", 9: "nobody", 5: address(n - 1)}.get(n % 10, address(n))
        lines.append(f"C-{n},{email},{'Other' if n in changed else 'Name'}{n},Last{n},07{n:08},City{n}")
    return "\n".join(lines) + "\n"


def wrong_places(flow, monkeypatch, people, changed, refused):
    """Rejected rows of a second day that name another customer than the one whom Brevo has refused."""
    monkeypatch.setattr(
        "local.brevo_sandbox.applying.is_email",
        lambda text: int(text.removeprefix("person").split("@")[0]) not in refused,
    )
    mapping = {"email": "EMail", "first_name": "FirstName", "last_name": "LastName", "phone": "Tel"}
    flow.change(sync_mode="changes_only", mapping={**mapping, "attributes": {"CITY": "City"}})
    flow.segment(written(people, ()), refresh=DAYS[0])
    flow.run()
    flow.segment(written(people, changed), refresh=DAYS[1])
    status = flow.run()
    assert status["contacts_rejected_by_brevo"] == {"brevo_invalid_email": len(refused)}
    rows = [row for row in flow.rejects(status["run_id"]) if row["outcome"] == "rejected_by_brevo"]
    found = {row["email_sha256"]: (row["customer_id"], row["line"]) for row in rows}
    right = {sha(address(n)): (f"C-{n}", str(n + 2)) for n in refused}
    assert found.keys() == right.keys()
    return [(found[each], right[each]) for each in found if found[each] != right[each]]


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("people", [20, 300, pytest.param(20_000, marks=pytest.mark.full)])
def test_refused_contact_of_a_run_of_changes_is_reported_with_its_own_line(following, monkeypatch, people, share):
    changed = {n for n in range(people) if n % 10 < share * 10}
    refused = set(range(1, people, 50 if people > 50 else 10))
    assert wrong_places(following, monkeypatch, people, changed, refused) == []


def test_ledger_of_customers_forgets_those_whom_brevo_has_refused_and_nobody_else(by_customer, monkeypatch):
    flow, refused = by_customer, set(range(101, 300, 10))  # new on the second day
    mapping = {"email": "EMail", "first_name": "FirstName", "last_name": "LastName", "phone": "Tel"}
    flow.change(sync_mode="changes_only", mapping={**mapping, "attributes": {"CITY": "City"}})
    flow.segment(written(100, ()), refresh=DAYS[0])
    flow.run()
    is_email = "local.brevo_sandbox.applying.is_email"
    monkeypatch.setattr(is_email, lambda text: int(text.removeprefix("person").split("@")[0]) not in refused)
    flow.segment(written(300, {n for n in range(300) if n % 10 < 9}), refresh=DAYS[1])
    status = flow.run()
    assert status["contacts_rejected_by_brevo"] == {"brevo_invalid_email": len(refused)}
    assert {address(n) for n in refused}.isdisjoint(flow.sent())
    monkeypatch.setattr(is_email, lambda text: True)  # Brevo takes them by now
    assert flow.run()["contacts_delivered"] == len(refused)
    assert {address(n) for n in refused} <= set(flow.sent()), "they count as confirmed, and are never sent again"
