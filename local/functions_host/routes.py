"""Route templates of HTTP functions, e.g. `runs/{id:guid}` or `files/{*path}`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import unquote


class RouteError(Exception):
    """A route template cannot be read; the message says why."""


_CONSTRAINTS: dict[str, str] = {
    "int": r"[+-]?\d{1,10}",
    "long": r"[+-]?\d{1,19}",
    "bool": r"(?i:true|false)",
    "alpha": r"[A-Za-z]*",
    "guid": r"(?i:\{?[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}\}?)",
    "decimal": r"[+-]?\d+(?:\.\d+)?",
    "double": r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?",
    "float": r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?",
    "required": r".+",
}
_NUMERIC: dict[str, Callable[[str, list[float]], bool]] = {
    "length": lambda text, given: given[0] <= len(text) <= given[-1],
    "minlength": lambda text, given: len(text) >= given[0],
    "maxlength": lambda text, given: len(text) <= given[0],
    "min": lambda text, given: _is_integer(text) and int(text) >= given[0],
    "max": lambda text, given: _is_integer(text) and int(text) <= given[0],
    "range": lambda text, given: _is_integer(text) and given[0] <= int(text) <= given[1],
}


@dataclass(frozen=True)
class _Segment:
    literal: str | None = None
    name: str = ""
    optional: bool = False
    catch_all: bool = False
    checks: tuple[Callable[[str], bool], ...] = ()

    def rank(self) -> int:
        """Lower wins: a literal before a constrained parameter before a free one before a catch-all."""
        if self.literal is not None:
            return 0
        return (3 if self.catch_all else 2) - (1 if self.checks else 0)


@dataclass(frozen=True)
class Route:
    """One template with the methods it takes (none named: all)."""

    segments: tuple[_Segment, ...]
    methods: frozenset[str]

    @classmethod
    def parse(cls, template: str, methods: Sequence[str] = ()) -> Route:
        """Read a template. Raises: RouteError."""
        parts = [part for part in template.strip("/").split("/") if part]
        return cls(tuple(_segment(part, template) for part in parts), frozenset(m.upper() for m in methods))

    def precedence(self) -> tuple[int, ...]:
        """Sort key: the route to try first has the lowest."""
        return tuple(segment.rank() for segment in self.segments)

    def match(self, method: str, path: str) -> dict[str, str] | None:
        """Tell the route's parameters in a percent-encoded path, or None where it does not fit."""
        if self.methods and method.upper() not in self.methods:
            return None
        given = [unquote(part) for part in path.strip("/").split("/")] if path.strip("/") else []
        found: dict[str, str] = {}
        for place, segment in enumerate(self.segments):
            if segment.catch_all:
                found[segment.name] = "/".join(given[place:])
                return found
            if place >= len(given):
                return found if segment.optional else None
            if not _accepts(segment, given[place]):
                return None
            if segment.literal is None:
                found[segment.name] = given[place]
        return found if len(given) <= len(self.segments) else None


def _accepts(segment: _Segment, text: str) -> bool:
    if segment.literal is not None:
        return segment.literal.lower() == text.lower()
    return text != "" and all(check(text) for check in segment.checks)


def _segment(part: str, template: str) -> _Segment:
    if "{" not in part:
        return _Segment(literal=unquote(part))
    match = re.fullmatch(r"\{(\*{0,2})(\w+)((?::(?:[^:(]+(?:\(.*?\))?))*)(\?)?\}", part)
    if match is None:
        raise RouteError(f"route {template!r}: this host cannot read the segment {part!r}")
    stars, name, constraints, optional = match.groups()
    checks = tuple(_check(text, template) for text in re.findall(r":([^:(]+(?:\(.*?\))?)", constraints))
    return _Segment(name=name, optional=bool(optional), catch_all=bool(stars), checks=checks)


def _check(text: str, template: str) -> Callable[[str], bool]:
    match = re.fullmatch(r"(\w+)(?:\((.*)\))?", text)
    name, given = (match[1].lower(), match[2] or "") if match else ("", "")
    if name in _CONSTRAINTS:
        return _fits(_CONSTRAINTS[name])
    if name == "regex":
        return _fits(given)
    if name in _NUMERIC:
        numbers = [float(number) for number in given.split(",")]
        return lambda value: _NUMERIC[name](value, numbers)
    raise RouteError(f"route {template!r}: this host does not know the constraint {text!r}")


def _fits(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern)
    return lambda value: compiled.fullmatch(value) is not None


def _is_integer(text: str) -> bool:
    return re.fullmatch(r"[+-]?\d+", text) is not None
