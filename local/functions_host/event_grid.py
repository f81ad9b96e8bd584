"""Event Grid triggers: the webhook that Event Grid delivers to.

Source: HttpRequestProcessor in
https://github.com/Azure/azure-sdk-for-net/tree/main/sdk/eventgrid/Microsoft.Azure.WebJobs.Extensions.EventGrid
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from local.functions_host.http_messages import Request, Response
from local.functions_host.keys import Keys
from local.functions_host.rpc import TypedData
from local.functions_host.runtime import Call, Function, Runtime

WEBHOOK_PATH = "/runtime/webhooks/eventgrid"
_EVENT_REASON = "EventGrid trigger fired."
_METHODS = ("GET", "POST", "PUT", "DELETE", "OPTIONS")
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_log = logging.getLogger("local.functions_host.event_grid")


def webhook_url(base_url: str, function_name: str, key: str) -> str:
    """The address of an event subscription for a function."""
    return f"{base_url}{WEBHOOK_PATH}?functionName={quote(function_name)}&code={quote(key)}"


def event_call(event: Any) -> Call:
    """What an Event Grid function is handed for one event, of either schema."""
    return Call(TypedData(json=json.dumps(event)), _EVENT_REASON)


class EventGridWebhook:
    """Answers at WEBHOOK_PATH; runs the function once for each event."""

    def __init__(self, functions: Sequence[Function], runtime: Runtime, keys: Keys, *, timeout_seconds: float) -> None:
        found = [function for function in functions if function.trigger_type == "eventGridTrigger"]
        self._functions = {function.name: function for function in found}
        self._runtime = runtime
        self._keys = keys
        self._timeout_seconds = timeout_seconds

    def function_names(self) -> list[str]:
        """Name the functions that take events."""
        return [function.name for function in self._functions.values()]

    def respond(self, request: Request) -> Response:
        """Answer a delivery: 202 taken, 400 not a delivery, 500 raised or unreadable (Event Grid then sends again)."""
        if request.method.upper() not in _METHODS:
            return Response(404)
        presented = request.presented_key()
        if not self._keys.allows_event_grid(presented):
            return Response(self._keys.refusal_status(presented))
        name = request.parameter("functionName") or ""
        function = self._functions.get(name)
        if function is None:
            return Response.of_text(404, f"cannot find function: '{name}'")
        if request.method.upper() == "OPTIONS":
            return _allow_cloud_events(request)
        try:
            return self._take(function, request)
        except (ValueError, LookupError, TypeError) as error:
            _log.error("a delivery to '%s' cannot be read: %s", name, error)
            return Response(500)

    def _take(self, function: Function, request: Request) -> Response:
        kind = request.headers.get("aeg-event-type", "").lower()
        if kind == "unsubscribe":
            return Response(202)
        # The extension reads a form before the body, which is then at its end.
        body = b"" if request.content_type in _FORMS else request.body
        if kind == "subscriptionvalidation":
            code = json.loads(body)[0]["data"]["validationCode"]
            return Response.of_json(200, {"validationResponse": code})
        if kind == "notification":
            return self._deliver(function, json.loads(body))
        return Response(400)

    def _deliver(self, function: Function, body: Any) -> Response:
        events = body if isinstance(body, list) else [body]
        if not all(isinstance(event, dict) for event in events):
            raise ValueError("an event is an object")
        futures = [self._runtime.start(function, event_call(event)) for event in events]
        try:
            outcomes = [future.result(timeout=self._timeout_seconds) for future in futures]
        except TimeoutError:
            return Response(504)
        return Response(202 if all(outcome.succeeded for outcome in outcomes) else 500)


def _allow_cloud_events(request: Request) -> Response:
    origin = request.headers.get("webhook-request-origin")
    return Response(200, headers=(("WebHook-Allowed-Origin", origin),) if origin else ())
