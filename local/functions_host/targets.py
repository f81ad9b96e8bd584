"""The target of a request line, read as Kestrel reads it, in front of every route of the real host.

Source: UrlDecoder, PathNormalizer and Http1Connection in
https://github.com/dotnet/aspnetcore/tree/main/src/Servers/Kestrel (2026-11)
"""

from __future__ import annotations

import re

_ESCAPES = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_ABSOLUTE = re.compile(r"https?://[^/?#]+([^?#]*)")
_AUTHORITY = re.compile(r"[A-Za-z0-9:.@\[\]-]+")


class TargetError(Exception):
    """The real host answers this target itself, with `status`, before any route is tried."""

    def __init__(self, status: int) -> None:
        super().__init__(f"status {status}")
        self.status = status


def path_of(method: str, target: str) -> str:
    """The path that routes are matched against: decoded but for `%2F`, without dot segments.

    Empty for `OPTIONS *` and `CONNECT host:port`. Raises: TargetError.
    """
    if not target.isascii() or "\0" in target:
        raise TargetError(400)
    absolute = _ABSOLUTE.match(target)
    if not target.startswith("/") and absolute is None:
        return _path_of_no_address(method.upper(), target)
    path = (absolute[1] or "/") if absolute else target.partition("?")[0]
    return _without_dot_segments(_ESCAPES.sub(_decoded, path))


def _path_of_no_address(method: str, target: str) -> str:
    if target != "*" and not _AUTHORITY.fullmatch(target):
        raise TargetError(400)
    if method != ("OPTIONS" if target == "*" else "CONNECT"):
        raise TargetError(405)
    return ""


def _decoded(escapes: re.Match[str]) -> str:
    """Text for a run of `%XX`. A slash stays as it was sent, and so does what is no UTF-8."""
    run = escapes[0]
    data = bytes.fromhex(run.replace("%", ""))
    text, start = "", 0
    while start < len(data):
        character = _character(data, start)
        if character == "\0":
            raise TargetError(400)
        if character in ("", "/"):
            text += run[start * 3 : start * 3 + 3]
            start += 1
        else:
            text += character
            start += len(character.encode())
    return text


def _character(data: bytes, start: int) -> str:
    """The one character that is encoded there; empty where it is no UTF-8."""
    for length in range(1, 5):
        try:
            return data[start : start + length].decode()[:1]
        except UnicodeDecodeError:
            continue
    return ""


def _without_dot_segments(path: str) -> str:
    """RFC 3986, 5.2.4; an empty segment counts as one."""
    kept: list[str] = []
    segments = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments[-1:] in (["."], [".."]):
        kept.append("")
    return "/" + "/".join(kept)
