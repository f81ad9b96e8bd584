"""The control endpoints under `/admin`, for the master key: run a function now, see the workers."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from local.functions_host.event_grid import event_call
from local.functions_host.http_messages import Request, Response
from local.functions_host.keys import Keys
from local.functions_host.queues import message_call
from local.functions_host.runtime import Call, Function, Runtime
from local.functions_host.timers import Timer


class Admin:
    """Answers everything under /admin."""

    def __init__(
        self,
        functions: Sequence[Function],
        runtime: Runtime,
        keys: Keys,
        *,
        timers: Mapping[str, Timer],
        workers: Callable[[], list[dict[str, Any]]],
    ) -> None:
        self._functions = {function.name.lower(): function for function in functions}
        self._runtime = runtime
        self._keys = keys
        self._timers = timers
        self._workers = workers

    def respond(self, request: Request) -> Response:
        """Answer a control call."""
        if not self._keys.allows_admin(request.presented_key()):
            return Response(401)
        match (request.method, request.path.strip("/").lower().split("/")[1:]):
            case ("GET" | "POST", ["host", "ping"]):
                return Response(200)
            case ("GET", ["host", "status"]):
                return Response.of_json(200, {"id": "local", "state": "Running", "processId": os.getpid()})
            case ("GET", ["host", "workers"]):
                return Response.of_json(200, {"host": os.getpid(), "workers": self._workers()})
            case ("GET", ["functions"]):
                return Response.of_json(200, [_describe(function) for function in self._functions.values()])
            case ("GET", ["functions", name]) if name in self._functions:
                return Response.of_json(200, _describe(self._functions[name]))
            case ("POST", ["functions", name]) if name in self._functions:
                return self._run_now(self._functions[name], request.body)
        return Response(404)

    def _run_now(self, function: Function, body: bytes) -> Response:
        """Start a run and answer 202 without waiting for it, as the real host does."""
        try:
            given = json.loads(body or b"{}")
            call = self._call(function, given.get("input") if isinstance(given, dict) else None)
        except ValueError as error:
            return Response.of_text(400, str(error))
        self._runtime.start(function, call)
        return Response(202)

    def _call(self, function: Function, given: Any) -> Call:
        if function.name in self._timers:
            return self._timers[function.name].call_now()
        text = given if isinstance(given, str) else json.dumps(given)
        if function.trigger_type == "queueTrigger":
            return message_call(text)
        if function.trigger_type == "eventGridTrigger":
            return event_call(json.loads(given) if isinstance(given, str) else given)
        raise ValueError(f"{function.name} is an HTTP function: call its route")


def _describe(function: Function) -> dict[str, Any]:
    return {"name": function.name, "config": {"bindings": [dict(function.trigger)]}}
