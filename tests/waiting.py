"""The one way in which tests wait: for a condition, never for a fixed time."""

import time
from collections.abc import Callable
from typing import Any

SHORTEST_PAUSE_SECONDS = 0.02
LONGEST_PAUSE_SECONDS = 0.2


def wait_until(condition: Callable[[], Any], seconds: float = 60, explain: Callable[[], str] = str) -> Any:
    """The condition's value once it is true. Fails after `seconds`, with the end of the explanation.

    The bound is generous because it only costs time where a test fails. The pauses grow, so that what is waited for has
    the machine to itself.
    """
    deadline = time.monotonic() + seconds
    pause = SHORTEST_PAUSE_SECONDS
    while not (value := condition()):
        assert time.monotonic() < deadline, f"nothing happened within {seconds:g} s\n{explain()[-4000:]}"
        time.sleep(pause)
        pause = min(pause * 1.5, LONGEST_PAUSE_SECONDS)
    return value
