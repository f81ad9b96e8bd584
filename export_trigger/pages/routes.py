"""Which page stands at which address. Each module of pages registers its own here."""

from collections.abc import Callable

import azure.functions as func
from werkzeug.routing import Map, Rule

from export_trigger.pages.visit import Visit

Handler = Callable[[Visit], func.HttpResponse]
MAP = Map(strict_slashes=False)
_AGAIN: dict[Handler, Handler] = {}


def page(method: str, path: str) -> Callable[[Handler], Handler]:
    """Registers a page. One that is sent (POST) changes something, and its form has the token."""

    def register(handler: Handler) -> Handler:
        MAP.add(Rule(path, endpoint=handler, methods=[method]))
        return handler

    return register


def again(*handlers: Handler) -> Callable[[Handler], Handler]:
    """Registers what shows the forms of these pages once more, with all that was typed. It changes nothing."""

    def register(shown: Handler) -> Handler:
        _AGAIN.update(dict.fromkeys(handlers, shown))
        return shown

    return register


def again_of(handler: Handler) -> Handler | None:
    """What shows the form once more; None where nothing is typed into it."""
    return _AGAIN.get(handler)


def opens(path: str) -> bool:
    """True where a link may lead to this path below the pages' root; the root itself always opens."""
    return path in ("", "/") or MAP.bind("").test(path, "GET")
