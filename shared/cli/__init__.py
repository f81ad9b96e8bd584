"""The terminal: the same operations as the API's, from a command line. Also installed as `segment-export`."""

from shared.cli.program import main

__all__ = ["main"]
