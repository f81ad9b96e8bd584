"""The vendor's endpoints for contacts; each docstring names the page it follows."""

from dataclasses import replace
from typing import Any

from local.brevo_sandbox.answers import Answer, ApiError, Request
from local.brevo_sandbox.applying import Applied
from local.brevo_sandbox.attribute_values import phone
from local.brevo_sandbox.common_fields import check_flags
from local.brevo_sandbox.faults import FaultKind
from local.brevo_sandbox.import_request import ImportOrder, known_lists
from local.brevo_sandbox.processes import iso_time
from local.brevo_sandbox.routing import route
from local.brevo_sandbox.state import IDENTIFIERS, Contact, is_email
from local.brevo_sandbox.world import World

_BY_ATTRIBUTE = {
    "ext_id": "EXT_ID",
    "phone_id": "SMS",
    "whatsapp_id": "WHATSAPP",
    "landline_number_id": "LANDLINE_NUMBER",
}
_TYPES = ("email_id", "contact_id", *_BY_ATTRIBUTE)
_BLOCKS = ("emailBlacklisted", "smsBlacklisted")


@route("GET", "/contacts")
def get_contacts(world: World, request: Request, _: FaultKind | None) -> Answer:
    """https://developers.brevo.com/reference/get-contacts"""
    limit, offset, newest = request.page(50, 1000)
    if "listIds" not in request.query:
        page, count = world.account.contacts_page(limit, offset, newest), len(world.account.numbered)
    else:
        members = _members_of(world, request.query["listIds"])
        page, count = members[:: -1 if newest else 1][offset : offset + limit], len(members)
    return Answer.json({"contacts": [contact_document(world, each) for each in page], "count": count})


def _members_of(world: World, text: str) -> list[Contact]:
    with world.account.lock:
        members: dict[int, Contact] = {}
        for number in text.split(","):
            if not (number.isascii() and number.isdigit() and int(number) in world.account.lists):
                raise ApiError(400, "invalid_parameter", "listIds contains a list that does not exist")
            members |= world.account.lists[int(number)].members
        return [members[number] for number in sorted(members)]


@route("POST", "/contacts")
def create_contact(world: World, request: Request, _: FaultKind | None) -> Answer:
    """https://developers.brevo.com/reference/create-contact"""
    document = request.document()
    row = _row(document)
    email = _address(document.get("email"))
    if not email and not any(row["attributes"].get(name) for name in IDENTIFIERS):
        raise ApiError(400, "missing_parameter", "email, ext_id or SMS is missing")
    with world.account.lock:
        known = _contact_with(world, email, row["attributes"]) if document.get("updateEnabled") is True else None
        contact = _write(world, known, email, row, document, erase_empty=False)
        return Answer(204) if known is not None else Answer.json({"id": contact.id}, 201)


@route("GET", "/contacts/{identifier}")
def get_contact_info(world: World, request: Request, _: FaultKind | None) -> Answer:
    """https://developers.brevo.com/reference/get-contact-info"""
    with world.account.lock:
        return Answer.json(contact_document(world, _wanted(world, request)) | {"statistics": {}})


@route("PUT", "/contacts/{identifier}")
def update_contact(world: World, request: Request, _: FaultKind | None) -> Answer:
    """https://developers.brevo.com/reference/update-contact"""
    document = request.document()
    row = _row(document)
    email = _address(row["attributes"].pop("EMAIL", None))
    with world.account.lock:
        contact = _wanted(world, request)
        unlinked = known_lists(document, "unlinkListIds", world.account)
        _write(world, contact, email, row, document, erase_empty=True)
        for number in unlinked:
            world.account.lists[number].members.pop(contact.id, None)
        return Answer(204)


@route("DELETE", "/contacts/{identifier}")
def delete_contact(world: World, request: Request, _: FaultKind | None) -> Answer:
    """https://developers.brevo.com/reference/delete-contact"""
    with world.account.lock:
        world.account.delete(_wanted(world, request))
        return Answer(204)


def _row(document: dict[str, Any]) -> dict[str, Any]:
    """The attributes of a body, with its `ext_id` among them."""
    attributes = document.get("attributes") or {}
    if not isinstance(attributes, dict):
        raise ApiError(400, "invalid_parameter", "attributes should be an object")
    check_flags(document, _BLOCKS)
    ext_id = document.get("ext_id")
    if ext_id is not None and not isinstance(ext_id, str):
        raise ApiError(400, "invalid_parameter", "ext_id should be a text")
    return {"attributes": attributes | ({"EXT_ID": ext_id} if ext_id else {})}


def _address(written: object) -> str:
    if written is None:
        return ""
    email = written.strip().lower() if isinstance(written, str) else ""
    if not is_email(email):
        raise ApiError(400, "invalid_parameter", "email is not valid")
    return email


def _contact_with(world: World, email: str, attributes: dict[str, Any]) -> Contact | None:
    # The address or EXT_ID names the contact; what belongs to another one is refused, never merged.
    by_ext_id = world.account.owners["EXT_ID"].get(str(attributes.get("EXT_ID", "")))
    return by_ext_id or world.account.contacts.get(email)


def _write(
    world: World,
    contact: Contact | None,
    email: str,
    row: dict[str, Any],
    document: dict[str, Any],
    *,
    erase_empty: bool,
) -> Contact:
    order = ImportOrder.of_one(known_lists(document, "listIds", world.account), erase_empty=erase_empty)
    # A call for a single contact does what it says: only imports have moods.
    settings = replace(
        world.settings, ext_id="attributes", new_address="changes_address", reimport_puts_back_leavers=True
    )
    written = Applied(world.account, order, settings).write_one(contact, email, row)
    if isinstance(written, list):
        message = f"{', '.join(written)} is already associated with another Contact"
        raise ApiError(400, world.settings.collision_code, message, {"duplicate_identifiers": written})
    world.account.block(written, email=document.get("emailBlacklisted"), sms=document.get("smsBlacklisted"))
    return written


def _wanted(world: World, request: Request) -> Contact:
    """The contact that a path names. Raises: ApiError 400 or 404."""
    text = request.parameters["identifier"]
    kind = request.query.get("identifierType")
    if kind is not None and kind not in _TYPES:
        raise ApiError(400, "invalid_parameter", "Invalid identifierType")
    if kind is None:
        kind = "contact_id" if text.isascii() and text.isdigit() else "email_id"
    contact = contact_named(world, kind, text)
    if contact is None:
        raise ApiError(404, "document_not_found", "Contact does not exist")
    return contact


def contact_named(world: World, kind: str, text: str) -> Contact | None:
    """The contact with this identifier, of a kind such as `email_id` or `ext_id`. Hold the lock."""
    match kind:
        case "email_id":
            return world.account.contacts.get(text.strip().lower())
        case "contact_id":
            return world.account.numbered.get(int(text)) if text.isascii() and text.isdigit() else None
        case "ext_id":
            return world.account.owners["EXT_ID"].get(text)
        case _:
            return world.account.owners[_BY_ATTRIBUTE[kind]].get(phone(text))


def contact_document(world: World, each: Contact) -> dict[str, Any]:
    """A contact as the vendor shows it; without `email` where it has none."""
    return ({"email": each.email} if each.email else {}) | {
        "id": each.id,
        "emailBlacklisted": each.email_blocked,
        "smsBlacklisted": each.sms_blocked,
        "whatsappBlacklisted": False,
        "createdAt": iso_time(each.created_at),
        "modifiedAt": iso_time(each.modified_at),
        "listIds": world.account.lists_of(each),
        "listUnsubscribed": world.account.left_by(each),
        "attributes": world.account.attributes_of(each),
    }
