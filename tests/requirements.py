"""The packages that the app declares, those that the compiled files lock, and what both mean on this machine."""

import re
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Locked:
    """A package of a compiled file: its exact version, and how many files of it are allowed."""

    version: str
    hashes: frozenset[str]


def declared() -> list[Requirement]:
    """The packages of requirements.in."""
    lines = (ROOT / "requirements.in").read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def locked(name: str) -> dict[str, Locked]:
    """The packages that a compiled file installs on this machine. Fails on a line that names no exact version."""
    text = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ")
    found: dict[str, Locked] = {}
    for line in text.splitlines():
        if not line.strip() or line.strip().startswith("#"):
            continue
        parts = re.split(r"\s+--hash=", line.strip())
        requirement = Requirement(parts[0])
        exact = re.fullmatch(r"==([^,*]+)", str(requirement.specifier))
        assert exact, f"{name}: {parts[0]} names no exact version"
        if requirement.marker is None or requirement.marker.evaluate():
            found[canonicalize_name(requirement.name)] = Locked(exact[1], frozenset(parts[1:]))
    return found


def needed_by(requirements: list[Requirement]) -> dict[str, list[Requirement]]:
    """What the requirements need, and all that those require in turn, as the installed packages say."""
    open_ones = list(requirements)
    needed: dict[str, list[Requirement]] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    while open_ones:
        requirement = open_ones.pop()
        name = canonicalize_name(requirement.name)
        needed.setdefault(name, []).append(requirement)
        key = (name, frozenset(requirement.extras))
        if key in seen:
            continue
        seen.add(key)
        for line in distribution(name).requires or []:
            further = Requirement(line)
            extras = requirement.extras or {""}
            if further.marker is None or any(further.marker.evaluate({"extra": extra}) for extra in extras):
                open_ones.append(further)
    return needed


def installed_by_requirements() -> set[str]:
    """The distributions that Azure installs."""
    return set(locked("requirements.txt"))


def files_of(names: set[str]) -> set[Path]:
    """The installed files of the distributions."""
    return {Path(str(file.locate())).resolve() for name in names for file in distribution(name).files or []}
