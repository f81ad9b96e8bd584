"""Exports: listed, shown, saved, duplicated, detached, removed."""

from typing import Any, get_args

import azure.functions as func

from export_trigger.answers import json_answer, read_body, read_json, started_answer
from export_trigger.entry import Asked, Parameter, endpoint
from export_trigger.paging import LIMIT, continuation, page_headers, page_of
from export_trigger.shapes import DuplicateBody, EndBody, Started, WhyBody
from shared.access import Operation
from shared.administration.drafts import read_export
from shared.administration.ending import Members, take_members_out
from shared.administration.exports import SORT_KEYS, ListedExport
from shared.administration.exports import detach_export as detach
from shared.administration.exports import duplicate_export as duplicate
from shared.administration.exports import page_of_exports as page
from shared.administration.exports import remove_export as remove
from shared.administration.exports import save_export as save
from shared.administration.exports import view_export as view
from shared.administration.items import Saved, wrong_form
from shared.administration.ledgers import Reset
from shared.administration.ledgers import reset_ledger as reset
from shared.config.base import ID_PATTERN
from shared.config.models import Connection, Export
from shared.operating.person import customer_of, person_of
from shared.operating.why import why
from shared.operating.why_answer import Answer

_ID = ID_PATTERN.strip("^$")
MEMBERS_STAY = "X-Members-Stay"
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
    headers=(MEMBERS_STAY,),
)
def save_export(asked: Asked) -> func.HttpResponse:
    """Adds or changes an export, once its list, attributes and columns are checked. Runs nothing.

    Where it gets another list, its members stay in the one before: `X-Members-Stay` says how many.
    """
    export = read_export(asked.app, asked.caller, read_json(asked.req), asked.id)
    return saved_answer(save(asked.app, asked.caller, export, asked.if_match(required=False)), "exports")


@endpoint(
    "DELETE",
    "exports/{id}",
    status=204,
    first=Started,
    headers=(MEMBERS_STAY,),
    parameters=(
        IF_MATCH_REQUIRED,
        Parameter(
            "members",
            "query",
            "What becomes of its list's members: they stay, or a run takes out whom it has put there.",
            {"enum": list(get_args(Members)), "default": "stay"},
        ),
        Parameter(
            "accept", "query", "With members=remove, approves what a guard would hold.", {"enum": ["true", "false"]}
        ),
    ),
    problems=(400, 404, 409, 412, 428),
)
def remove_export(asked: Asked) -> func.HttpResponse:
    """Removes an export; a run of it sends nothing more than the batch on its way.

    Its list's members stay, and `X-Members-Stay` says how many. With `members=remove` the answer is 202 with a run that
    takes them out, while there are any, and the export stays: ask again when that has succeeded.
    """
    expected = asked.if_match(required=True)
    members, accept = _one_of(asked, "members", get_args(Members)), _one_of(asked, "accept", ("false", "true"))
    if first := _first(asked, "remove_export", members, expected, accept=accept == "true"):
        return first
    staying = remove(asked.app, asked.caller, asked.id, expected)
    return func.HttpResponse(status_code=204, headers=_staying(staying))


def _first(
    asked: Asked, operation: Operation, members: str, expected: str | None, *, accept: bool
) -> func.HttpResponse | None:
    """The run that takes the members out before the operation; None where they stay, or none of them is left."""
    if members == "stay":
        return None
    start = take_members_out(asked.app, asked.caller, operation, asked.id, "http", expected=expected, accept=accept)
    return started_answer(start) if start else None


def _one_of(asked: Asked, name: str, values: tuple[str, ...]) -> str:
    """The query's value, the first one where there is none. Raises InvalidInput."""
    value = asked.query.get(name, values[0])
    if value not in values:
        raise wrong_form(f"{name}: is {' or '.join(values)}")
    return value


def _staying(members: int | None) -> dict[str, str]:
    return {} if members is None else {MEMBERS_STAY: str(members)}


@endpoint(
    "POST",
    "exports/{id}/duplicate",
    status=201,
    answer=Export,
    body=DuplicateBody,
    problems=(400, 404, 409, 413, 422),
)
def duplicate_export(asked: Asked) -> func.HttpResponse:
    """Adds a copy under another id. Runs nothing.

    It has the list and the schedule of the other one: unless that is off, it runs by itself with the next refresh or
    due time, too.
    """
    body = read_body(asked.req, DuplicateBody)
    return saved_answer(duplicate(asked.app, asked.caller, asked.id, body.id, body.display_name or ""), "exports")


@endpoint(
    "POST",
    "exports/{id}/detach",
    answer=Export,
    first=Started,
    headers=(MEMBERS_STAY,),
    body=EndBody,
    parameters=(IF_MATCH,),
    problems=(400, 404, 409, 412, 413, 422),
)
def detach_export(asked: Asked) -> func.HttpResponse:
    """Takes the connection away: the export is inactive, and keeps its settings.

    Its list's members stay, or leave it first, as with DELETE.
    """
    body, expected = read_body(asked.req, EndBody), asked.if_match(required=False)
    if first := _first(asked, "detach_export", body.members, expected, accept=body.accept):
        return first
    return saved_answer(detach(asked.app, asked.caller, asked.id, expected), "exports")


@endpoint("POST", "exports/{id}/why", answer=Answer, body=WhyBody, problems=(400, 404, 409, 413, 422))
def why_not_in_list(asked: Asked) -> func.HttpResponse:
    """Why one person is not in the export's list, or that they are: in words, with its evidence and what to do.

    The person is named by their address, or by their customer id, where their row has no usable address. The answer
    never has the address. 422 for what is neither.
    """
    body = read_body(asked.req, WhyBody)
    person = customer_of(body.customer_id) if body.customer_id is not None else person_of(body.email or "")
    return json_answer(why(asked.app, asked.caller, asked.id, person))


@endpoint("POST", "exports/{id}/reset", answer=Reset, problems=(404, 409))
def reset_export(asked: Asked) -> func.HttpResponse:
    """Forgets what the export has sent, and sends nothing.

    Its next run sends all contacts and, but with mirror_exact, removes nobody.
    """
    return json_answer(reset(asked.app, asked.caller, asked.id))


def saved_answer(saved: Saved[Any], kind: str) -> func.HttpResponse:
    """What was saved, as it is now, with its ETag."""
    item: Connection | Export = saved.item
    headers = {"ETag": f'"{saved.etag}"', **_staying(saved.members_stay)}
    if saved.is_new:
        headers["Location"] = f"/api/{kind}/{item.id}"
    return json_answer(item, 201 if saved.is_new else 200, headers)
