"""What a command prints where its output cannot take it: another encoding than UTF-8, a full disk."""

import errno
import io
import json
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from shared.cli import showing
from shared.cli.program import program

NAMES = {"name": "Ștefan •", "list": "Größe 🙂"}


def shown(monkeypatch, encoding, act):
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=encoding))
    act()
    sys.stdout.flush()
    return written.getvalue().decode(encoding)


@pytest.mark.parametrize("encoding", ["ascii", "iso-8859-1", "utf-8"])
def test_json_is_json_of_the_same_values_in_each_encoding(monkeypatch, encoding):
    assert json.loads(shown(monkeypatch, encoding, lambda: showing.print_json(NAMES))) == NAMES


def test_command_in_another_encoding_ends_as_it_does_in_utf_8(tmp_path):
    path = tmp_path / "exports.json"
    path.write_text('{"connections": [{"id": "b", "display_name": "Ștefan", "api_key": {"setting": "K"}}]}', "utf-8")
    environment = os.environ | {
        "EXPORT_CONFIG": str(path),
        "PYTHONIOENCODING": "ascii",
        "AzureWebJobsStorage": "UseDevelopmentStorage=true",
    }
    command = [sys.executable, "-m", "shared.cli", "connections"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, "?tefan" in done.stdout, "Traceback" in done.stderr) == (0, True, False), done.stderr


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_full_disk_is_one_line_and_exit_status_1(monkeypatch, number):
    """Which may be the disk of what is printed, or of the temporary files of a preview."""

    def full(*_, **__):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("shared.cli.commands.print_json", full)
    done = CliRunner().invoke(program, ["schema"])
    assert (done.exit_code, done.stdout) == (1, "")
    assert (
        done.stderr
        == f"segment-export: what it prints or keeps in temporary files is cut off: {os.strerror(number)}.\n"
    )
