"""Runs a command and writes down what it used: `python -m benchmarks.usage REPORT COMMAND...`.

A small process of its own, since Linux counts into a child's peak what its parent held when it forked.
Units: `peak_bytes` of resident memory, seconds, `started_at` in seconds since 1970.
"""

import json
import os
import sys
import time
from pathlib import Path

_BYTES_OF_MAXRSS = 1 if sys.platform == "darwin" else 1024


def main(arguments: list[str]) -> int:
    report, *command = arguments
    started_at, started = time.time(), time.monotonic()
    child = os.posix_spawn(command[0], command, os.environ)
    _, status, usage = os.wait4(child, 0)
    found = {
        "started_at": started_at,
        "wall_seconds": time.monotonic() - started,
        "user_seconds": usage.ru_utime,
        "system_seconds": usage.ru_stime,
        "peak_bytes": usage.ru_maxrss * _BYTES_OF_MAXRSS,
    }
    Path(report).write_text(json.dumps(found), encoding="utf-8")
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
