"""Which endpoint answers a path below /v3."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import unquote

from local.brevo_sandbox.answers import Answer, ApiError, Request
from local.brevo_sandbox.faults import FaultKind
from local.brevo_sandbox.world import World

Endpoint = Callable[[World, Request, FaultKind | None], Answer]


@dataclass(frozen=True, slots=True)
class Route:
    """An endpoint with its template, such as `GET /contacts/lists/{listId}`."""

    method: str
    template: str
    pattern: re.Pattern[str]
    endpoint: Endpoint

    @property
    def name(self) -> str:
        """Method and template; the name in the log and for scripted faults."""
        return f"{self.method} {self.template}"


_ROUTES: list[Route] = []


def find(method: str, path: str) -> tuple[Route, dict[str, str]]:
    """The route for a path below /v3, and the names in the path.

    Raises: ApiError 404, or 405 when only the method is wrong.
    """
    names: int | None = None
    for candidate in _ROUTES:
        found = candidate.pattern.fullmatch(path)
        # `/contacts/lists` is no contact of that name: a template with more names in it does not count.
        if found is None or (names is not None and len(found.groupdict()) > names):
            continue
        if candidate.method == method:
            return candidate, {name: unquote(text) for name, text in found.groupdict().items()}
        names = len(found.groupdict())
    if names is not None:
        raise ApiError(405, "method_not_allowed", "Method not allowed")
    raise ApiError(404, "document_not_found", "Route not found")


def route(method: str, template: str) -> Callable[[Endpoint], Endpoint]:
    """Register an endpoint under a method and a template."""
    pattern = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template))

    def register(endpoint: Endpoint) -> Endpoint:
        _ROUTES.append(Route(method, template, pattern, endpoint))
        _ROUTES.sort(key=lambda each: each.template.count("{"))
        return endpoint

    return register
