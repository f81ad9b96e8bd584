"""The vendor's endpoints for imports, exports and processes; each docstring names the page it follows."""

from typing import Any

from local.brevo_sandbox.answers import Answer, ApiError, Request
from local.brevo_sandbox.export_request import check_export
from local.brevo_sandbox.faults import FaultKind
from local.brevo_sandbox.file_fetching import check_link
from local.brevo_sandbox.import_request import check_order, is_by_file, rows_of
from local.brevo_sandbox.processes import Process
from local.brevo_sandbox.routing import route
from local.brevo_sandbox.world import World


@route("POST", "/contacts/import")
def import_contacts(world: World, request: Request, fault: FaultKind | None) -> Answer:
    """https://developers.brevo.com/reference/import-contacts"""
    if len(request.body) > world.settings.body_limit_bytes:
        raise ApiError(400, "invalid_parameter", "Request body exceeds the maximum size of 10 MB")
    if world.settings.defers_work:
        return Answer.json({"processId": world.imports.set_aside(request.body).id}, 202)
    document = request.document()
    if is_by_file(document):
        check_link(document)
        if world.settings.file_url == "refused":
            raise ApiError(400, "invalid_parameter", "fileUrl is not available for this account")
    contacts = 0 if is_by_file(document) else len(rows_of(document))
    with world.account.lock:
        order = check_order(document, world.account)
    about = fault if fault is not None and (fault.about_import or fault.about_report) else None
    record = world.imports.accept(order, contacts, request.body, about)
    return Answer.json({"processId": record.id}, 202)


@route("POST", "/contacts/export")
def request_contact_export(world: World, request: Request, fault: FaultKind | None) -> Answer:
    """https://developers.brevo.com/reference/request-contact-export"""
    match world.settings.export_outcome:
        case "refused_403":
            raise ApiError(403, "permission_denied", "You do not have the permission to export contacts")
        case "refused_400":
            raise ApiError(400, "invalid_parameter", "Contact export is not enabled for this account")
    with world.account.lock:
        order = check_export(request.document(), world.account)
        about = fault if fault is not None and (fault.about_export or fault.about_report) else None
        return Answer.json({"processId": world.exports.accept(order, about).id}, 202)


@route("GET", "/processes")
def list_processes(world: World, request: Request, _: FaultKind | None) -> Answer:
    """https://developers.brevo.com/reference/get-processes"""
    limit, offset, newest = request.page(10, 50)
    records = world.processes.all()
    ordered = records[::-1] if newest else records
    page = [_process(world, record) for record in ordered[offset : offset + limit]]
    return Answer.json({"count": len(records), "processes": page})


@route("GET", "/processes/{processId}")
def get_process(world: World, request: Request, _: FaultKind | None) -> Answer:
    """https://developers.brevo.com/reference/get-process"""
    process = world.processes.find(request.number("processId"))
    if process is None:
        raise ApiError(404, world.settings.unknown_process_code, "processId is invalid")
    return Answer.json(_process(world, process))


def _process(world: World, process: Process) -> dict[str, Any]:
    return process.as_process(world.settings, world.origin, world.canary_address)
