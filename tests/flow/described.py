"""Compares an answer with the served OpenAPI description, in which no object may have a field that is not described."""

import json
from typing import Any

import azure.functions as func
from jsonschema import Draft202012Validator

from export_trigger.entry import Endpoint
from export_trigger.openapi import openapi_document

OF_EVERY_ANSWER = ("Cache-Control", "X-Content-Type-Options")


def closed(schema: Any) -> Any:
    """The schema with every object closed, but for those whose keys are data: these describe their values."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {name: closed(value) for name, value in schema.items()}
    is_object = schema.get("type") == "object"
    if is_object and schema.get("additionalProperties", True) is True:
        inner["additionalProperties"] = False
    return inner


def check_described(endpoint: Endpoint, answer: func.HttpResponse) -> None:
    """Fails where the answer's status, media type or any header or field is not in the description."""
    document = openapi_document()
    operation = document["paths"][f"/{endpoint.route}"][endpoint.method.lower()]
    response = operation["responses"][str(answer.status_code)]
    described = response.get("content", {})
    others = {*answer.headers.keys()} - {*response.get("headers", {}), *OF_EVERY_ANSWER}
    assert not others, (endpoint.name, answer.status_code, others)
    if answer.status_code == 202:
        assert {*response["headers"]} <= {*answer.headers.keys()}, endpoint.name
    if not answer.get_body():
        assert not described, (endpoint.name, answer.status_code)
        return
    assert answer.mimetype in described, (endpoint.name, answer.status_code, answer.mimetype)
    if answer.mimetype == "text/csv":
        return
    schema = closed(described[answer.mimetype]["schema"]) | {"components": closed(document["components"])}
    errors = Draft202012Validator(schema).iter_errors(json.loads(answer.get_body()))
    faults = [f"{error.json_path}: {error.message}" for error in errors]
    assert not faults, (endpoint.name, answer.status_code, faults)
