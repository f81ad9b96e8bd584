"""A command as a person starts it, in processes of its own that are found again by a mark in their environment."""

import os
import subprocess
import sys
import uuid
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
MARK = "STARTED_BY_THE_TEST"


class Started:
    """A command with a mark in its environment, by which everything that it started is found again."""

    def __init__(self, folder: Path, *arguments: str, **environment: str) -> None:
        self.mark = uuid.uuid4().hex
        self.temporary = folder / f"tmp-{self.mark[:8]}"
        self.temporary.mkdir()
        self.process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=REPOSITORY,
            env={**os.environ, MARK: self.mark, "TMPDIR": str(self.temporary), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def end(self, seconds: float = 200) -> tuple[int, list[str], str]:
        """Exit status, lines of the output, and what stood on standard error."""
        output, errors = self.process.communicate(timeout=seconds)
        return self.process.returncode, output.splitlines(), errors

    def left_pids(self, words: str) -> list[int]:
        """Process ids of what it started, by words of their command lines."""
        return [pid for pid, command in self._left() if words in command]

    def left_processes(self) -> list[str]:
        """Command lines of what it started and what is still there; Linux only."""
        return [command for _, command in self._left()]

    def _left(self) -> list[tuple[int, str]]:
        found = []
        for place in Path("/proc").glob("[0-9]*"):
            try:
                if f"{MARK}={self.mark}".encode() in (place / "environ").read_bytes():
                    command = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                    found.append((int(place.name), command))
            except OSError:
                continue
        return found

    def left_files(self) -> list[str]:
        return [path.name for path in self.temporary.iterdir()]
