"""The served OpenAPI document is true: schemathesis tries it against the functions host, with all of its checks."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

import export_trigger.blueprint  # noqa: F401 - registers the routes
from export_trigger.examples import ANSWERS, BODIES
from export_trigger.openapi import openapi_document
from local.functions_host.http_messages import send
from local.sample_snapshots import SampleSnapshots
from local.stack import CONTAINER, Stack

pytestmark = pytest.mark.timeout(400)

SETTINGS = {"EXPORT_CONFIG": "settings/exports.json", "SNAPSHOT_QUIET_SECONDS": "0"}
CONSENT = {"consent": {"agreed_by": "Ana", "agreed_on": "2026-11-01"}}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("openapi"), SETTINGS).start(threading.Event()) as running:
        yield running


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


def test_every_route_of_the_design_is_described() -> None:
    found = {(method.upper(), path) for path, methods in openapi_document()["paths"].items() for method in methods}
    expected = """
    GET /exports|GET /exports/{id}|PUT /exports/{id}|DELETE /exports/{id}|POST /exports/{id}/runs|POST /runs
    GET /exports/{id}/runs|GET /runs/{id}|POST /runs/{id}/cancel|GET /runs/{id}/rejected-rows
    POST /exports/{id}/preview|POST /exports/{id}/duplicate|POST /exports/{id}/detach|GET /connections
    GET /connections/{id}|PUT /connections/{id}|DELETE /connections/{id}|POST /connections/{id}/connect
    POST /webhook|POST /imports/{run}/{batch}/{token}|GET /openapi.json|GET /health|GET /audit
    """
    lines = [part.strip() for line in expected.strip().splitlines() for part in line.split("|")]
    assert found == {tuple(line.split()) for line in lines}


@pytest.mark.parametrize(
    ("phases", "examples"),
    [("examples,fuzzing", 3), pytest.param("examples,coverage,fuzzing,stateful", 15, marks=pytest.mark.full)],
)
def test_served_document_is_true_of_every_route(stack: Stack, phases: str, examples: int) -> None:
    SampleSnapshots(("HighValueSegment", "LapsedCustomers"), 50).drop(stack.storage, CONTAINER)
    document = openapi_document()
    headers = {"x-functions-key": stack.host.key}
    bodies = {
        "connections/brevo-eu": _example(document, "/connections/{id}") | CONSENT,
        "exports/high-value": _example(document, "/exports/{id}"),
    }
    for path, body in bodies.items():
        answer = send("PUT", f"{stack.url}/api/{path}", headers=headers, body=json.dumps(body).encode())
        assert answer.status == 201, answer.body
    command = [
        sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()",
        "--config-file", str(Path(__file__).with_name("schemathesis.toml")),
        "run", f"{stack.url}/api/openapi.json",
        "--header", f"x-functions-key: {stack.host.key}",
        "--phases", phases, "--checks", "all", "--max-examples", str(examples), "--request-timeout", "30", "--no-color",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=360, cwd=stack.log_file.parent)
    assert done.returncode == 0, f"{done.stdout[-6000:]}\n{done.stderr[-2000:]}"


def _example(document: dict[str, Any], path: str) -> dict[str, Any]:
    return document["paths"][path]["put"]["requestBody"]["content"]["application/json"]["examples"]["example"]["value"]
