"""A port for a server that starts in a moment."""

from __future__ import annotations

import random
import socket

# Below the ports that systems give to outgoing connections: one of those could be taken before the server listens.
_FIRST, _LAST = 20_000, 30_000


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on now. Raises OSError where there is none."""
    for port in random.SystemRandom().sample(range(_FIRST, _LAST), 100):
        with socket.socket() as taken:
            try:
                taken.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError("no port of 127.0.0.1 is free")
