"""Which page stands at which address. Each module of pages registers its own here."""

from collections.abc import Callable

import azure.functions as func
from werkzeug.routing import Map, Rule

from export_trigger.pages.visit import Visit

Handler = Callable[[Visit], func.HttpResponse]
MAP = Map(strict_slashes=False)


def page(method: str, path: str) -> Callable[[Handler], Handler]:
    """Registers a page. One that is sent (POST) changes something, and its form has the token."""

    def register(handler: Handler) -> Handler:
        MAP.add(Rule(path, endpoint=handler, methods=[method]))
        return handler

    return register


def opens(path: str) -> bool:
    """True where a link may lead to this path below the pages' root; the root itself always opens."""
    return path in ("", "/") or MAP.bind("").test(path, "GET")
