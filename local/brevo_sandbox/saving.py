"""The account in a file, so that what a playground holds outlives its process.

Kept are attributes, folders, lists, contacts and the next process's number. Processes, requests and faults begin again.
"""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from local.brevo_sandbox.state import Account, Attribute, Contact
from local.brevo_sandbox.world import World
from local.private_file import write_private

_LOOK_SECONDS = 1.0
_PAUSE_OF_A_SAVE = 10  # times what it took: an account of a million contacts must not be saved all the time


def save(world: World, path: Path) -> None:
    """Write the account, all at once and only for its owner. Raises: OSError."""
    with world.account.lock:
        text = json.dumps(_document(world), separators=(",", ":"))
    write_private(path, text)


def load(world: World, path: Path) -> None:
    """Put the account of the file in place of the one that the world has. Raises: OSError, ValueError, KeyError."""
    document = json.loads(path.read_text(encoding="utf-8"))
    account = Account()
    for name, kind, category, enumeration, options, formula in document["attributes"]:
        pairs = tuple((value, label) for value, label in enumeration)
        account.add_attribute(Attribute(name, kind, category, pairs, tuple(options), formula))
    for number, name in document["folders"]:
        account.add_folder(name, number)
    for row in document["contacts"]:
        _put_back(account, *row)
    account.number_from(document["next_contact"])
    for number, name, folder_id, created_at, members, leavers in document["lists"]:
        found = account.add_list(name, folder_id, number)
        found.created_at = created_at
        found.members = {each: account.numbered[each] for each in members}
        found.leavers = {each: account.numbered[each] for each in leavers}
    world.reset(account, document["next_process"])


@contextmanager
def kept(world: World, path: Path) -> Iterator[None]:
    """Begin with what the file holds, where it is there; save each change within seconds, and at the end.

    Raises: OSError, or ValueError for a file that is not readable.
    """
    if path.is_file():
        try:
            load(world, path)
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path} is not an account that the sandbox has saved: remove it ({error})") from None
    ending = threading.Event()
    thread = threading.Thread(target=_save_changes, args=(world, path, ending))
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join()


def _save_changes(world: World, path: Path, ending: threading.Event) -> None:
    saved, pause = _changes(world), _LOOK_SECONDS
    ended = False
    while not ended:
        ended = ending.wait(pause)
        now = _changes(world)
        if now != saved:
            began = time.monotonic()
            save(world, path)
            saved, pause = now, max(_LOOK_SECONDS, _PAUSE_OF_A_SAVE * (time.monotonic() - began))


def _changes(world: World) -> tuple[int, ...]:
    """Another value after whatever may have changed the account."""
    calls = sum(count for route, count in world.log.totals().items() if not route.startswith("GET "))
    ended = sum(not record.is_open for record in world.imports.records())
    return id(world.account), calls, ended, world.local_changes


def _document(world: World) -> dict[str, Any]:
    account = world.account
    return {
        "next_process": world.processes.next_id,
        "next_contact": max(account.numbered, default=0) + 1,
        "folders": list(account.folders.items()),
        "attributes": [
            (each.name, each.type, each.category, each.enumeration, each.options, each.formula)
            for each in account.attributes
        ],
        "lists": [
            (each.id, each.name, each.folder_id, each.created_at, list(each.members), list(each.leavers))
            for each in account.lists.values()
        ],
        "contacts": [
            (each.id, each.email, each.values, each.email_blocked, each.sms_blocked, each.created_at, each.modified_at)
            for each in account.numbered.values()
        ],
    }


def _put_back(
    account: Account,
    number: int,
    email: str,
    values: list[Any],
    email_blocked: bool,
    sms_blocked: bool,
    created_at: float,
    modified_at: float,
) -> None:
    account.number_from(number)
    contact: Contact = account.contact_for(email, created_at)
    account.store(contact, {place: tuple(one) if isinstance(one, list) else one for place, one in enumerate(values)})
    account.block(contact, email=email_blocked, sms=sms_blocked)
    contact.modified_at = modified_at
