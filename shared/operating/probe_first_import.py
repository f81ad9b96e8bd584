"""What a probe asks with a first import, and in which answers what it did shows.

Each question puts into the import what it needs (`prepare`), and reads from the contacts what became of that (`read`).
The contacts are numbered: 1 has JSON's false, 2 the word No; 1 to 3 a date each; 2 and 3 an EXT_ID; 5 owns a phone
number and 6 claims it. Number 4 gets its address in the second import.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from shared.brevo.single_contacts import SingleContact, create_single, find_single
from shared.errors import PermanentError
from shared.operating.probe_bench import Bench
from shared.operating.probe_contacts import MARK, is_own

FIRST = (1, 2, 3, 5, 6)
_DATES = {"YYYY-MM-DD": "2001-12-25", "DD-MM-YYYY": "25-12-2001", "MM-DD-YYYY": "12-25-2001"}
# Numbers for fiction, which no telephone has, and of valid form, since Brevo checks that: of each area code of North
# America, 555-0100 to 555-0199. https://www.nanpa.com
_NUMBERS = [f"+120255501{last:02}" for last in range(60, 80)]
_FALSE = (False, "false", "no", "0", 0)

Found = Mapping[int, SingleContact | None]


@dataclass(frozen=True, slots=True)
class Question:
    """A question of the first import. `made` gives the attributes with which a contact is made before it."""

    made: Callable[[Bench], Mapping[int, dict[str, Any]]]
    prepare: Callable[[Bench], None]
    read: Callable[[Bench, Found], dict[str, Any]]


def ask_first(bench: Bench) -> dict[str, Any]:
    """Makes the contacts one by one, imports them, and reads what became of them. Raises as Brevo's calls do."""
    made: dict[int, dict[str, Any]] = {number: {bench.mark: MARK} for number in FIRST}
    for question in QUESTIONS:
        for number, attributes in question.made(bench).items():
            made[number] |= attributes
    for number, attributes in made.items():
        _make(bench, number, attributes)
        bench.add(number)
    for question in QUESTIONS:
        question.prepare(bench)
    bench.import_rows()
    found = {number: bench.find(number) for number in FIRST}
    answers: dict[str, Any] = {}
    for question in QUESTIONS:
        answers |= question.read(bench, found)
    return answers


def _make(bench: Bench, number: int, attributes: dict[str, Any]) -> None:
    try:
        create_single(bench.session, bench.email(number), attributes)
    except PermanentError:
        # Refused also where the answer to an earlier try was lost: then the contact is there, with the mark.
        contact = bench.find(number)
        if contact is not None and is_own(contact):
            return
        if contact is not None or "SMS" not in attributes:
            raise
        bench.number = ""  # what Brevo does not take of a contact alone says nothing of two
        _make(bench, number, {name: value for name, value in attributes.items() if name != "SMS"})


def _nothing(_: Bench) -> dict[int, dict[str, Any]]:
    return {}


# Is false kept?


def _with_true(bench: Bench) -> dict[int, dict[str, Any]]:
    name = bench.attribute("boolean")
    return {1: {name: True}, 2: {name: True}} if name else {}


def _add_false(bench: Bench) -> None:
    if name := bench.attribute("boolean"):
        bench.add(1, {name: False})
        bench.add(2, {name: "No"})


def _read_false(bench: Bench, found: Found) -> dict[str, Any]:
    name = bench.attribute("boolean")
    if name is None:
        bench.notes.append("Whether false is kept: the account has no boolean attribute to try it with.")
        return {}
    return {"keeps_false": _is_false(found[1], name), "keeps_no": _is_false(found[2], name)}


def _is_false(contact: SingleContact | None, name: str) -> bool | None:
    """None where the contact shows no value at all, so that nothing can be said."""
    value = contact.attributes.get(name) if contact else None
    if value is None:
        return None
    return (value.lower() if isinstance(value, str) else value) in _FALSE


# Which form of dates is read?


def _add_dates(bench: Bench) -> None:
    if name := bench.attribute("date"):
        for number, text in enumerate(_DATES.values(), start=1):
            bench.add(number, {name: text})


def _read_dates(bench: Bench, found: Found) -> dict[str, Any]:
    name = bench.attribute("date")
    if name is None:
        bench.notes.append("How dates are read: the account has no date attribute to try it with.")
        return {}
    read = [form for number, form in enumerate(_DATES, start=1) if _is_the_day(found[number], name)]
    return {"date_formats": tuple(read)}


def _is_the_day(contact: SingleContact | None, name: str) -> bool:
    value = str(contact.attributes.get(name, "")) if contact else ""
    return set(re.findall(r"\d+", value)[:3]) == {"2001", "12", "25"}


# Does an import take EXT_ID?


def _add_ext_ids(bench: Bench) -> None:
    bench.add(2, {"EXT_ID": bench.ext_id(2)})
    bench.add(3, ext_id=bench.ext_id(3))


def _read_ext_ids(bench: Bench, _: Found) -> dict[str, Any]:
    if _has(bench, 2):
        return {"ext_id": "attributes"}
    return {"ext_id": "field" if _has(bench, 3) else "not_taken"}


def _has(bench: Bench, number: int) -> bool:
    contact = find_single(bench.session, bench.ext_id(number), "ext_id")
    return contact is not None and contact.email.lower() == bench.email(number)


# What becomes of a number that another contact has?


def _with_number(bench: Bench) -> dict[int, dict[str, Any]]:
    # One of somebody else would be taken from them, or merge them with a contact of the probe.
    free = (number for number in _NUMBERS if find_single(bench.session, number[1:], "phone_id") is None)
    bench.number = next(free, "")
    return {5: {"SMS": bench.number}} if bench.number else {}


def _add_number(bench: Bench) -> None:
    if bench.number:
        bench.add(6, {"SMS": bench.number})


def _read_number(bench: Bench, found: Found) -> dict[str, Any]:
    owner, second = found[5], found[6]
    if not bench.number:
        bench.notes.append("A number of another contact: Brevo takes none of the probe's, or all belong to contacts.")
        return {}
    if owner is None:
        return {"shared_number": "contacts_merged"}
    if second is None or bench.list_id not in second.lists:
        return {"shared_number": "contact_skipped"}
    if not second.attributes.get("SMS"):
        return {"shared_number": "number_dropped"}
    return {"shared_number": None if owner.attributes.get("SMS") else "number_moved"}


QUESTIONS = (
    Question(_with_true, _add_false, _read_false),
    Question(_nothing, _add_dates, _read_dates),
    Question(_nothing, _add_ext_ids, _read_ext_ids),
    Question(_with_number, _add_number, _read_number),
)
