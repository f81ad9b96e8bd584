"""The vendor's endpoints for imports and processes; each docstring names the page it follows."""

from typing import Any

from local.brevo_sandbox.answers import Answer, ApiError, Request
from local.brevo_sandbox.faults import FaultKind
from local.brevo_sandbox.import_request import check_order, rows_of
from local.brevo_sandbox.importing import ImportRecord, process_document
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
    rows = rows_of(document)
    with world.account.lock:
        order = check_order(document, world.account)
    about = fault if fault is not None and (fault.about_import or fault.about_report) else None
    record = world.imports.accept(order, len(rows), request.body, about)
    return Answer.json({"processId": record.id}, 202)


@route("GET", "/processes")
def list_processes(world: World, request: Request, _: FaultKind | None) -> Answer:
    """https://developers.brevo.com/reference/get-processes"""
    limit, offset, newest = request.page(10, 50)
    records = world.imports.records()
    ordered = records[::-1] if newest else records
    page = [_process(world, record) for record in ordered[offset : offset + limit]]
    return Answer.json({"count": len(records), "processes": page})


@route("GET", "/processes/{processId}")
def get_process(world: World, request: Request, _: FaultKind | None) -> Answer:
    """https://developers.brevo.com/reference/get-process"""
    record = world.imports.find(request.number("processId"))
    if record is None:
        raise ApiError(404, world.settings.unknown_process_code, "processId is invalid")
    return Answer.json(_process(world, record))


def _process(world: World, record: ImportRecord) -> dict[str, Any]:
    foreign = record.fault is FaultKind.REPORT_OTHER_HOST
    return process_document(record, world.settings, world.canary_address if foreign else world.origin)
