"""People who leave a list."""

from tests.flow.excluding import address


def leave(flow, *numbers, list_id=0):
    """Lets these people be members of the list that leave it."""
    list_id = list_id or flow.list_id
    flow.sandbox.seed(contacts=[{"email": address(n), "listIds": [list_id]} for n in numbers])
    for number in numbers:
        flow.sandbox.change_contact(address(number), leaves=[list_id])
