"""The one way in which tests wait: for a condition, never for a fixed time."""

import time
from collections.abc import Callable
from typing import Any

PAUSE_SECONDS = 0.02


def wait_until(condition: Callable[[], Any], seconds: float = 60, explain: Callable[[], str] = str) -> Any:
    """The condition's value once it is true. Fails after `seconds`, with the end of the explanation.

    The bound is generous because it only costs time where a test fails.
    """
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"nothing happened within {seconds:g} s\n{explain()[-4000:]}"
        time.sleep(PAUSE_SECONDS)
    return value
