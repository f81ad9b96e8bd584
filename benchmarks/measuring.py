"""Runs a command and writes down what it and its children used: `python -m benchmarks.measuring REPORT COMMAND...`.

A small process of its own, since Linux counts into a child's peak what its parent held when it forked.
Units: bytes of resident memory and of disk, seconds, `started_at` in seconds since 1970.
"""

import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

_BYTES_OF_MAXRSS = 1 if sys.platform == "darwin" else 1024
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_BLOCK_BYTES = 512
_EVERY_SECONDS = 0.2


class _Watch:
    """Looks a few times a second at the memory of a process with all below it, and at a folder's size.

    A process's own peak is known exactly when it ends; a tree's and a folder's are only known by sampling.
    """

    def __init__(self, pid: int, folder: Path) -> None:
        self._pid = pid
        self._folder = folder
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look_on, daemon=True)
        self.tree_bytes = 0
        self.folder_bytes = 0

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()

    def _look_on(self) -> None:
        while not self._ended.wait(_EVERY_SECONDS):
            self.tree_bytes = max(self.tree_bytes, sum(map(_resident_bytes, _tree(self._pid))))
            self.folder_bytes = max(self.folder_bytes, _folder_bytes(self._folder))


def main(arguments: list[str]) -> int:
    """Exit status: the command's. Its temporary files go where TMPDIR says, which must be its alone."""
    report, *command = arguments
    started_at, started = time.time(), time.monotonic()
    child = os.posix_spawn(command[0], command, os.environ)
    watch = _Watch(child, Path(os.environ["TMPDIR"]))
    watch.start()
    _, status, usage = os.wait4(child, 0)
    ended = time.monotonic()
    watch.stop()
    peak_bytes = usage.ru_maxrss * _BYTES_OF_MAXRSS
    found: dict[str, Any] = {
        "started_at": started_at,
        "wall_seconds": ended - started,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_bytes_of_a_process": peak_bytes,
        "peak_bytes_of_the_tree": max(peak_bytes, watch.tree_bytes),
        "peak_bytes_on_disk": watch.folder_bytes,
    }
    Path(report).write_text(json.dumps(found), encoding="utf-8")
    return os.waitstatus_to_exitcode(status)


def _tree(pid: int) -> set[int]:
    """The process and all below it; only itself where there is no /proc."""
    parents = dict(_parents())
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def _parents() -> Iterator[tuple[int, int]]:
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            # The command's name stands in brackets, and may itself hold some: what follows the last one is plain.
            yield int(place.name), int((place / "stat").read_text().rpartition(")")[2].split()[1])


def _resident_bytes(pid: int) -> int:
    with suppress(OSError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_BYTES
    return 0


def _folder_bytes(folder: Path) -> int:
    """What the folder's files take on the disk."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += Path(place, name).stat().st_blocks * _BLOCK_BYTES
    return total


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
