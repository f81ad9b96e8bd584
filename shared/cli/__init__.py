"""The terminal: the same operations as the API's, from a command line. Also installed as `segment-export`."""

from shared.cli import commands, planning, trying, watching, asking_why, administering  # noqa: I001 - in the order of `--help`
from shared.cli import ending, looking_up, operating, probing
from shared.cli.program import main

__all__ = [
    "administering",
    "asking_why",
    "commands",
    "ending",
    "looking_up",
    "main",
    "operating",
    "planning",
    "probing",
    "trying",
    "watching",
]
