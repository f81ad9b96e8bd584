"""A flow that tells contacts apart by their customer's id, and the contacts of its account."""

import pytest

from shared.brevo.probed import PROBE
from shared.runs.questions import Question
from shared.storage.tables import Row


@pytest.fixture
def by_customer(flow):
    """A flow that tells contacts apart by their customer's id, in an account that takes EXT_ID as an attribute."""
    flow.change(identify_by="customer_id")
    probed(flow, ext_id="attributes")
    return flow


def probed(flow, **answers):
    flow.app.storage.accounts.put(Row(flow.account, PROBE, answers))


def asks_who_left(flow):
    flow.change_connection(leavers="asked")
    values = Question(seconds=0.01).values()
    flow.app.storage.accounts.put(Row(flow.account, f"left-{flow.list_id}", values))


def rows(*people, previous=False):
    """Lines of `id address [former ids]`."""
    head = "CustomerId,EMail,FirstName" + (",PreviousCustomerId" if previous else "")
    lines = [head]
    for person in people:
        customer, address, *former = person.split()
        lines.append(f"{customer},{address},Name" + (f",{former[0] if former else ''}" if previous else ""))
    return "\n".join([*lines, ""])


def contact(flow, email, ext_id="", **more):
    """A contact of the account and of the list."""
    attributes = {"EXT_ID": ext_id} if ext_id else {}
    flow.sandbox.seed(contacts=[{"email": email, "attributes": attributes, "lists": [flow.list_id], **more}])
    return max(flow.sandbox.account.numbered) if not email else flow.sandbox.account.contacts[email].id


def members(flow):
    """EXT_ID and address of the list's members."""
    return {(values.get("EXT_ID"), email) for email, values in flow.sent().items()}


def state_of(flow, number):
    """EXT_ID, address and block of the contact with this number; None where it was deleted."""
    found = flow.sandbox.account.numbered.get(number)
    if found is None:
        return None
    return flow.sandbox.account.attributes_of(found).get("EXT_ID"), found.email, found.email_blocked
