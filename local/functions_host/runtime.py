"""The function app inside Microsoft's Python worker library: index it, run its functions."""

from __future__ import annotations

import asyncio
import contextvars
import json
import logging
import os
import sys
import threading
import time
import uuid
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import azure_functions_runtime as worker_library  # type: ignore[import-untyped]

from local.functions_host import rpc

_log = logging.getLogger("local.functions_host")

TRIGGERS = ("httpTrigger", "timerTrigger", "queueTrigger", "eventGridTrigger")
_SUPPORTED_BINDINGS = {*TRIGGERS, "http"}
_async_function: contextvars.ContextVar[str] = contextvars.ContextVar("running function", default="")


class AppError(Exception):
    """The function app cannot be loaded or uses what this host lacks; the message says which."""


@dataclass(frozen=True)
class Function:
    """A function of the app. Shape: `trigger` is its binding, as in function.json."""

    name: str
    function_id: str
    trigger: Mapping[str, Any]

    @property
    def trigger_type(self) -> str:
        """One of TRIGGERS."""
        return str(self.trigger["type"])


@dataclass(frozen=True)
class Outcome:
    """How one invocation went; `error` has the exception with its trace."""

    succeeded: bool
    return_value: rpc.TypedData | None = None
    error: str = ""


@dataclass(frozen=True)
class Call:
    """What a trigger hands to a function."""

    data: rpc.TypedData
    reason: str
    metadata: Mapping[str, rpc.TypedData] = field(default_factory=dict)


class Runtime:
    """A loaded function app. Functions run side by side: `def` in a thread pool, `async def` in a loop."""

    def __init__(self, app_directory: Path) -> None:
        self._app_directory = app_directory.resolve()
        self._loop = asyncio.new_event_loop()
        self._running: dict[str, str] = {}
        threading.Thread(target=self._loop.run_forever, name="functions", daemon=True).start()

    def load(self) -> list[Function]:
        """Import `function_app.py` and index its functions. The app's directory becomes the current one.

        Raises: AppError.
        """
        if not (self._app_directory / "function_app.py").is_file():
            raise AppError(f"{self._app_directory} has no function_app.py")
        os.chdir(self._app_directory)
        sys.path.insert(0, str(self._app_directory))
        return asyncio.run_coroutine_threadsafe(self._load(), self._loop).result()

    def start(self, function: Function, call: Call) -> Future[Outcome]:
        """Run a function once. The future never raises: an exception of the function is a failed outcome."""
        return asyncio.run_coroutine_threadsafe(self._invoke(function, call), self._loop)

    def running_function(self) -> str:
        """Name the function that the calling thread or task runs for, or `host`."""
        invocation_id = worker_library.invocation_id_cv.get()
        return self._running.get(invocation_id, "") or _async_function.get() or "host"

    async def _load(self) -> list[Function]:
        worker_library.start_threadpool_executor()
        started = await worker_library.worker_init_request(
            _request(worker_init_request=rpc.WorkerInitRequest(str(self._app_directory)))
        )
        _require_success(started.result)
        found = await worker_library.functions_metadata_request(_request())
        _require_success(found.result)
        functions = [_function(metadata) for metadata in found.function_metadata_results or ()]
        for function in functions:
            load = rpc.FunctionLoadRequest(function.function_id)
            _require_success((await worker_library.function_load_request(_request(function_load_request=load))).result)
        return functions

    async def _invoke(self, function: Function, call: Call) -> Outcome:
        invocation_id = str(uuid.uuid4())
        request = rpc.InvocationRequest(
            invocation_id=invocation_id,
            function_id=function.function_id,
            input_data=[rpc.ParameterBinding(str(function.trigger["name"]), call.data)],
            trigger_metadata=call.metadata,
            trace_context=_new_trace(),
        )
        self._running[invocation_id] = function.name
        _async_function.set(function.name)
        started = time.monotonic()
        _log.info("Executing 'Functions.%s' (Reason='%s', Id=%s)", function.name, call.reason, invocation_id)
        try:
            response = await worker_library.invocation_request(_request(invocation_request=request))
        finally:
            self._running.pop(invocation_id, None)
        outcome = _outcome(response)
        words = ("Executed 'Functions.%s' (%s, Id=%s, Duration=%dms)%s%s", function.name)
        duration_ms = (time.monotonic() - started) * 1000
        if outcome.succeeded:
            _log.info(*words, "Succeeded", invocation_id, duration_ms, "", "")
        else:
            _log.error(*words, "Failed", invocation_id, duration_ms, "\n", outcome.error)
        return outcome


def _request(**message: Any) -> rpc.WorkerRequest:
    return rpc.WorkerRequest(rpc.StreamingMessage(**message), {"host": "127.0.0.1", "protos": rpc})


def _new_trace() -> rpc.TraceContext:
    return rpc.TraceContext(trace_parent=f"00-{uuid.uuid4().hex}-{uuid.uuid4().hex[:16]}-00")


def _require_success(result: rpc.StatusResult) -> None:
    if result.status != rpc.StatusResult.Success:
        error = result.exception or rpc.RpcException("unknown error")
        raise AppError(f"the function app cannot be loaded: {error.message}\n{error.stack_trace}")


def _function(metadata: rpc.RpcFunctionMetadata) -> Function:
    bindings = [json.loads(text) for text in metadata.raw_bindings]
    lacking = sorted({str(binding["type"]) for binding in bindings} - _SUPPORTED_BINDINGS)
    if lacking:
        raise AppError(f"function {metadata.name} has bindings that this host lacks: {', '.join(lacking)}")
    triggers = [binding for binding in bindings if binding["type"] in TRIGGERS]
    if len(triggers) != 1:
        raise AppError(f"function {metadata.name} has {len(triggers)} triggers, and needs one")
    return Function(metadata.name, metadata.function_id, triggers[0])


def _outcome(response: rpc.InvocationResponse) -> Outcome:
    if response.result.status == rpc.StatusResult.Success:
        return Outcome(True, response.return_value)
    error = response.result.exception or rpc.RpcException("unknown error")
    return Outcome(False, error=f"{error.message}\n{error.stack_trace}".rstrip())
