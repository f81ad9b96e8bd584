"""Completion as the shells do it: bash by its own variables, fish by its own command, zsh by keys on a terminal."""

import os
import pty
import select
import shutil
import subprocess
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.timeout(240)

BINARIES = Path(__file__).resolve().parents[2] / ".venv" / "bin"
DEADLINE_SECONDS = 60
TO_START, RETURN = "\x01", "\n"  # Ctrl-A in zsh's own keys


@pytest.fixture
def environment(tmp_path):
    config = tmp_path / "exports.json"
    config.write_text('{"connections": [{"id": "brevo-eu", "display_name": "B", "api_key": {"setting": "K"}}]}')
    return {
        "PATH": f"{BINARIES}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "TERM": "dumb",
        "EXPORT_CONFIG": str(config),
    }


@pytest.mark.full
def test_bash_completes_commands_and_ids(environment):
    script = """
        eval "$(segment-export completion bash)"
        COMP_WORDS=(segment-export "$@") COMP_CWORD=$#
        _segment_export_completion segment-export
        printf '%s\\n' "${COMPREPLY[@]}"
    """

    def completed(*words):
        command = ["bash", "--norc", "-c", script, "bash", *words]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=True)
        return done.stdout.split()

    assert completed("pr") == ["preview", "prune", "probe"]
    assert completed("replay", "--") == ["--yes", "--run", "--drop-unreadable", "--clear", "--json", "--help"]
    assert completed("connect", "b") == ["brevo-eu"]


@pytest.mark.skipif(
    not shutil.which("fish"), reason="fish is not installed: apt-get install fish, or brew install fish"
)
def test_fish_completes_commands_options_and_ids(environment):
    def completed(line):
        script = f"segment-export completion fish | source; complete -C '{line}'"
        command = ["fish", "--no-config", "-c", script]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=True)
        return [each.split("\t")[0] for each in done.stdout.splitlines()]

    assert completed("segment-export doc") == ["doctor"]
    assert completed("segment-export replay --dr") == ["--drop-unreadable"]
    assert completed("segment-export connect bre") == ["brevo-eu"]


@pytest.mark.skipif(not shutil.which("zsh"), reason="zsh is not installed: apt-get install zsh, or brew install zsh")
def test_zsh_completes_commands_options_and_ids(environment):
    with Zsh(environment) as zsh:
        zsh.type('autoload -U compinit && compinit -u -D; eval "$(segment-export completion zsh)"\n')
        for typed, line in (
            ("doc", "doctor"),
            ("replay --dr", "replay --drop-unreadable"),
            ("connect bre", "connect brevo-eu"),
        ):
            # Once completed, the line is not run but printed word by word.
            zsh.type(f"segment-export {typed}\t{TO_START}print -l {RETURN}")
            zsh.read_until("\r\n".join(["segment-export", *line.split()]))


class Zsh:
    """An interactive zsh without anybody's settings."""

    def __init__(self, environment):
        self._environment = environment
        self._read = ""

    def __enter__(self):
        self._terminal, there = pty.openpty()
        self._process = subprocess.Popen(
            ["zsh", "-f", "-i"], env=self._environment, stdin=there, stdout=there, stderr=there, start_new_session=True
        )
        os.close(there)
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()
        os.close(self._terminal)

    def type(self, keys):
        os.write(self._terminal, keys.encode())

    def read_until(self, words):
        deadline = time.monotonic() + DEADLINE_SECONDS
        while words not in self._read:
            assert time.monotonic() < deadline, f"zsh does not say {words!r}:\n{self._read}"
            if select.select([self._terminal], [], [], 0.2)[0]:
                self._read += os.read(self._terminal, 65_536).decode(errors="replace")
