"""The OpenAPI document: every route is in it, and its examples fit their schemas."""

from jsonschema import Draft202012Validator

import export_trigger.blueprint  # noqa: F401 - registers the routes
from export_trigger.entry import ENDPOINTS
from export_trigger.examples import ANSWERS, BODIES
from export_trigger.openapi import openapi_document


def test_examples_fit_their_schemas() -> None:
    document = openapi_document()
    seen = 0
    for methods in document["paths"].values():
        for operation in methods.values():
            contents = [operation.get("requestBody", {}), *operation["responses"].values()]
            for content in (media for each in contents for media in each.get("content", {}).values()):
                for example in content.get("examples", {}).values():
                    schema = {**content["schema"], "components": document["components"]}
                    Draft202012Validator(schema).validate(example["value"])
                    seen += 1
    assert seen >= len(BODIES) + len(ANSWERS)


def test_each_operation_is_described_with_all_that_its_handler_says() -> None:
    document = openapi_document()
    for endpoint in ENDPOINTS:
        operation = document["paths"][f"/{endpoint.route}"][endpoint.method.lower()]
        said = f"{operation['summary']} {operation.get('description', '')}"
        assert said.split() == endpoint.words.split(), endpoint.name
        assert "\n" not in said.replace("\n\n", ""), endpoint.name
    assert "removes nobody" in document["paths"]["/exports/{id}/reset"]["post"]["description"]


def test_every_route_of_the_design_is_described() -> None:
    found = {(method.upper(), path) for path, methods in openapi_document()["paths"].items() for method in methods}
    expected = """
    GET /exports|GET /exports/{id}|PUT /exports/{id}|DELETE /exports/{id}|POST /exports/{id}/runs|POST /runs
    GET /exports/{id}/runs|GET /runs/{id}|POST /runs/{id}/cancel|GET /runs/{id}/rejected-rows
    POST /exports/{id}/preview|POST /exports/{id}/duplicate|POST /exports/{id}/detach|GET /connections
    POST /exports/{id}/trial|POST /exports/{id}/why|POST /exports/{id}/plan
    POST /runs/{id}/approve|POST /runs/{id}/undo|POST /exports/{id}/reset
    POST /exports/{id}/verify
    GET /connections/{id}|PUT /connections/{id}|DELETE /connections/{id}|POST /connections/{id}/connect
    GET /connections/{id}/lists|GET /connections/{id}/attributes|POST /connections/{id}/disconnect
    GET /segments|GET /history|POST /history/{id}/restore|POST /exports/preview
    POST /webhook|POST /imports/{run}/{batch}/{token}|GET /openapi.json|GET /health|GET /audit
    """
    lines = [part.strip() for line in expected.strip().splitlines() for part in line.split("|")]
    assert found == {tuple(line.split()) for line in lines}
