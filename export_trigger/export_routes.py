"""Exports: listed, shown, saved, duplicated, detached, removed."""

from typing import Any

import azure.functions as func

from export_trigger.answers import json_answer, read_body, read_json
from export_trigger.entry import Asked, Parameter, endpoint
from export_trigger.paging import LIMIT, continuation, page_headers, page_of
from export_trigger.shapes import DuplicateBody, WhyBody
from shared.administration.exports import (
    SORT_KEYS,
    ListedExport,
    read_export,
)
from shared.administration.exports import detach_export as detach
from shared.administration.exports import duplicate_export as duplicate
from shared.administration.exports import page_of_exports as page
from shared.administration.exports import remove_export as remove
from shared.administration.exports import save_export as save
from shared.administration.exports import view_export as view
from shared.administration.items import Saved
from shared.administration.ledgers import Reset
from shared.administration.ledgers import reset_ledger as reset
from shared.config.base import ID_PATTERN
from shared.config.models import Connection, Export
from shared.operating.why import why
from shared.operating.why_answer import Answer

_ID = ID_PATTERN.strip("^$")
IF_MATCH = Parameter("If-Match", "header", "The ETag that the caller has seen; * for whatever is there.")
IF_MATCH_TO_CHANGE = Parameter("If-Match", "header", "The ETag that is to be changed; left out to add.")
IF_MATCH_REQUIRED = Parameter(IF_MATCH.name, "header", IF_MATCH.words, required=True)


@endpoint(
    "GET",
    "exports",
    answer=list[ListedExport],
    parameters=(
        LIMIT,
        continuation(_ID),
        Parameter("search", "query", "A part of an id, name, connection or segment."),
        Parameter(
            "sort",
            "query",
            "Sorted by this; with - before it the other way round.",
            {"enum": ["", *(f"{sign}{key}" for key in SORT_KEYS for sign in ("", "-"))]},
        ),
    ),
    problems=(400, 409),
)
def list_exports(asked: Asked) -> func.HttpResponse:
    """The exports with their last run, their next one, and why nothing runs now. `Link` leads to the next page."""
    search, sort = asked.query.get("search", ""), asked.query.get("sort", "")
    limit, after = page_of(asked, _ID)
    found, more = page(asked.app, asked.caller, search=search, sort=sort, limit=limit, after=after)
    return json_answer(found, headers=page_headers(asked, more))


@endpoint("GET", "exports/{id}", answer=Export, problems=(404, 409))
def show_export(asked: Asked) -> func.HttpResponse:
    """An export's settings; `ETag` is what a change of it sends as `If-Match`."""
    export, etag = view(asked.app, asked.caller, asked.id)
    return json_answer(export, headers={"ETag": f'"{etag}"'})


@endpoint(
    "PUT",
    "exports/{id}",
    answer=Export,
    body=Export,
    parameters=(IF_MATCH_TO_CHANGE,),
    problems=(400, 404, 409, 412, 413, 422),
)
def save_export(asked: Asked) -> func.HttpResponse:
    """Adds or changes an export, once its list, attributes and columns are checked. Runs nothing."""
    export = read_export(asked.app, asked.caller, read_json(asked.req), asked.id)
    return saved_answer(save(asked.app, asked.caller, export, asked.if_match(required=False)), "exports")


@endpoint("DELETE", "exports/{id}", status=204, parameters=(IF_MATCH_REQUIRED,), problems=(404, 409, 412, 428))
def remove_export(asked: Asked) -> func.HttpResponse:
    """Removes an export; a run of it sends nothing more than the batch on its way."""
    remove(asked.app, asked.caller, asked.id, asked.if_match(required=True))
    return func.HttpResponse(status_code=204)


@endpoint(
    "POST",
    "exports/{id}/duplicate",
    status=201,
    answer=Export,
    body=DuplicateBody,
    problems=(400, 404, 409, 413, 422),
)
def duplicate_export(asked: Asked) -> func.HttpResponse:
    """Adds a copy under another id. Runs nothing."""
    body = read_body(asked.req, DuplicateBody)
    return saved_answer(duplicate(asked.app, asked.caller, asked.id, body.id, body.display_name or ""), "exports")


@endpoint("POST", "exports/{id}/detach", answer=Export, parameters=(IF_MATCH,), problems=(404, 409, 412))
def detach_export(asked: Asked) -> func.HttpResponse:
    """Takes the connection away: the export is inactive, and keeps its settings."""
    return saved_answer(detach(asked.app, asked.caller, asked.id, asked.if_match(required=False)), "exports")


@endpoint("POST", "exports/{id}/why", answer=Answer, body=WhyBody, problems=(400, 404, 409, 413, 422))
def why_not_in_list(asked: Asked) -> func.HttpResponse:
    """Why one person is not in the export's list, or that they are: in words, with its evidence and what to do.

    The answer never has the address. 422 for what is no address.
    """
    return json_answer(why(asked.app, asked.caller, asked.id, read_body(asked.req, WhyBody).email))


@endpoint("POST", "exports/{id}/reset", answer=Reset, problems=(404,))
def reset_export(asked: Asked) -> func.HttpResponse:
    """Forgets what the export has sent: its next run sends all contacts and removes nobody. Sends nothing."""
    return json_answer(reset(asked.app, asked.caller, asked.id))


def saved_answer(saved: Saved[Any], kind: str) -> func.HttpResponse:
    """What was saved, as it is now, with its ETag."""
    item: Connection | Export = saved.item
    headers = {"ETag": f'"{saved.etag}"'}
    if saved.is_new:
        headers["Location"] = f"/api/{kind}/{item.id}"
    return json_answer(item, 201 if saved.is_new else 200, headers)
