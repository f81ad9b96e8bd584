"""The control endpoints under `/admin`, for the master key: run a function now, see the workers."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from local.functions_host.event_grid import event_call
from local.functions_host.http_functions import http_call
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
        call = (request.method.upper(), request.path.strip("/").lower().split("/")[1:])
        if call in (("GET", ["host", "ping"]), ("POST", ["host", "ping"])):
            return Response(200)
        presented = request.presented_key()
        if not self._keys.allows_admin(presented):
            return Response(self._keys.refusal_status(presented))
        match call:
            case ("GET", ["host", "status"]):
                return Response.of_json(200, {"id": "local", "state": "Running", "processId": os.getpid()})
            case ("GET", ["host", "workers"]):
                return Response.of_json(200, {"host": os.getpid(), "workers": self._workers()})
            case ("GET", ["functions"]):
                return Response.of_json(200, [_describe(function) for function in self._functions.values()])
            case ("GET", ["functions", name]) if name in self._functions:
                return Response.of_json(200, _describe(self._functions[name]))
            case ("POST", ["functions", name]):
                return self._run_now(name, request)
        return Response(404)

    def _run_now(self, name: str, request: Request) -> Response:
        """Start a run and answer 202 without waiting for it, as the real host does."""
        if request.content_type != "application/json":
            return Response(415)
        try:
            given = _input(request.body)
            if name not in self._functions:
                return Response(404)
            call = self._call(self._functions[name], given, request)
        except ValueError as error:
            return Response.of_text(400, str(error))
        self._runtime.start(self._functions[name], call)
        return Response(202)

    def _call(self, function: Function, given: str, request: Request) -> Call:
        if function.name in self._timers:
            return self._timers[function.name].call_now()
        if function.trigger_type == "queueTrigger":
            return message_call(given)
        if function.trigger_type == "eventGridTrigger":
            return event_call(json.loads(given))
        return http_call(replace(request, target=request.path), given.encode(), {})


def _input(body: bytes) -> str:
    """The text in `input`; empty where there is none. Raises: ValueError."""
    content = json.loads(body)
    if not isinstance(content, dict) or not isinstance(content.get("input"), str | None):
        raise ValueError('the body is {"input": TEXT}; an object or a number goes into it as JSON text')
    return content.get("input") or ""


def _describe(function: Function) -> dict[str, Any]:
    return {"name": function.name, "config": {"bindings": [dict(function.trigger)]}}
