"""Asks a route for an answer, as somebody of a role."""

import base64
import json
import uuid
from urllib.parse import urlencode

import azure.functions as func
import pytest

import export_trigger.blueprint  # noqa: F401 - registers the routes
from export_trigger import entry
from export_trigger.entry import ENDPOINTS

CSV = "CustomerId,EMail,FirstName\n1,ana@example.com,Ana\n2,ben@example.com,Ben\n"
ROUTES = {each.name: each for each in ENDPOINTS}


def principal(role, oid="0a"):
    """The platform's header for somebody of this role who is signed in."""
    claims = {"claims": [{"typ": "roles", "val": role}, {"typ": "oid", "val": oid}]}
    return {"X-MS-CLIENT-PRINCIPAL": base64.b64encode(json.dumps(claims).encode()).decode()}


@pytest.fixture
def asked(make_flow, monkeypatch):
    """Calls a route as a role; `asked.flow` is what is behind it."""
    location = f"settings-{uuid.uuid4().hex[:8]}/exports.json"
    flow = make_flow(EXPORT_CONFIG=location)
    flow.change(schedule="off")
    monkeypatch.setattr(entry, "open_app", lambda: flow.app)
    monkeypatch.setenv("WEBSITE_AUTH_ENABLED", "True")
    flow.segment(CSV)

    def save():
        document = json.dumps({"connections": flow.connections, "exports": flow.exports}).encode()
        flow.app.storage.app_blobs.write(*location.split("/"), document)

    def ask(name, role=None, headers=None, body=None, params=None, **path):
        endpoint = ROUTES[name]
        sent = dict(headers or {})
        if role:
            sent |= principal(role)
        request = func.HttpRequest(
            endpoint.method,
            f"https://app.example.com/api/{endpoint.route}?{urlencode(params or {})}",
            headers=sent,
            route_params={"id": flow.export_id, **path},
            body=b"" if body is None else json.dumps(body).encode(),
        )
        built = entry.blueprint._function_builders
        function = next(each.build(auth_level=None).get_user_function() for each in built if _name(each) == name)
        return function(request)

    ask.flow, ask.save = flow, save
    save()
    return ask


def _name(builder):
    return builder._function.get_function_name() or builder._function.get_user_function().__name__
