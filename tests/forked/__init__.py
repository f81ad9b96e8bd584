"""Programs of the product in processes of their own that are forked from one which has loaded the product already.

Loading takes most of the second that a command of the terminal needs. A forked one is as separate as any: arguments,
environment, folder, files and exit status are its own, and the interpreter ends in the usual way.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_REPOSITORY = Path(__file__).parents[2]


@contextmanager
def forking(folder: Path) -> Iterator[list[str]]:
    """What a command line begins with in place of `python -m`; the module and its arguments follow."""
    address = folder / "forks"
    command = [sys.executable, "-m", "tests.forked.server", str(address)]
    with subprocess.Popen(command, cwd=_REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin and server.stdout
        assert server.stdout.readline() == "ready\n"
        yield [sys.executable, "-S", "-E", str(Path(__file__).with_name("client.py")), str(address)]
        server.stdin.close()
