"""Marks in serve.env for the settings that `make serve` has put there, so that a later program tells them from others.

Only the standard library: azd's hooks read it before any package is installed.
"""

import hashlib
from collections.abc import Iterable, Mapping

_MARKS = "SERVE_MARKS"


def marks(settings: Mapping[str, str]) -> dict[str, str]:
    """What serve.env says besides the settings."""
    return {_MARKS: " ".join(_mark(name, settings[name]) for name in sorted(settings))}


def marked(environment: Mapping[str, str], names: Iterable[str]) -> list[str]:
    """Those of the settings that have the value from serve.env."""
    known = environment.get(_MARKS, "").split()
    return [name for name in names if _mark(name, environment.get(name, "")) in known]


def _mark(name: str, value: str) -> str:
    return hashlib.sha256(f"{name}={value}".encode()).hexdigest()[:16]
