"""The vendor's endpoints for contacts; each docstring names the page it follows."""

from dataclasses import replace
from typing import Any

from local.brevo_sandbox.answers import Answer, ApiError, Request
from local.brevo_sandbox.applying import Applied
from local.brevo_sandbox.faults import FaultKind
from local.brevo_sandbox.import_request import check_order, rows_of
from local.brevo_sandbox.processes import iso_time
from local.brevo_sandbox.routing import route
from local.brevo_sandbox.state import Contact
from local.brevo_sandbox.world import World


@route("GET", "/contacts")
def get_contacts(world: World, request: Request, _: FaultKind | None) -> Answer:
    """https://developers.brevo.com/reference/get-contacts"""
    page = world.account.contacts_page(*request.page(50, 1000))
    return Answer.json(
        {"contacts": [contact_document(world, each) for each in page], "count": len(world.account.numbered)}
    )


@route("POST", "/contacts")
def create_contact(world: World, request: Request, _: FaultKind | None) -> Answer:
    """https://developers.brevo.com/reference/create-contact"""
    document = request.document()
    (row,) = rows_of({"jsonBody": [{name: document[name] for name in ("email", "attributes") if name in document}]})
    email = str(row.get("email", "")).strip().lower()
    with world.account.lock:
        known = world.account.contacts.get(email)
        if known is not None and document.get("updateEnabled") is not True:
            raise ApiError(400, "duplicate_parameter", "Contact already exist")
        # An import of one, but that nothing is left out: what an import reports is refused here.
        settings = replace(world.settings, shared_phone="skip_contact")
        applied = Applied(world.account, check_order({"listIds": document.get("listIds")}, world.account), settings)
        applied.apply([row])
        if "duplicate_phone_id" in applied.rejected:
            raise ApiError(400, "invalid_parameter", "SMS is already associated with another Contact")
        if applied.rejected:
            raise ApiError(400, "invalid_parameter", "email is not valid")
        if known is not None:
            return Answer(204)
        return Answer.json({"id": world.account.contacts[email].id}, 201)


@route("GET", "/contacts/{identifier}")
def getcontact_document(world: World, request: Request, _: FaultKind | None) -> Answer:
    """https://developers.brevo.com/reference/get-contact-info"""
    named = request.parameters["identifier"]
    with world.account.lock:
        contact = contact_named(world, int(named) if named.isascii() and named.isdigit() else named)
        if contact is None:
            raise ApiError(404, "document_not_found", "Contact does not exist")
        return Answer.json(contact_document(world, contact) | {"statistics": {}})


def contact_named(world: World, named: str | int) -> Contact | None:
    """The contact with this address or number. Hold the lock."""
    if isinstance(named, str):
        return world.account.contacts.get(named.lower())
    return world.account.numbered[named - 1] if 0 < named <= len(world.account.numbered) else None


def contact_document(world: World, each: Contact) -> dict[str, Any]:
    """A contact as the vendor shows it."""
    return {
        "id": each.id,
        "email": each.email,
        "emailBlacklisted": each.email_blocked,
        "smsBlacklisted": each.sms_blocked,
        "whatsappBlacklisted": False,
        "createdAt": iso_time(each.created_at),
        "modifiedAt": iso_time(each.modified_at),
        "listIds": world.account.lists_of(each),
        "listUnsubscribed": world.account.left_by(each),
        "attributes": world.account.attributes_of(each),
    }
