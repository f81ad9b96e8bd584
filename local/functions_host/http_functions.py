"""HTTP triggers: finds the function of a request, checks its key, runs it, and passes its answer on."""

from __future__ import annotations

from collections.abc import Sequence
from email.utils import formatdate

from local.functions_host.http_messages import Request, Response
from local.functions_host.keys import Keys
from local.functions_host.routes import Route
from local.functions_host.rpc import RpcHttp, RpcHttpCookie, TypedData
from local.functions_host.runtime import Call, Function, Runtime


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
        found = [(_route(function, route_prefix), function) for function in functions if _is_http(function)]
        self._routes = sorted(found, key=lambda pair: pair[0].precedence())

    def respond(self, request: Request) -> Response:
        """Answer as the platform does: 404 no such route, 401 no key, 500 raised, 504 too slow."""
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
        http = RpcHttp(
            method=request.method,
            url=request.url,
            headers=request.headers,
            body=TypedData(bytes=request.body) if request.body else TypedData(),
            params=parameters,
            query=request.query(),
        )
        future = self._runtime.start(function, Call(TypedData(http=http), "This function was programmatically called."))
        try:
            outcome = future.result(timeout=self._timeout_seconds)
        except TimeoutError:
            return Response.of_text(504, "504.0 GatewayTimeout")
        return _response(outcome.return_value) if outcome.succeeded else Response(500)


def _is_http(function: Function) -> bool:
    return function.trigger_type == "httpTrigger"


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
