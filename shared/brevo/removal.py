"""Takes contacts out of a list, or puts them back, 150 a request.

A contact itself is never deleted, and a list never emptied at once.
https://developers.brevo.com/reference/remove-contact-from-list,
https://developers.brevo.com/reference/add-contact-to-list (November 2026)
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import batched
from typing import Any, Literal

from shared.brevo.answers import NoneInList, NoneToAdd, NotThere
from shared.brevo.checks import check_list
from shared.brevo.client import BrevoClient
from shared.brevo.session import BrevoSession
from shared.errors import PermanentError

Kind = Literal["ids", "extIds", "emails"]
Verb = Literal["add", "remove"]

MOST_A_REQUEST = 150
# Of a few contacts that Brevo will not take, each costs some eight requests to find. With more it is not the contacts.
_MOST_REFUSALS = 40
_KINDS = frozenset(("ids", "extIds", "emails"))


@dataclass(frozen=True, slots=True)
class Removed:
    """How many contacts of a body Brevo has removed, and whom it has not.

    `absent` were not in the list any more, or are no contacts: nothing is left to do for them either. Of the `failed`
    Brevo says only that it has not removed them: they may be in the list.
    """

    done: int
    absent: int
    failed: tuple[Any, ...] = ()


def removal_bodies(kind: Kind, values: Iterable[int | str]) -> Iterator[bytes]:
    """Bodies for `remove_contacts`, which name all the contacts: by Brevo's number, EXT_ID or address."""
    for some in batched(values, MOST_A_REQUEST, strict=False):
        yield _body(kind, some)


def remove_contacts(session: BrevoSession, list_id: int, body: bytes) -> Removed:
    """Removes the contacts that the body names. Safe to repeat, also where the answer was lost.

    Raises ConfigurationError where the account has no such list, ValueError for a body that is none of
    `removal_bodies`, and as `BrevoSession.call` does.
    """
    kind, values = _named(body)
    left, is_absent = _change(session, list_id, "remove", kind, values)
    done = len(values) - len(left)
    return Removed(done, len(left)) if is_absent else Removed(done, 0, tuple(left))


def add_contacts(session: BrevoSession, list_id: int, numbers: Iterable[int]) -> list[int]:
    """Puts the contacts with these of Brevo's numbers, at most 150, into the list. Who is blocked stays blocked.

    Returns those of whom Brevo does not say that it has: they were in the list, are no contacts, or it has failed. Safe
    to repeat. Raises as `remove_contacts`.
    """
    return _change(session, list_id, "add", "ids", list(numbers))[0]


def _change(session: BrevoSession, list_id: int, verb: Verb, kind: str, values: list[Any]) -> tuple[list[Any], bool]:
    """Those of the contacts that Brevo does not say it has removed, or added; and whether there was nothing to do.

    Brevo gives one list for those who were as they should be and those for whom it has failed: only a second request
    tells them apart.
    """
    left, is_done = _but_the_refused(session, list_id, verb, kind, values, [])
    if not 0 < len(left) < len(values):
        return left, is_done
    with suppress(PermanentError):  # those of them that it refuses are left
        return _but_the_refused(session, list_id, verb, kind, left, [])
    return left, False


def _but_the_refused(
    session: BrevoSession, list_id: int, verb: Verb, kind: str, values: list[Any], refusals: list[PermanentError]
) -> tuple[list[Any], bool]:
    """The same, for the others, where Brevo refuses all of a request because of some of its contacts.

    Raises PermanentError where it refuses each of them, and once there are too many `refusals`.
    """
    try:
        return _unchanged(session, list_id, verb, kind, values)
    except PermanentError as error:
        refusals.append(error)
        if len(values) == 1 or len(refusals) > _MOST_REFUSALS:
            raise
    left, refused = list[Any](), list[Any]()
    for part in batched(values, -(-len(values) // 2), strict=False):
        try:
            left += _but_the_refused(session, list_id, verb, kind, list(part), refusals)[0]
        except PermanentError:
            refused += part
            if len(refused) == len(values) or len(refusals) > _MOST_REFUSALS:
                raise
    return left + refused, False


def _unchanged(session: BrevoSession, list_id: int, verb: Verb, kind: str, values: list[Any]) -> tuple[list[Any], bool]:
    """The same by one request."""
    path = f"/contacts/lists/{list_id}/contacts/{verb}"
    try:
        answer = session.call("contacts", "POST", path, body=_body(kind, values))
    except (NoneInList, NoneToAdd) as error:
        if isinstance(error, NoneToAdd) != (verb == "add"):
            raise
        return values, True
    except NotThere:
        check_list(BrevoClient(session), list_id)
        raise
    lists = _contacts(answer)
    if (removed := _texts(lists.get("success"))) is not None:
        return [value for value in values if _text(value) not in removed], False
    # 201 without a list of whom: all but those in the other one.
    failed = _texts(lists.get("failure")) or set()
    return [value for value in values if _text(value) in failed], False


def _contacts(answer: Any) -> dict[str, Any]:
    """The object with the two lists. The vendor's description has it below `contacts`, its examples do not."""
    document = answer if isinstance(answer, dict) else {}
    inner = document.get("contacts")
    return inner if isinstance(inner, dict) else document


def _texts(values: Any) -> set[str] | None:
    return set(map(_text, values)) if isinstance(values, list) else None


def _text(value: Any) -> str:
    """How a value is compared: Brevo may write numbers as texts, and addresses in lower case."""
    text = str(value)
    return text.lower() if "@" in text else text


def _body(kind: str, values: Iterable[int | str]) -> bytes:
    return json.dumps({kind: list(values)}, ensure_ascii=False, separators=(",", ":")).encode()


def _named(body: bytes) -> tuple[str, list[Any]]:
    document = json.loads(body)
    if isinstance(document, dict) and len(document) == 1 and document.keys() <= _KINDS:
        ((kind, values),) = document.items()
        if isinstance(values, list) and 1 <= len(values) <= MOST_A_REQUEST:
            return kind, values
    raise ValueError("a removal's body names 1 to 150 contacts of one kind")
