"""Takes contacts out of a list, or puts them back, 150 a request.

A contact itself is never deleted, and a list never emptied at once.
https://developers.brevo.com/reference/remove-contact-from-list,
https://developers.brevo.com/reference/add-contact-to-list (November 2026)
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import batched
from typing import Any, Literal

from shared.brevo.answers import NoneInList, NoneToAdd, NotThere
from shared.brevo.checks import check_list
from shared.brevo.client import BrevoClient
from shared.brevo.models import lacking
from shared.brevo.session import BrevoSession
from shared.errors import PermanentError

Kind = Literal["ids", "extIds", "emails"]
Verb = Literal["add", "remove"]

MOST_A_REQUEST = 150
# Of a few contacts that Brevo will not take, each costs some eight requests to find. With more it is not the contacts.
_MOST_REFUSALS = 40
# Of whom Brevo has done it, and of whom not.
_LISTS = ("success", "failure")
_KINDS = frozenset(("ids", "extIds", "emails"))


@dataclass(frozen=True, slots=True)
class Removed:
    """How many contacts of a body Brevo has removed, and whom it has not.

    `absent` were not in the list any more, or are no contacts: nothing is left to do for them either. Of the `failed`
    Brevo says only that it has not removed them: they may be in the list. `refusal` is what it says of those because of
    whom it refuses requests.
    """

    done: int
    absent: int
    failed: tuple[Any, ...] = ()
    refusal: str = field(default="", compare=False)


def removal_bodies(kind: Kind, values: Iterable[int | str]) -> Iterator[bytes]:
    """Bodies for `remove_contacts`, which name all the contacts: by Brevo's number, EXT_ID or address."""
    for some in batched(values, MOST_A_REQUEST, strict=False):
        yield _body(kind, some)


@dataclass
class _Found:
    """What Brevo has said of the contacts of a body that it has not changed.

    `absent` were as they should be. Of the `left` it does not say whether they were, or it has failed for them. Because
    of the `refused` it has refused whole requests, `refusals` in all, the last one with the words `refusal`.
    """

    absent: list[Any] = field(default_factory=list)
    left: list[Any] = field(default_factory=list)
    refused: list[Any] = field(default_factory=list)
    refusals: int = 0
    refusal: str = ""


def remove_contacts(session: BrevoSession, list_id: int, body: bytes) -> Removed:
    """Removes the contacts that the body names. Safe to repeat, also where the answer was lost.

    Raises ConfigurationError where the account has no such list, ValueError for a body that is none of
    `removal_bodies`, and as `BrevoSession.call` does; PermanentError not because of a few contacts.
    """
    kind, values = _named(body)
    found = _change(session, list_id, "remove", kind, values)
    failed = (*found.left, *found.refused)
    return Removed(len(values) - len(failed) - len(found.absent), len(found.absent), failed, found.refusal)


def add_contacts(session: BrevoSession, list_id: int, numbers: Iterable[int]) -> list[int]:
    """Puts the contacts with these of Brevo's numbers, at most 150, into the list. Who is blocked stays blocked.

    Returns those of whom Brevo does not say that it has: they were in the list, are no contacts, or it has failed. Safe
    to repeat. Raises as `remove_contacts`.
    """
    found = _change(session, list_id, "add", "ids", list(numbers))
    return [*found.absent, *found.left, *found.refused]


def _change(session: BrevoSession, list_id: int, verb: Verb, kind: str, values: list[Any]) -> _Found:
    """Those of the contacts that Brevo does not say it has removed, or added.

    Brevo gives one list for those who were as they should be and those for whom it has failed: only a second request
    tells them apart.
    """
    found = _Found()
    _but_the_refused(session, list_id, verb, kind, values, found)
    if 0 < len(found.left) < len(values):
        left, found.left = found.left, []
        _but_the_refused(session, list_id, verb, kind, left, found)
    if len(found.refused) == len(values):
        check_list(BrevoClient(session), list_id)  # it may be the list that is refused
    return found


def _but_the_refused(
    session: BrevoSession, list_id: int, verb: Verb, kind: str, values: list[Any], found: _Found
) -> None:
    """Asks for it in halves where Brevo refuses all of a request because of some of its contacts.

    Raises PermanentError once there are too many refusals, and where Brevo does not find the list that it shows.
    """
    try:
        left, is_absent = _unchanged(session, list_id, verb, kind, values)
    except NotThere:  # of the list, not of anyone
        raise
    except PermanentError as error:
        found.refusals, found.refusal = found.refusals + 1, error.message
        if found.refusals > _MOST_REFUSALS:
            raise
        if len(values) == 1:
            found.refused += values
            return
    else:
        (found.absent if is_absent else found.left).extend(left)
        return
    for part in batched(values, -(-len(values) // 2), strict=False):
        _but_the_refused(session, list_id, verb, kind, list(part), found)


def _unchanged(session: BrevoSession, list_id: int, verb: Verb, kind: str, values: list[Any]) -> tuple[list[Any], bool]:
    """Those of them that one request does not change; and whether there was nothing to do."""
    path = f"/contacts/lists/{list_id}/contacts/{verb}"
    try:
        lists = _lists(session.call("contacts", "POST", path, body=_body(kind, values)))
    except (NoneInList, NoneToAdd) as error:
        if isinstance(error, NoneToAdd) != (verb == "add"):
            raise
        return values, True
    except NotThere:
        check_list(BrevoClient(session), list_id)
        raise
    if "success" in lists:
        changed = set(map(_text, lists["success"]))
        return [value for value in values if _text(value) not in changed], False
    failed = set(map(_text, lists["failure"]))
    return [value for value in values if _text(value) in failed], False


def _lists(answer: Any) -> dict[str, list[Any]]:
    """Those of the two lists that the answer has. The vendor's description has them in `contacts`, its examples not.

    Raises TransientError where it has none: what it has done shows when it is asked again.
    """
    document = answer if isinstance(answer, dict) else {}
    inner = document.get("contacts")
    named = inner if isinstance(inner, dict) else document
    found = {name: named[name] for name in _LISTS if isinstance(named.get(name), list)}
    if not found:
        raise lacking(", ".join(_LISTS))
    return found


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
