"""Ports for servers that start in a moment."""

from __future__ import annotations

import random
import socket
from itertools import islice

# Below the ports that systems give to outgoing connections: one of those could be taken before the server listens.
_FIRST, _LAST = 20_000, 30_000
_MOST_TRIES = 200


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on now. Raises OSError where there is none."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """So many of them, no two the same. Raises OSError where there are not as many."""
    candidates = random.SystemRandom().sample(range(_FIRST, _LAST), _MOST_TRIES)
    found = list(islice(filter(is_free, candidates), count))
    if len(found) < count:
        raise OSError(f"127.0.0.1 has no {count} free ports from {_FIRST} to {_LAST}")
    return found


def is_free(port: int) -> bool:
    """Tell whether a server could listen on this port of 127.0.0.1."""
    with socket.socket() as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
