"""The API's description, OpenAPI 3.1: made from the routes and from the models that check what comes in."""

import re
from functools import lru_cache
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.json_schema import JsonSchemaMode

from export_trigger.entry import ENDPOINTS, Endpoint, Parameter
from export_trigger.examples import ANSWERS, BODIES
from export_trigger.shapes import LIST_NAME, ProblemDetails, Started
from shared.administration.connections import Disconnected
from shared.administration.history import ConfigurationVersion, Restored
from shared.config.base import Id
from shared.config.models import Connection, Export

_SCHEMAS = "#/components/schemas/"
_REASONS = {
    400: "What was sent is wrong in its form; `errors` names each field.",
    401: "No key: the platform's answer, which has no body. Or nobody is signed in.",
    403: "The caller's role may not do this.",
    404: "There is no such thing.",
    409: "The request is right, and something else must change first.",
    411: "The body was sent in chunks, without its Content-Length.",
    412: "Somebody has changed it since the ETag was read.",
    413: "The body is too large.",
    422: "The form is right, and what it says is not possible; `errors` names each field.",
    428: "If-Match is missing.",
    503: "Storage or Brevo does not answer now; try again after `Retry-After` seconds.",
}
_MEANINGS = {200: "Done.", 201: "Added.", 202: "Taken on; `Retry-After` says when to look.", 204: "Done; no content."}
_HEADERS = {
    "ETag": "Changes when the item does.",
    "Location": "Where it is.",
    "Retry-After": "In how many seconds to look again.",
    "Link": "The next page, or part.",
    "Content-Disposition": "A name for the file.",
    "X-Continuation-Token": "What the next page's `continuation` is.",
    "Allow": "The methods that the path takes.",
    "X-Members-Stay": "How many contacts the export has put into the list that it leaves, where that is known.",
}
_DESCRIPTION = """\
Exports Dynamics 365 Customer Insights segments to Brevo lists.

Changes carry `If-Match` with the ETag that was read; a stale one is 412, and nothing is lost. Saving runs nothing.
Errors are problems as RFC 9457 has them; each kind has its own `type`. Who may do what is in docs/permissions.md."""


@lru_cache(maxsize=1)
def openapi_document() -> dict[str, Any]:
    """The whole document, as plain values."""
    references, schemas = _components()
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in ENDPOINTS:
        paths.setdefault(f"/{endpoint.route}", {})[endpoint.method.lower()] = _operation(endpoint, references)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Segment Export", "version": "1", "description": _DESCRIPTION},
        "servers": [{"url": "/api"}],
        "security": [{"key": []}, {"key_in_query": []}],
        "paths": dict(sorted(paths.items())),
        "components": {
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": "x-functions-key"},
                "key_in_query": {"type": "apiKey", "in": "query", "name": "code"},
            },
            "schemas": schemas,
        },
    }


_WITH_ETAG = (Connection, Export, Disconnected, Restored, list[ConfigurationVersion])
# A type of a body or an answer, and whether it is read or written: what its schema is found by.
_References = dict[tuple[Any, JsonSchemaMode], dict[str, Any]]


def _components() -> tuple[_References, dict[str, Any]]:
    types: dict[tuple[Any, JsonSchemaMode], None] = {(ProblemDetails, "serialization"): None}
    for endpoint in ENDPOINTS:
        if endpoint.body is not None:
            types[endpoint.body, "validation"] = None
        for answer in (endpoint.answer, endpoint.first):
            if answer is not None and not isinstance(answer, str):
                types[answer, "serialization"] = None
    inputs = [(found, mode, TypeAdapter(found)) for found, mode in types]
    references, definitions = TypeAdapter.json_schemas(inputs, ref_template=f"{_SCHEMAS}{{model}}")
    schemas: dict[str, Any] = dict(sorted(definitions["$defs"].items()))
    _close(schemas)
    for model in (Connection, Export):
        _as_body(schemas[_name(references[model, "validation"])], model)
    return references, schemas


def _close(value: Any) -> None:
    """A dictionary's keys have the form that is told, and no other."""
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _close(inner)
    if isinstance(value, dict) and "patternProperties" in value:
        value["additionalProperties"] = False


def _as_body(schema: dict[str, Any], model: type[BaseModel]) -> None:
    """A body may leave out the id, which is in the path, and name its list instead of numbering it."""
    schema["required"] = [name for name in schema["required"] if name not in ("id", "list_id")]
    if model is Export:
        schema["properties"]["list_name"] = LIST_NAME
        schema["oneOf"] = [{"required": ["list_id"]}, {"required": ["list_name"]}]


def _name(reference: dict[str, Any]) -> str:
    return str(reference["$ref"]).removeprefix(_SCHEMAS)


def _operation(endpoint: Endpoint, references: _References) -> dict[str, Any]:
    problem = references[ProblemDetails, "serialization"]
    responses = {str(status): _success(endpoint, status, references) for status in _successes(endpoint)}
    always = () if endpoint.anonymous else (400, 401, 403)
    bodies = () if endpoint.body is None else (411,)
    for status in sorted({*always, *bodies, *endpoint.problems, 503}):
        responses[str(status)] = _problem(status, problem)
    summary, *others = (" ".join(part.split()) for part in endpoint.words.split("\n\n"))
    found: dict[str, Any] = {
        "operationId": endpoint.name,
        "summary": summary,
        **({"description": "\n\n".join(others)} if others else {}),
        "parameters": [*_path_parameters(endpoint), *map(_parameter, endpoint.parameters)],
        "responses": responses,
    }
    if endpoint.body is not None:
        content = {"schema": references[endpoint.body, "validation"]}
        if endpoint.name in BODIES:
            content["examples"] = {"example": {"value": BODIES[endpoint.name]}}
        found["requestBody"] = {
            "required": not _takes_nothing(endpoint.body),
            "content": {"application/json": content},
        }
    if endpoint.anonymous:
        found["security"] = []
    return found


def _takes_nothing(model: type[BaseModel]) -> bool:
    """An empty body stands for `{}`."""
    try:
        model.model_validate({})
    except ValidationError:
        return False
    return True


def _successes(endpoint: Endpoint) -> tuple[int, ...]:
    if endpoint.first is not None:
        return (endpoint.status, 202)
    return (200, 201) if endpoint.method == "PUT" else (endpoint.status,)


def _success(endpoint: Endpoint, status: int, references: _References) -> dict[str, Any]:
    found: dict[str, Any] = {"description": _MEANINGS[status]}
    names = _headers_of(endpoint, status)
    if names:
        found["headers"] = {name: _header(name) for name in names}
    answer = _answer_of(endpoint, status)
    if answer is None:
        return found
    if isinstance(answer, str):
        found["content"] = {answer: {"schema": {"type": "string"}}}
        return found
    found["content"] = {"application/json": {"schema": references[answer, "serialization"]}}
    if endpoint.name in ANSWERS and answer is endpoint.answer:
        found["content"]["application/json"]["examples"] = {"example": {"value": ANSWERS[endpoint.name]}}
    return found


def _answer_of(endpoint: Endpoint, status: int) -> Any:
    return endpoint.first if endpoint.first is not None and status == 202 else endpoint.answer


def _headers_of(endpoint: Endpoint, status: int) -> list[str]:
    if status == 202:
        return ["Location", "Retry-After"] if _answer_of(endpoint, status) is Started else ["Retry-After"]
    names = ["Location"] if status == 201 else []
    if endpoint.answer in _WITH_ETAG or endpoint.route == "connections/{id}":
        names += ["ETag"] if status != 204 else []
    if any(parameter.name == "continuation" for parameter in endpoint.parameters):
        names += ["Link", "X-Continuation-Token"]
    return [*names, *endpoint.headers]


def _problem(status: int, schema: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"description": _REASONS[status]}
    if status == 503:
        found["headers"] = {"Retry-After": _header("Retry-After")}
    found["content"] = {"application/problem+json": {"schema": schema}}
    return found


def _header(name: str) -> dict[str, Any]:
    return {"description": _HEADERS[name], "schema": {"type": "string"}}


def _path_parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    """What is looked up may be any text, which is not found then; what is saved must be an id."""
    form = TypeAdapter(Id).json_schema() if endpoint.method == "PUT" else {"type": "string", "minLength": 1}
    return [
        {"name": name, "in": "path", "required": True, "schema": form}
        for name in re.findall(r"\{(\w+)\}", endpoint.route)
    ]


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": parameter.place,
        "required": parameter.required,
        "description": parameter.words,
        "schema": dict(parameter.schema),
    }
