"""Sends each request to the part of the host that answers it."""

from __future__ import annotations

from local.functions_host.admin import Admin
from local.functions_host.event_grid import WEBHOOK_PATH, EventGridWebhook
from local.functions_host.http_functions import HttpFunctions
from local.functions_host.http_messages import Request, Response


class Front:
    """All addresses of the host."""

    def __init__(self, functions: HttpFunctions, event_grid: EventGridWebhook, admin: Admin) -> None:
        self._functions = functions
        self._event_grid = event_grid
        self._admin = admin

    def respond(self, request: Request) -> Response:
        """Answer a request."""
        path = request.path.removesuffix("/").lower()
        if _is_preflight(request):
            # The host's own CORS part ends it before any route; without allowed origins it allows nothing.
            return Response(204)
        if request.path == "/":
            return Response.of_text(200, "Your Functions app is up and running on the local functions host.")
        if path == "/admin" or path.startswith("/admin/"):
            return self._admin.respond(request)
        if path == WEBHOOK_PATH:
            return self._event_grid.respond(request)
        return self._functions.respond(request)


def _is_preflight(request: Request) -> bool:
    is_cross_origin = {"origin", "access-control-request-method"} <= request.headers.keys()
    return is_cross_origin and request.method.upper() == "OPTIONS"
