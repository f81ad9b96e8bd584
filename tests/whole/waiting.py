"""Waits for what other processes do."""

import time
from collections.abc import Callable
from typing import Any


def wait_until(condition: Callable[[], Any], seconds: float = 60, explain: Callable[[], str] = lambda: "") -> Any:
    """What the condition gives once it is true; fails with the explanation's end where that takes too long."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"nothing happened within {seconds:g} s\n{explain()[-4000:]}"
        time.sleep(0.05)
    return found
