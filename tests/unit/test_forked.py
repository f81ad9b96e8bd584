"""A forked program is as separate as one that `python -m` starts."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.waiting import wait_until

REPOSITORY = Path(__file__).parents[2]
ONCE = ("timeit", "-n1", "-r1")  # a module of Python's own that runs a line of code


@pytest.mark.parametrize("words", [["--version"], ["fly"], ["validate"]], ids=" ".join)
def test_forked_command_says_the_same_with_the_same_exit_status(forked, words):
    environment = {"PATH": os.environ["PATH"], "EXPORT_CONFIG": "no-such.json"}

    def answer(start):
        command = [*start, "shared.cli", *words]
        done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout, done.stderr

    assert answer(forked) == answer([sys.executable, "-m"])


def test_forked_program_reads_its_input_in_its_folder_and_ends_by_its_signal(forked, tmp_path):
    script = "import os, sys; print(os.getcwd(), sys.stdin.read(), flush=True); os.kill(os.getpid(), 15)"
    done = subprocess.run(
        [*forked, *ONCE, script], cwd=tmp_path, input="typed", capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (-signal.SIGTERM, f"{tmp_path} typed\n")


def test_forked_program_ends_with_its_client(forked, tmp_path):
    script = "import os, time; print(os.getpid(), flush=True); time.sleep(100)"
    with subprocess.Popen([*forked, *ONCE, script], cwd=tmp_path, stdout=subprocess.PIPE, text=True) as client:
        program = int(client.stdout.readline())
        os.kill(program, 0)
        client.kill()

    def is_gone():
        try:
            os.kill(program, 0)
        except ProcessLookupError:
            return True
        return False

    wait_until(is_gone)


def test_signal_to_the_client_reaches_the_program_which_may_end_in_its_own_way(forked, tmp_path):
    script = (
        "import os, signal, time; signal.signal(signal.SIGUSR1, lambda *_: os._exit(7)); "
        "print('ready', flush=True); time.sleep(100)"
    )
    with subprocess.Popen([*forked, *ONCE, script], cwd=tmp_path, stdout=subprocess.PIPE, text=True) as client:
        assert client.stdout.readline() == "ready\n"
        client.send_signal(signal.SIGUSR1)
        assert client.wait(20) == 7
