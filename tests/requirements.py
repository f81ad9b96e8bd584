"""What requirements.txt installs on Azure, read from the packages that are installed here."""

from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]


def installed_by_requirements() -> set[str]:
    """The distributions of requirements.txt and all that they require in turn."""
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    open_ones = [Requirement(line) for line in lines if line and not line.startswith("#")]
    found: set[tuple[str, frozenset[str]]] = set()
    while open_ones:
        requirement = open_ones.pop()
        key = (requirement.name, frozenset(requirement.extras))
        if key in found:
            continue
        found.add(key)
        for line in distribution(requirement.name).requires or []:
            needed = Requirement(line)
            extras = requirement.extras or {""}
            if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in extras):
                open_ones.append(needed)
    return {name for name, _ in found}


def files_of(names: set[str]) -> set[Path]:
    """The installed files of the distributions."""
    return {Path(str(file.locate())).resolve() for name in names for file in distribution(name).files or []}
