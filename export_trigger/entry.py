"""The blueprint's routes: each says what it takes and gives, which is also what the OpenAPI document is made from."""

import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import azure.functions as func
from pydantic import BaseModel

from export_trigger.answers import RequestError, problem, unforeseen
from shared.access import Caller, check_site, request_caller
from shared.administration.items import ANY, InvalidInput, wrong_form
from shared.app import App, open_app
from shared.errors import ExportError, did_you_mean, shown

blueprint = func.Blueprint()
# A key is no Authorization to a cache on the way, which would give the answer to callers without one.
_FOR_THE_CALLER_ALONE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
# Keys in the address, and a key's name, in any case: those before us read them, the host and API Management.
_OF_OTHERS = ("code", "clientid", "subscription-key")
_log = logging.getLogger(__name__)


def query_of(req: func.HttpRequest) -> dict[str, str]:
    """The query's values, from the address itself: the host leaves empty ones out of `params`."""
    return dict(_pairs(req))


def _pairs(req: func.HttpRequest) -> list[tuple[str, str]]:
    return parse_qsl(urlsplit(req.url).query, keep_blank_values=True)


@dataclass(frozen=True)
class Asked:
    """A request with its caller, who has been let in and not yet been asked for a permission."""

    req: func.HttpRequest
    caller: Caller
    app: App

    @property
    def id(self) -> str:
        """The id in the path."""
        return str(self.req.route_params.get("id", ""))

    @property
    def query(self) -> Mapping[str, str]:
        """As `query_of`."""
        return query_of(self.req)

    def header(self, name: str) -> str:
        """A header's value; empty where it was not sent."""
        return str(self.req.headers.get(name) or "").strip()

    @property
    def seen(self) -> str | None:
        """The ETag in If-Match where the caller has sent one; None for whatever is there."""
        sent = self.if_match(required=False)
        return None if sent == ANY else sent

    def if_match(self, *, required: bool) -> str | None:
        """The ETag that the caller has seen; None where it was not sent. Raises RequestError where it must be."""
        sent = self.header("If-Match")
        if sent:
            return sent.removeprefix("W/").strip('"')
        if required:
            raise RequestError(
                "if_match_missing",
                "If-Match: is missing.",
                "Send the ETag that you have seen, or * for whatever is there.",
            )
        return None


@dataclass(frozen=True)
class Parameter:
    """A query parameter or header."""

    name: str
    place: str
    words: str
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})
    required: bool = False


@dataclass(frozen=True)
class Endpoint:
    """What a route takes and gives. `answer` is the type of the JSON answer, or the media type of what is no JSON.

    `first` is the answer, with 202, where something else is to be done before what was asked; `headers` are those of
    the other one.
    """

    method: str
    route: str
    name: str
    words: str
    status: int
    answer: Any
    body: type[BaseModel] | None
    parameters: tuple[Parameter, ...]
    problems: tuple[int, ...]
    anonymous: bool
    first: Any = None
    headers: tuple[str, ...] = ()


ENDPOINTS: list[Endpoint] = []
Handler = Callable[[Asked], func.HttpResponse]
Answering = Callable[[func.HttpRequest], func.HttpResponse]


def endpoint(
    method: str,
    route: str,
    *,
    status: int = 200,
    answer: Any = None,
    body: type[BaseModel] | None = None,
    parameters: tuple[Parameter, ...] = (),
    problems: tuple[int, ...] = (),
    anonymous: bool = False,
    by_secret: bool = False,
    first: Any = None,
    headers: tuple[str, ...] = (),
) -> Callable[[Handler], object]:
    """Registers a handler. `by_secret`: the webhook's secret is enough where people must sign in."""

    def register(handler: Handler) -> object:
        words = (handler.__doc__ or "").strip()
        name = handler.__name__
        what = words, status, answer, body, parameters, problems, anonymous, first, headers
        ENDPOINTS.append(Endpoint(method, route, name, *what))
        level = func.AuthLevel.ANONYMOUS if anonymous else None
        checked = handler if anonymous else _refusing_others(handler, parameters, takes_body=body is not None)
        return blueprint.route(route, methods=[method], auth_level=level)(
            answering(checked, anonymous=anonymous, by_secret=by_secret)
        )

    return register


def _refusing_others(handler: Handler, parameters: tuple[Parameter, ...], *, takes_body: bool) -> Handler:
    """The handler behind a check that nothing was sent which it would pass over: a mistyped choice is none."""
    names = [each.name for each in parameters if each.place == "query"]

    @wraps(handler)
    def checked(asked: Asked) -> func.HttpResponse:
        _check_query(asked.req, names)
        if not takes_body and asked.req.method != "GET" and b"".join(asked.req.get_body().split()) not in (b"", b"{}"):
            raise wrong_form("body: this call takes none")
        return handler(asked)

    return checked


def _check_query(req: func.HttpRequest, names: list[str]) -> None:
    sent = [name for name, _ in _pairs(req) if name.lower() not in _OF_OTHERS]
    problems = [
        f"{shown(name)}: is no query parameter here{did_you_mean(name, names)}; it takes {', '.join(names) or 'none'}"
        for name in sorted({*sent} - {*names})
    ]
    problems += [f"{name}: is there twice" for name in names if sent.count(name) > 1]
    if problems:
        raise InvalidInput(problems, "body_invalid")


def answering(handler: Handler, *, anonymous: bool = False, by_secret: bool = False) -> Answering:
    """Turns an error into its problem; nothing of it but its own words reaches the caller."""

    def answer(req: func.HttpRequest) -> func.HttpResponse:
        try:
            found = handler(Asked(req, _caller(req, anonymous=anonymous, by_secret=by_secret), open_app()))
        except ExportError as error:
            found = problem(error)
        except Exception as error:  # noqa: BLE001 - its words may hold personal data
            found = problem(unforeseen(_log, error))
        found.headers.update(_FOR_THE_CALLER_ALONE)
        return found

    # The host takes a function's name and its words from these.
    answer.__name__ = answer.__qualname__ = handler.__name__
    answer.__doc__ = handler.__doc__
    return answer


def _caller(req: func.HttpRequest, *, anonymous: bool, by_secret: bool) -> Caller:
    if anonymous:
        return Caller("nobody", None)
    check_site(req.method, req.headers, os.environ)
    return request_caller(req.headers, os.environ, by_secret=by_secret)
