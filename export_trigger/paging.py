"""Long lists, page by page: a continuation token leads to the next one."""

import re
from collections.abc import Mapping
from urllib.parse import urlencode

from export_trigger.entry import Asked, Parameter
from shared.administration.items import wrong_form

_DEFAULT, _MOST = 50, 200
_MOST_DIGITS = 6

LIMIT = Parameter(
    "limit", "query", "How many a page.", {"type": "integer", "minimum": 1, "maximum": _MOST, "default": _DEFAULT}
)


def continuation(pattern: str) -> Parameter:
    """The parameter for where to go on; a token of this form is a place in the list."""
    words = "What X-Continuation-Token of the page before said."
    return Parameter("continuation", "query", words, {"type": "string", "pattern": f"^({pattern})?$"})


def page_of(asked: Asked, pattern: str) -> tuple[int, str]:
    """How many are wanted, and what they come after. Raises InvalidInput."""
    limit, token = asked.query.get("limit", str(_DEFAULT)), asked.query.get("continuation", "")
    if not (limit.isascii() and limit.isdigit() and len(limit) < 9 and 1 <= int(limit) <= _MOST):
        raise wrong_form(f"limit: goes from 1 to {_MOST}")
    if token and re.fullmatch(pattern, token) is None:
        raise wrong_form("continuation: is not a token of this list")
    return int(limit), token


def part_of(query: Mapping[str, str]) -> int | None:
    """Which part of a long report is asked for, from 1; None for the whole. Raises InvalidInput."""
    text = query.get("part")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS and int(text) >= 1):
        raise wrong_form("part: is a number from 1")
    return int(text)


def page_headers(asked: Asked, more: str) -> dict[str, str]:
    """The address of the next page, with all that this one was asked for; none on the last one."""
    if not more:
        return {}
    path = asked.req.url.partition("?")[0]
    # The host takes a key by `code` in any case.
    others = {name: value for name, value in asked.query.items() if name.lower() not in ("continuation", "code")}
    query = urlencode({"continuation": more, **others})
    return {"X-Continuation-Token": more, "Link": f'<{path}?{query}>; rel="next"'}
