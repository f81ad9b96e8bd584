"""Connections: listed, shown, saved, connected, removed."""

import azure.functions as func

from export_trigger.answers import json_answer, read_body, read_json
from export_trigger.entry import Asked, endpoint
from export_trigger.export_routes import IF_MATCH, IF_MATCH_REQUIRED, IF_MATCH_TO_CHANGE, saved_answer
from export_trigger.paging import LIMIT, continuation, page_headers, page_of
from export_trigger.shapes import ConnectBody
from shared.access import require
from shared.administration.account import ListedAttribute
from shared.administration.account import list_attributes as attributes_of
from shared.administration.account import list_lists as lists_of
from shared.administration.connections import ConnectionName, ConnectionTest, Disconnected, connect, disconnect
from shared.administration.connections import list_connections as listed
from shared.administration.connections import remove_connection as remove
from shared.administration.connections import save_connection as save
from shared.administration.connections import view_connection as view
from shared.administration.items import parse_item
from shared.administration.paging import BEFORE
from shared.brevo.account_lists import AccountList
from shared.config.models import Connection


@endpoint("GET", "connections", answer=list[Connection | ConnectionName], problems=(409,))
def list_connections(asked: Asked) -> func.HttpResponse:
    """The connections that the caller may use; their settings are shown to administrators only."""
    return json_answer(listed(asked.app, asked.caller))


@endpoint("GET", "connections/{id}", answer=Connection | ConnectionName, problems=(404, 409))
def show_connection(asked: Asked) -> func.HttpResponse:
    """A connection: its settings for administrators, name and type for those whom it is shared with."""
    found, etag = view(asked.app, asked.caller, asked.id)
    return json_answer(found, headers={"ETag": f'"{etag}"'})


@endpoint(
    "PUT",
    "connections/{id}",
    answer=Connection,
    body=Connection,
    parameters=(IF_MATCH_TO_CHANGE,),
    problems=(400, 404, 409, 412, 413, 422),
)
def save_connection(asked: Asked) -> func.HttpResponse:
    """Adds or changes a connection. With a new consent, or another key beside it, its whole test has passed first."""
    expected = asked.if_match(required=False)
    require(asked.caller, "add_connection" if expected is None else "edit_connection")
    connection = parse_item(Connection, read_json(asked.req), asked.id)
    return saved_answer(save(asked.app, asked.caller, connection, expected), "connections")


@endpoint("DELETE", "connections/{id}", status=204, parameters=(IF_MATCH_REQUIRED,), problems=(404, 409, 412, 428))
def remove_connection(asked: Asked) -> func.HttpResponse:
    """Removes a connection that no export uses; else names its exports and the two ways on."""
    remove(asked.app, asked.caller, asked.id, asked.if_match(required=True))
    return func.HttpResponse(status_code=204)


@endpoint(
    "POST",
    "connections/{id}/connect",
    answer=ConnectionTest,
    body=ConnectBody,
    parameters=(IF_MATCH,),
    problems=(400, 404, 409, 412, 413),
)
def connect_connection(asked: Asked) -> func.HttpResponse:
    """Tests a connection step by step. With consent, it is saved as connected once every step has passed."""
    body = read_body(asked.req, ConnectBody)
    agreed_by = body.consent.agreed_by if body.consent else None
    return json_answer(connect(asked.app, asked.caller, asked.id, agreed_by, asked.if_match(required=False)))


@endpoint(
    "POST",
    "connections/{id}/disconnect",
    answer=Disconnected,
    parameters=(IF_MATCH,),
    problems=(404, 409, 412),
)
def disconnect_connection(asked: Asked) -> func.HttpResponse:
    """Withdraws consent: names the exports that send nothing from now on, and the runs that stop before a batch."""
    found, etag = disconnect(asked.app, asked.caller, asked.id, asked.if_match(required=False))
    return json_answer(found, headers={"ETag": f'"{etag}"'})


@endpoint(
    "GET",
    "connections/{id}/lists",
    answer=list[AccountList],
    parameters=(LIMIT, continuation(BEFORE)),
    problems=(400, 404, 409),
)
def list_lists(asked: Asked) -> func.HttpResponse:
    """The lists of the connection's account, oldest first. `Link` leads to the next page."""
    limit, after = page_of(asked, BEFORE)
    found, more = lists_of(asked.app, asked.caller, asked.id, limit=limit, after=after)
    return json_answer(found, headers=page_headers(asked, more))


@endpoint(
    "GET",
    "connections/{id}/attributes",
    answer=list[ListedAttribute],
    parameters=(LIMIT, continuation(BEFORE)),
    problems=(400, 404, 409),
)
def list_attributes(asked: Asked) -> func.HttpResponse:
    """The attributes of the connection's account, by name, with types and options. `Link` leads to the next page."""
    limit, after = page_of(asked, BEFORE)
    found, more = attributes_of(asked.app, asked.caller, asked.id, limit=limit, after=after)
    return json_answer(found, headers=page_headers(asked, more))
