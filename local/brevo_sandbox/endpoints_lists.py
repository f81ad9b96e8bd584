"""The vendor's endpoints for lists and folders; each docstring names the page it follows."""

from typing import Any

from local.brevo_sandbox.answers import Answer, ApiError, Request
from local.brevo_sandbox.endpoints_contacts import contact_document, contact_named
from local.brevo_sandbox.faults import FaultKind
from local.brevo_sandbox.processes import iso_time
from local.brevo_sandbox.routing import route
from local.brevo_sandbox.state import Contact, ContactList, is_email
from local.brevo_sandbox.world import World

MOST_EMAILS_A_CALL = 150


@route("GET", "/contacts/lists")
def get_lists(world: World, request: Request, _: FaultKind | None) -> Answer:
    """https://developers.brevo.com/reference/get-lists"""
    limit, offset, newest = request.page(10, 50)
    with world.account.lock:
        numbers = sorted(world.account.lists, reverse=newest)
        page = [_list(world, world.account.lists[number]) for number in numbers[offset : offset + limit]]
    return Answer.json({"count": len(numbers), "lists": page})


@route("POST", "/contacts/lists")
def create_list(world: World, request: Request, _: FaultKind | None) -> Answer:
    """https://developers.brevo.com/reference/create-list"""
    document = request.document()
    for name in ("name", "folderId"):
        if name not in document:
            raise ApiError(400, "missing_parameter", f"{name} is missing")
    if not isinstance(document["name"], str) or not document["name"].strip():
        raise ApiError(400, "invalid_parameter", "name should be a text")
    if type(document["folderId"]) is not int or document["folderId"] not in world.account.folders:
        raise ApiError(400, "invalid_parameter", "Folder id does not exist")
    return Answer.json({"id": world.account.add_list(document["name"], document["folderId"]).id}, 201)


@route("GET", "/contacts/lists/{listId}")
def get_list(world: World, request: Request, _: FaultKind | None) -> Answer:
    """https://developers.brevo.com/reference/get-list"""
    wanted = _wanted_list(world, request)
    more = {"createdAt": iso_time(wanted.created_at), "campaignStats": [], "dynamicList": False}
    return Answer.json(_list(world, wanted) | more)


@route("GET", "/contacts/lists/{listId}/contacts")
def get_contacts_from_list(world: World, request: Request, _: FaultKind | None) -> Answer:
    """https://developers.brevo.com/reference/get-contacts-from-list"""
    wanted = _wanted_list(world, request)
    page = world.account.members_page(wanted, *request.page(50, 500))
    return Answer.json({"contacts": [contact_document(world, each) for each in page], "count": len(wanted.members)})


@route("POST", "/contacts/lists/{listId}/contacts/add")
def add_contacts_to_list(world: World, request: Request, _: FaultKind | None) -> Answer:
    """https://developers.brevo.com/reference/add-contact-to-list"""
    wanted = _wanted_list(world, request)
    success: list[str | int] = []
    failure: list[str | int] = []
    with world.account.lock:
        for named, contact in _named_contacts(world, request.document()):
            if contact is None or contact.id in wanted.members:
                failure.append(named)
            else:
                wanted.join(contact)
                success.append(named)
    if not success:
        raise ApiError(400, "invalid_parameter", "Contact already in list and/or does not exist")
    return Answer.json({"contacts": {"success": success, "failure": failure}}, 201)


@route("POST", "/contacts/lists/{listId}/contacts/remove")
def remove_contacts_from_list(world: World, request: Request, fault: FaultKind | None) -> Answer:
    """https://developers.brevo.com/reference/remove-contact-from-list"""
    wanted = _wanted_list(world, request)
    document = request.document()
    if document.get("all") is True:
        return _remove_all(world, wanted)
    if "ids" in document and not world.settings.removes_by_number:
        raise ApiError(400, "invalid_parameter", "ids is not allowed")
    success: list[str | int] = []
    failure: list[str | int] = []
    with world.account.lock:
        contacts = _named_contacts(world, document)
        half = -(-len(contacts) // 2) if fault is FaultKind.REMOVE_HALF else len(contacts)
        failure += [named for named, _ in contacts[half:]]
        for named, contact in contacts[:half]:
            gone = contact is not None and wanted.members.pop(contact.id, None) is not None
            (success if gone else failure).append(named)
    if not success:
        raise ApiError(400, "invalid_parameter", "Contact already removed from list and/or does not exist")
    return Answer.json({"contacts": {"success": success, "failure": failure}}, 201)


def _remove_all(world: World, wanted: ContactList) -> Answer:
    # The vendor does this in the background; here it is done at once, and counted: an export never asks it.
    with world.account.lock:
        total = len(wanted.members)
        wanted.members.clear()
        world.account.remove_all_calls += 1
    return Answer.json({"contacts": {"processId": 1, "total": total}}, 201)


@route("GET", "/contacts/folders")
def get_folders(world: World, request: Request, _: FaultKind | None) -> Answer:
    """https://developers.brevo.com/reference/get-folders"""
    limit, offset, newest = request.page(10, 50)
    with world.account.lock:
        numbers = sorted(world.account.folders, reverse=newest)
        page = [_folder(world, number) for number in numbers[offset : offset + limit]]
    return Answer.json({"count": len(numbers), "folders": page})


@route("POST", "/contacts/folders")
def create_folder(world: World, request: Request, _: FaultKind | None) -> Answer:
    """https://developers.brevo.com/reference/create-folder"""
    name = request.document().get("name")
    if name is None:
        raise ApiError(400, "missing_parameter", "name is missing")
    if not isinstance(name, str) or not name.strip():
        raise ApiError(400, "invalid_parameter", "name should be a text")
    return Answer.json({"id": world.account.add_folder(name)}, 201)


def _wanted_list(world: World, request: Request) -> ContactList:
    wanted = world.account.lists.get(request.number("listId"))
    if wanted is None:
        raise ApiError(404, "document_not_found", "List ID does not exist")
    return wanted


def _named_contacts(world: World, document: dict[str, Any]) -> list[tuple[str | int, Contact | None]]:
    for key, kind in (("emails", "email_id"), ("ids", "contact_id"), ("extIds", "ext_id")):
        if key in document:
            return [(named, contact_named(world, kind, str(named))) for named in _names(document[key], key)]
    raise ApiError(400, "missing_parameter", "emails, ids or extIds is missing")


def _names(named: object, key: str) -> list[str | int]:
    wanted: type = int if key == "ids" else str
    if not isinstance(named, list) or not named or not all(type(each) is wanted for each in named):
        raise ApiError(400, "invalid_parameter", f"{key} should be a non-empty array")
    if len(named) > MOST_EMAILS_A_CALL:
        raise ApiError(400, "out_of_range", f"{key} should have at most {MOST_EMAILS_A_CALL} entries")
    if key == "emails" and not all(is_email(each) for each in named):
        raise ApiError(400, "invalid_parameter", "Invalid email address")
    return named


def _list(world: World, each: ContactList) -> dict[str, Any]:
    members, blocked = world.account.totals(each)
    exact = world.settings.exact_list_totals
    return {
        "id": each.id,
        "name": each.name,
        "folderId": each.folder_id,
        "uniqueSubscribers": members,
        "totalSubscribers": members - blocked if exact else 0,
        "totalBlacklisted": blocked if exact else 0,
    }


def _folder(world: World, number: int) -> dict[str, Any]:
    totals = [world.account.totals(each) for each in world.account.lists.values() if each.folder_id == number]
    members, blocked = sum(total[0] for total in totals), sum(total[1] for total in totals)
    return {
        "id": number,
        "name": world.account.folders[number],
        "uniqueSubscribers": members,
        "totalSubscribers": members - blocked,
        "totalBlacklisted": blocked,
    }
