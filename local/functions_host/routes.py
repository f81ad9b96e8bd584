"""Route templates of HTTP functions, e.g. `runs/{id:guid}` or `files/{*path}`, matched as the real router does.

Source: TemplateMatcher in https://github.com/dotnet/aspnetcore/tree/main/src/Http/Routing (2026-11)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass


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


@dataclass(frozen=True)
class Route:
    """One template with the methods it takes (none named: all)."""

    template: str
    segments: tuple[_Segment, ...]
    methods: frozenset[str]

    @classmethod
    def parse(cls, template: str, methods: Sequence[str] = ()) -> Route:
        """Read a template. Raises: RouteError."""
        parts = [part for part in template.strip("/").split("/") if part]
        segments = tuple(_segment(part, template) for part in parts)
        return cls("/".join(parts), segments, frozenset(method.upper() for method in methods))

    def conflicts_with(self, other: Route) -> bool:
        """Whether the real host refuses one of the two: they have the same template and a method in common."""
        same = upper_ascii(self.template) == upper_ascii(other.template)
        return same and (not self.methods or not other.methods or bool(self.methods & other.methods))

    def match(self, method: str, path: str) -> dict[str, str] | None:
        """The route's parameters in a decoded path, or None where it does not fit.

        One slash at the end is forgiven. Another empty segment never matches, unless a catch-all has begun before it.
        """
        if self.methods and method.upper() not in self.methods:
            return None
        given = path.removeprefix("/").split("/")
        if given[-1] == "":
            given.pop()
        return self._parameters(given, path)

    def _parameters(self, given: Sequence[str], path: str) -> dict[str, str] | None:
        parameters: dict[str, str] = {}
        for index, segment in enumerate(self.segments):
            if segment.catch_all and index < len(given):
                remainder = path.split("/", index + 1)[-1]
                return parameters | {segment.name: remainder} if given[index] else None
            if index >= len(given):
                return parameters if segment.optional or segment.catch_all else None
            if not _accepts(segment, given[index]):
                return None
            if segment.literal is None:
                parameters[segment.name] = given[index]
        return parameters if len(given) <= len(self.segments) else None


def upper_ascii(text: str) -> str:
    """The text as .NET compares it without regard to case, ordinally. Letters outside ASCII never equal one inside."""
    return text.encode("utf-8", "surrogatepass").upper().decode("utf-8", "surrogatepass")


def _accepts(segment: _Segment, text: str) -> bool:
    if segment.literal is not None:
        return upper_ascii(segment.literal) == upper_ascii(text)
    return text != "" and all(check(text) for check in segment.checks)


def _segment(part: str, template: str) -> _Segment:
    if "{" not in part:
        return _Segment(literal=part)
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
