"""How this machine's processes start one another."""

from __future__ import annotations

import os
import shlex
import sys

RUN_MODULE = "LOCAL_RUN_MODULE"
"""The variable with another way to run a module: for tests, which start many, in a process that has loaded it."""


def run_module() -> list[str]:
    """What begins the command line of a module of the product; its name and its arguments follow."""
    return shlex.split(os.environ.get(RUN_MODULE, "")) or [sys.executable, "-m"]
