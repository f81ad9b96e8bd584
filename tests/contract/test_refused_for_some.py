"""Where Brevo refuses a request because of one contact in it, the others are taken out, or put back, all the same."""

import json
from typing import Any

import pytest

from shared.brevo import removal
from shared.brevo.answers import NoneInList, NoneToAdd
from shared.brevo.removal import Removed, add_contacts, removal_bodies, remove_contacts
from shared.errors import PermanentError


class Particular:
    """A session of an account that refuses each request in which one of the `odd` contacts is."""

    def __init__(self, *odd: int, members: int = 150) -> None:
        self.odd, self.members, self.requests = set(odd), set(range(1, members + 1)), 0

    def call(self, kind: str, method: str, path: str, *, body: bytes = b"") -> Any:
        self.requests += 1
        if method == "GET":
            return {"id": 12, "name": "Spring"}
        ids = json.loads(body)["ids"]
        if self.odd.intersection(ids):
            raise PermanentError("brevo_refused", "Brevo refused the request with status 400 (invalid_parameter).")
        is_removal = path.endswith("/remove")
        done = [each for each in ids if (each in self.members) == is_removal]
        if not done:
            raise (NoneInList if is_removal else NoneToAdd)("brevo_none", "Nothing to do.")
        self.members.symmetric_difference_update(done)
        return {"contacts": {"success": done, "failure": [each for each in ids if each not in done]}}


def remove(session, *ids):
    (body,) = removal_bodies("ids", ids)
    return remove_contacts(session, 12, body)


@pytest.mark.parametrize("odd", [(1,), (150,), (77,), (3, 80, 149)])
def test_all_but_those_are_taken_out(odd):
    session = Particular(*odd)
    assert remove(session, *range(1, 151)) == Removed(150 - len(odd), 0, odd)
    assert session.members == set(odd)
    assert session.requests < 20 * 2 * len(odd)


def test_all_but_those_are_put_back():
    session = Particular(5, members=0)
    assert add_contacts(session, 12, range(1, 151)) == [5]
    assert session.members == {*range(1, 151)} - {5}


@pytest.mark.parametrize("count", [1, 2, 5])
def test_few_who_are_all_that_is_left_to_remove_are_not_removed_either(count):
    """The next run of a mirror has those alone whom Brevo would not take out in the run before."""
    odd = tuple(range(1, count + 1))
    session = Particular(*odd)
    assert remove(session, *odd) == Removed(0, 0, odd)
    assert add_contacts(session, 12, odd) == [*odd]


def test_who_was_not_in_the_list_any_more_does_not_count_as_not_removed_beside_a_refused_one():
    session = Particular(77, members=100)
    removed = remove(session, *range(1, 151))
    assert (removed.done, removed.absent, removed.failed) == (99, 50, (77,))


def test_a_request_that_is_refused_with_anyone_in_it_is_an_error_after_a_few_tries():
    session = Particular(*range(1, 151))
    with pytest.raises(PermanentError, match="invalid_parameter"):
        remove(session, *range(1, 151))
    assert session.requests == removal._MOST_REFUSALS + 1
