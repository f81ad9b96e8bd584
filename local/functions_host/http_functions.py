"""HTTP triggers: finds the function of a request, checks its key, runs it, and passes its answer on."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from email.utils import formatdate

from local.functions_host.http_messages import Request, Response
from local.functions_host.keys import Keys
from local.functions_host.routes import Route, RouteError, upper_ascii
from local.functions_host.rpc import RpcHttp, RpcHttpCookie, TypedData
from local.functions_host.runtime import Call, Function, Runtime

_log = logging.getLogger("local.functions_host")


class HttpFunctions:
    """The routes of an app. Units: `timeout_seconds` is when the caller is cut off; the function runs on."""

    def __init__(
        self,
        functions: Sequence[Function],
        runtime: Runtime,
        keys: Keys,
        *,
        route_prefix: str,
        timeout_seconds: float,
    ) -> None:
        self._runtime = runtime
        self._keys = keys
        self._timeout_seconds = timeout_seconds
        self._routes = _usable_routes(functions, route_prefix)

    def respond(self, request: Request) -> Response:
        """Answer as the platform does: 404 no such route, 401 no key, 500 raised, 504 too slow.

        The first route that matches wins, in the order of the functions' names: a literal has no precedence.
        """
        for route, function in self._routes:
            parameters = route.match(request.method, request.path)
            if parameters is None:
                continue
            level = str(function.trigger.get("authLevel") or "function")
            if not self._keys.allows_function(level, function.name, request.presented_key()):
                return Response(401)
            return self._run(function, request, parameters)
        return Response(404)

    def _run(self, function: Function, request: Request, parameters: dict[str, str]) -> Response:
        future = self._runtime.start(function, http_call(request, _body_for_functions(request), parameters))
        try:
            outcome = future.result(timeout=self._timeout_seconds)
        except TimeoutError:
            return Response.of_text(504, "504.0 GatewayTimeout")
        return _response(outcome.return_value) if outcome.succeeded else Response(500)


def http_call(request: Request, body: bytes, parameters: dict[str, str]) -> Call:
    """What an HTTP function is handed."""
    http = RpcHttp(
        method=request.method,
        url=request.url,
        headers=request.headers,
        body=TypedData(bytes=body) if body else TypedData(),
        params=parameters,
        query=request.query(),
    )
    return Call(TypedData(http=http), "This function was programmatically called.")


def _body_for_functions(request: Request) -> bytes:
    """What reaches a function: only a body whose length was announced.

    Source: GrpcMessageConversionExtensions in https://github.com/Azure/azure-functions-host, which reads the body
    where `ContentLength` is over 0 (2026-11).
    """
    return b"" if "transfer-encoding" in request.headers else request.body


def _usable_routes(functions: Sequence[Function], prefix: str) -> list[tuple[Route, Function]]:
    """The routes in the order in which the real host tries them. A function that it refuses is logged and left out."""
    routes: list[tuple[Route, Function]] = []
    http_functions = [function for function in functions if function.trigger_type == "httpTrigger"]
    for function in sorted(http_functions, key=lambda function: upper_ascii(function.name)):
        try:
            route = _route(function, prefix)
        except RouteError as error:
            _log.error("The '%s' function is in error: %s", function.name, error)
            continue
        rival = next((other.name for known, other in routes if route.conflicts_with(known)), None)
        if rival is None:
            routes.append((route, function))
        else:
            _log.error("The '%s' function is in error: its route conflicts with that of '%s'", function.name, rival)
    return routes


def _route(function: Function, prefix: str) -> Route:
    template = function.trigger.get("route")
    own = function.name if template is None else str(template)
    methods = [str(getattr(method, "value", method)) for method in function.trigger.get("methods") or ()]
    return Route.parse(f"{prefix}/{own.lstrip('/')}", methods)


def _response(value: TypedData | None) -> Response:
    if value is None or value.WhichOneof("data") is None:
        return Response(204)
    if value.WhichOneof("data") != "http":
        return Response.of_text(200, str(value.value))
    http: RpcHttp = value.value
    headers = [*http.headers.items(), *(("Set-Cookie", _cookie(cookie)) for cookie in http.cookies or ())]
    return Response(int(http.status_code), _bytes(http.body), tuple(headers))


def _bytes(body: TypedData) -> bytes:
    data = body.value
    if data is None:
        return b""
    return data if isinstance(data, bytes) else str(data).encode()


def _cookie(cookie: RpcHttpCookie) -> str:
    parts = [f"{cookie.name}={cookie.value}"]
    if cookie.expires is not None:
        parts.append(f"expires={formatdate(cookie.expires.value.seconds, usegmt=True)}")
    for name, attribute in (("max-age", cookie.max_age), ("domain", cookie.domain), ("path", cookie.path)):
        if attribute is not None and attribute.value not in ("", None):
            parts.append(f"{name}={attribute.value:g}" if name == "max-age" else f"{name}={attribute.value}")
    if cookie.secure is not None and cookie.secure.value:
        parts.append("secure")
    if cookie.same_site is not None:
        parts.append(f"samesite={cookie.same_site.lower()}")
    if cookie.http_only is not None and cookie.http_only.value:
        parts.append("httponly")
    return "; ".join(parts)
