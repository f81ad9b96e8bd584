"""How this machine's processes start one another."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping

RUN_MODULE = "LOCAL_RUN_MODULE"
"""The variable with another way to run a module: for tests, which start many, in a process that has loaded it."""


def run_module(environment: Mapping[str, str] = os.environ) -> list[str]:
    """What begins the command line of a module of the product; its name and its arguments follow.

    `environment` is the one in which it will run (default: this process's own).
    """
    return shlex.split(environment.get(RUN_MODULE, "")) or [sys.executable, "-m"]
