"""Calls below /sandbox with which tests drive a sandbox in another process. Not the vendor's.

`GET` state, summary, digest, requests, imports, exports, body; `POST` seed, contacts, faults, settings, limits,
settle, calm, reset.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

from local.brevo_sandbox.answers import JSON, Answer, ApiError, Request
from local.brevo_sandbox.digest import digest_of
from local.brevo_sandbox.faults import STORM, Faults
from local.brevo_sandbox.importing import ImportRecord
from local.brevo_sandbox.limits import CLASSES
from local.brevo_sandbox.moods import calm
from local.brevo_sandbox.people import change_contacts
from local.brevo_sandbox.seeding import seed
from local.brevo_sandbox.state import Contact
from local.brevo_sandbox.world import World

_CONTACTS_A_CHUNK = 2_000


def answer_control(world: World, method: str, path: str, request: Request) -> Answer:
    """Answer a control call."""
    call = _CALLS.get(f"{method} {path}")
    if call is None:
        raise ApiError(404, "document_not_found", f"Known calls: {', '.join(_CALLS)}")
    try:
        return call(world, request)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ApiError(400, "invalid_parameter", f"{type(error).__name__}: {error}") from None


def summary(world: World) -> dict[str, Any]:
    """Counts of everything, small whatever the account holds."""
    account = world.account
    with account.lock:
        lists = {str(each.id): {"name": each.name, "members": len(each.members)} for each in account.lists.values()}
        contacts, blocked = len(account.numbered), len(account.blocked)
    records, exports = world.imports.records(), world.exports.records()
    return {
        "contacts": contacts,
        "blocked": blocked,
        "lists": lists,
        "imports": len(records),
        "imports_open": sum(record.is_open for record in records),
        "most_imports_open_at_once": world.imports.most_open_at_once,
        "import_fields_ever_sent": sorted(world.imports.fields_ever_sent()),
        "exports": len(exports),
        "exports_open": sum(record.is_open for record in exports),
        "remove_all_calls": account.remove_all_calls,
        "requests": world.log.totals(),
        "limits": world.limits.usage(),
        "limit_violations": {name: world.limits.exceeded[name] for name in CLASSES},
        "faults_injected": dict(world.faults.injected),
        "notifications": [asdict(each) for each in world.notifier.sent()],
        "canary_visits": world.canary_visits,
    }


def digest(world: World, list_id: int | None, names: list[str] | None) -> dict[str, Any]:
    """Count and digest of a list or of all contacts, over all attributes or only the named ones."""

    def pairs() -> Iterator[tuple[str, dict[str, Any]]]:
        for contact in world.account.snapshot(list_id):
            attributes = world.account.attributes_of(contact)
            if names is not None:
                attributes = {name: attributes[name] for name in names if name in attributes}
            yield contact.email, attributes

    count, text = digest_of(pairs())
    return {"count": count, "digest": text}


def _state(world: World, request: Request) -> Answer:
    rest = summary(world) | {
        "imports": [record.document() for record in world.imports.records()],
        "request_log": world.log.documents(),
    }
    with world.account.lock:
        rest["lists"] = {
            str(each.id): {
                "name": each.name,
                "members": [member.email for member in each.members.values()],
                "leavers": [leaver.email for leaver in each.leavers.values()],
            }
            for each in world.account.lists.values()
        }
    head = json.dumps(rest)[:-1]
    wanted = [] if request.query.get("contacts") == "no" else world.account.snapshot()
    return Answer(200, _stream(world, head, wanted), JSON)


def _stream(world: World, head: str, contacts: list[Contact]) -> Iterator[bytes]:
    yield f'{head},"contacts":['.encode()
    for start in range(0, len(contacts), _CONTACTS_A_CHUNK):
        chunk = contacts[start : start + _CONTACTS_A_CHUNK]
        text = json.dumps([_contact(world, each) for each in chunk])[1:-1]
        yield (("," if start else "") + text).encode()
    yield b"]}"


def _contact(world: World, each: Contact) -> dict[str, Any]:
    return {
        "email": each.email,
        "attributes": world.account.attributes_of(each),
        "emailBlacklisted": each.email_blocked,
        "smsBlacklisted": each.sms_blocked,
    }


def _digest(world: World, request: Request) -> Answer:
    list_id = int(request.query["list"]) if "list" in request.query else None
    names = request.query["attributes"].split(",") if "attributes" in request.query else None
    return Answer.json(digest(world, list_id, names))


def _body(world: World, request: Request) -> Answer:
    record = world.processes.find(int(request.query["import"]))
    if not isinstance(record, ImportRecord) or record.body is None:
        raise ValueError("the body is not kept: only an import that is put off keeps it")
    return Answer(200, record.body, JSON)


def _seed(world: World, request: Request) -> Answer:
    seed(world.account, request.document(), world.settings)
    return Answer.json(summary(world))


def _contacts(world: World, request: Request) -> Answer:
    change_contacts(world.account, request.document()["contacts"], world.settings)
    return Answer.json(summary(world))


def _faults(world: World, request: Request) -> Answer:
    document = request.document()
    if "rate" in document:
        kinds = tuple(document.get("kinds") or STORM)
        world.faults.storm(Faults(document["rate"], kinds, document.get("seed", 0), document.get("most")))
    for each in document.get("next", []):
        world.faults.fail_next(each["route"], each["kind"], each.get("times", 1))
    if document.get("clear"):
        world.faults.clear()
    return Answer.json({})


def _settings(world: World, request: Request) -> Answer:
    changes = request.document()
    if "port" in changes:
        raise ValueError("the port cannot change while it listens")
    world.change(**changes)
    return Answer.json(asdict(world.settings))


def _limits(world: World, request: Request) -> Answer:
    document = request.document()
    if document["class"] not in CLASSES:
        raise ValueError(f"class must be one of {', '.join(CLASSES)}")
    world.limits.spend(document["class"], int(document["used"]))
    return Answer.json({"limits": world.limits.usage()})


def _settle(world: World, _request: Request) -> Answer:
    world.imports.settle()
    return Answer.json(summary(world))


def _calm(world: World, _request: Request) -> Answer:
    calm(world)
    return Answer.json(summary(world))


def _reset(world: World, _request: Request) -> Answer:
    world.reset()
    return Answer.json(summary(world))


_CALLS: dict[str, Callable[[World, Request], Answer]] = {
    "GET /sandbox/state": _state,
    "GET /sandbox/summary": lambda world, _: Answer.json(summary(world)),
    "GET /sandbox/digest": _digest,
    "GET /sandbox/requests": lambda world, _: Answer.json(world.log.documents()),
    "GET /sandbox/imports": lambda world, _: Answer.json([each.document() for each in world.imports.records()]),
    "GET /sandbox/exports": lambda world, _: Answer.json([each.document() for each in world.exports.records()]),
    "GET /sandbox/body": _body,
    "POST /sandbox/seed": _seed,
    "POST /sandbox/contacts": _contacts,
    "POST /sandbox/faults": _faults,
    "POST /sandbox/settings": _settings,
    "POST /sandbox/limits": _limits,
    "POST /sandbox/settle": _settle,
    "POST /sandbox/calm": _calm,
    "POST /sandbox/reset": _reset,
}
