"""A request for a page: who asks, with what, and in which language and time zone the answer is to be."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import parse_qsl, urlencode, urlsplit

import azure.functions as func
from werkzeug.datastructures import MultiDict

from export_trigger.answers import RequestError, body_of
from export_trigger.entry import query_of
from export_trigger.pages.viewer import Viewer
from shared.access import Caller
from shared.app import App, open_app

ROOT = "/api/pages"


@dataclass(frozen=True)
class Visit:
    """A request for a page by a person who is signed in. `path` has the values that the page's address holds.

    `is_too_old`: its form was open for days, and is only shown again.
    """

    req: func.HttpRequest
    caller: Caller
    viewer: Viewer
    path: Mapping[str, str]
    is_too_old: bool = False

    @cached_property
    def app(self) -> App:
        """What is behind the pages. Raises as `open_app` does: a page that says so needs none of it."""
        return open_app()

    @cached_property
    def query(self) -> Mapping[str, str]:
        """The values in the address."""
        return query_of(self.req)

    @cached_property
    def form(self) -> MultiDict[str, str]:
        """The values of a form that was sent. Raises RequestError."""
        return MultiDict(parse_qsl(body_of(self.req).decode("utf-8", "replace"), keep_blank_values=True))

    def after(self, pattern: str) -> str:
        """Behind which entry of a long list the page begins; empty for the first page. Raises RequestError."""
        after = self.query.get("after", "")
        if after and re.fullmatch(pattern, after) is None:
            raise RequestError("body_invalid", "after: is no place in this list.", "Begin with its first page.")
        return after

    @property
    def here(self) -> str:
        """The path of the page that is asked for."""
        return str(urlsplit(self.req.url).path)

    @property
    def address_here(self) -> str:
        """The same with what its address says besides, but for what was done before."""
        query = urlencode({name: value for name, value in self.query.items() if name != "done"})
        return f"{self.here}?{query}" if query else self.here

    @property
    def is_partial(self) -> bool:
        """True where the script asks for a part of a page."""
        return bool(self.req.headers.get("HX-Request") == "true")


def address(*parts: str) -> str:
    """The address of a page."""
    return "/".join((ROOT, *parts)) if parts else f"{ROOT}/"
