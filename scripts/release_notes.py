"""Prints the notes of a release, its section of CHANGELOG.md: `python -m scripts.release_notes v1.2.3`.

Needs no package, so the release workflow runs it before anything is installed.
"""

import re
import sys
from pathlib import Path

from shared.version import VERSION

CHANGELOG = Path(__file__).resolve().parents[1] / "CHANGELOG.md"


def release_notes(tag: str, version: str, changelog: str) -> str:
    """The section of `changelog` for this version, without its heading.

    Raises ValueError where the tag is not `v` and the version, or the section is missing or empty.
    """
    if tag != f"v{version}":
        raise ValueError(
            f"the tag {tag} is not v{version}, the version in shared/version.py: change one of them, then tag again"
        )
    section = re.search(
        rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d\n(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL
    )
    if section is None:
        raise ValueError(f"CHANGELOG.md has no section '## [{version}] - YYYY-MM-DD': add it below [Unreleased]")
    if not (notes := section[1].strip()):
        raise ValueError(f"the section [{version}] of CHANGELOG.md is empty: move the entries of [Unreleased] there")
    return notes


def main(arguments: list[str]) -> int:
    """Exit status: 0 printed, 1 the tag or the changelog is not ready, 2 wrong use."""
    if len(arguments) != 1:
        print("use: python -m scripts.release_notes TAG", file=sys.stderr)
        return 2
    try:
        print(release_notes(arguments[0], VERSION, CHANGELOG.read_text(encoding="utf-8")))
    except ValueError as error:
        print(f"release: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
