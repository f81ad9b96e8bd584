"""The terminal without an app: how soon it answers, and what it says to wrong use."""

import math
import os
import pwd
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from shared.administration.exports import SORT_KEYS
from shared.cli.program import program
from shared.cli.showing import caller
from shared.errors import ConfigurationError, TransientError

MOST_ROUNDS = 15
SCRIPT = str(Path(sys.executable).with_name("segment-export"))
IMPORT_CLICK = [sys.executable, "-c", "import click"]


def cpu_seconds(command, environment):
    """What one process takes, its time in the system included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=os.environ | environment, capture_output=True, check=True, timeout=60)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def tab(*words):
    return {
        "_SEGMENT_EXPORT_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(["segment-export", *words]),
        "COMP_CWORD": str(len(words)),
    }


@pytest.fixture
def local_configuration(tmp_path):
    """A configuration in a file, with one connection."""
    path = tmp_path / "exports.json"
    path.write_text('{"connections": [{"id": "brevo-eu", "display_name": "B", "api_key": {"setting": "K"}}]}')
    return path


@pytest.mark.parametrize(
    ("command", "environment"),
    [
        pytest.param([SCRIPT, "--help"], {}, id="help"),
        pytest.param([sys.executable, "-m", "shared.cli", "run", "--help"], {}, id="help of a command"),
        pytest.param([SCRIPT], tab("pr"), id="Tab on a command"),
        pytest.param([SCRIPT], tab("replay", "--"), id="Tab on an option"),
        pytest.param([SCRIPT], tab("connect", "br"), id="Tab on an id of a local file"),
    ],
)
def test_help_and_tab_take_at_most_three_times_as_long_as_importing_click(local_configuration, command, environment):
    environment = environment | {"EXPORT_CONFIG": str(local_configuration)}
    # In turns, so that what else runs on the machine slows both; the best of each is what they need.
    ours = click_alone = math.inf
    for _ in range(MOST_ROUNDS):
        click_alone = min(click_alone, cpu_seconds(IMPORT_CLICK, {}))
        ours = min(ours, cpu_seconds(command, environment))
        if ours <= 3 * click_alone:
            return
    pytest.fail(f"{ours:.3f} s, click alone {click_alone:.3f} s")


@pytest.mark.parametrize("words", [["--help"], ["export", "schedule", "--help"]], ids=" ".join)
def test_help_loads_nothing_that_only_a_command_needs(words):
    heavy = "{'pydantic', 'duckdb', 'azure', 'requests', 'opentelemetry', 'phonenumbers'}"
    script = (
        f"import atexit, sys; from shared.cli import main\natexit.register(lambda: print({heavy} & {{*sys.modules}}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"{script}\nmain()", *words], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.endswith("\nset()\n")


NEW = ("runs", "status", "preview", "segments", "lists", "attributes", "disconnect", "history")


@pytest.mark.parametrize("name", NEW)
def test_help_of_a_command_shows_an_example_that_is_right_and_fits_80_columns(monkeypatch, name):
    text = CliRunner().invoke(program, [name, "--help"], terminal_width=80).stdout
    assert max(map(len, text.splitlines())) <= 80
    lines = [line.strip() for line in text.partition("example:\n")[2].partition("\n\n")[0].splitlines()]
    assert lines
    monkeypatch.setattr("shared.cli.program.Command.invoke", lambda *_: None)
    for line in lines:
        words = line.partition(" || ")[0].split()
        assert words[:2] == ["segment-export", name]
        assert CliRunner().invoke(program, words[1:]).exit_code == 0, line


def test_help_names_all_that_exports_are_sorted_by():
    text = " ".join(CliRunner().invoke(program, ["exports", "--help"], terminal_width=80).stdout.split())
    assert f" {', '.join(SORT_KEYS)};" in text


def test_help_names_the_secret_that_commands_compare_by():
    text = CliRunner().invoke(program, ["--help"], terminal_width=80).stdout
    assert re.search(r"^  APP_SECRET  ", text, re.MULTILINE)


def test_help_of_prune_says_that_earlier_versions_of_the_configuration_go_too():
    text = " ".join(CliRunner().invoke(program, ["prune", "--help"], terminal_width=80).stdout.split())
    assert "earlier versions of the configuration" in text


def test_help_lists_every_command_once_in_a_group():
    text = CliRunner().invoke(program, ["--help"], terminal_width=80).stdout
    commands = re.split(r"^ *examples:", text.partition("Options:")[2], flags=re.IGNORECASE | re.MULTILINE)[0]
    listed = re.findall(r"^  ([a-z][a-z-]+)  ", commands, re.MULTILINE)
    assert sorted(listed) == sorted(program.commands)
    titles = re.findall(r"^([A-Z].*):$", commands, re.MULTILINE)
    assert titles == [
        "Run exports and see what became of them",
        "Look into storage and an account",
        "Configure",
        "On call",
        "Other",
    ]
    assert commands.rstrip().splitlines()[-1].split()[0] == "completion", "every other command belongs to a group"
    assert max(map(len, commands.splitlines())) <= 80


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script_names_the_program_that_answers_it(shell):
    script = CliRunner().invoke(program, ["completion", shell]).stdout
    assert "_SEGMENT_EXPORT_COMPLETE" in script
    assert "segment-export" in script


@pytest.mark.parametrize(
    ("shell", "words", "typed", "answer"),
    [
        ("zsh", "segment-export doc", "1", "plain\ndoctor\nExamine settings"),
        ("fish", "segment-export replay --dr", "--dr", "plain,--drop-unreadable\t"),
        ("fish", "segment-export connect b", "b", "plain,brevo-eu"),
        ("bash", "segment-export export save gold e", "4", "file,e"),
    ],
)
def test_shell_gets_its_answer(local_configuration, shell, words, typed, answer):
    environment = {
        "EXPORT_CONFIG": str(local_configuration),
        "_SEGMENT_EXPORT_COMPLETE": f"{shell}_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": typed,
    }
    done = subprocess.run(
        [SCRIPT], env=os.environ | environment, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.startswith(answer)
    assert done.stderr == ""


@pytest.mark.parametrize("content", ["", "[]", "{", '{"connections": 1}', '{"connections": [{}]}', "\xff"])
def test_configuration_that_cannot_be_read_completes_nothing(tmp_path, monkeypatch, capfd, content):
    path = tmp_path / "exports.json"
    path.write_bytes(content.encode("latin-1"))
    monkeypatch.setenv("EXPORT_CONFIG", str(path))
    completion = ShellComplete(program, {}, "segment-export", "_SEGMENT_EXPORT_COMPLETE")
    assert completion.get_completions(["connect"], "") == []
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("run", "Exactly one of EXPORT, --all is required."),
        ("run gold --all", "Exactly one of EXPORT, --all is required."),
        ("export schedule gold", "Exactly one of --off, --with-refresh, --cron is required."),
        ("export schedule gold --off --with-refresh", "Exactly one of --off, --with-refresh, --cron is required."),
        ("prune --days 0", "Invalid value for '--days'"),
        ("prune --days 36501", "Invalid value for '--days'"),
        ("preview", "Exactly one of EXPORT, --file is required."),
        ("rejects", "Missing argument 'EXPORT|RUN'."),
        ("status --exit-status", "--exit-status needs an export or a run."),
        ("history --if-match x", "--if-match needs --restore."),
        ("run --all --wait", "--wait, --now and --accept take one export."),
        ("run --all --now", "--wait, --now and --accept take one export."),
        ("run --all --accept", "--wait, --now and --accept take one export."),
        (
            "export save gold e.json --replace --if-match x",
            "--replace changes what is there whatever it is, --if",
        ),
        ("connection save b e.json --replace --if-match x", "--replace changes what is there whatever it is, --if"),
        ("export save gold e.json --if-match=", "Invalid value for '--if-match': it is empty."),
        ("export remove gold --if-match=", "Invalid value for '--if-match': it is empty."),
        ("export detach gold --if-match=", "Invalid value for '--if-match': it is empty."),
        ("connection remove b --if-match=", "Invalid value for '--if-match': it is empty."),
        ("disconnect b --if-match=", "Invalid value for '--if-match': it is empty."),
        ("history --restore v --if-match=", "Invalid value for '--if-match': it is empty."),
        ("history --restore=", "Invalid value for '--restore': it is empty."),
        ("replay --yes --run=", "Invalid value for '--run': it is empty."),
        ("runs gold --after gold", "--after takes a run's id."),
        ("lists brevo-eu --after x", "--after takes a number."),
        ("fly", "No such command 'fly'."),
    ],
)
def test_wrong_use_shows_the_usage_of_the_command_and_what_is_wrong(line, words):
    done = CliRunner().invoke(program, line.split())
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("Usage: segment-export")
    assert f"Error: {words}" in done.stderr


@pytest.mark.parametrize(
    ("error", "exit_status", "words"),
    [
        (ConfigurationError("a_code", "It is wrong.", "Correct it."), 2, "segment-export: It is wrong. Correct it."),
        (TransientError("a_code", "It is away."), 1, "segment-export: It is away."),
        (KeyboardInterrupt(), 130, "\nsegment-export: stopped watching; a run that was started goes on"),
    ],
    ids=["configuration", "another system", "Ctrl-C"],
)
def test_error_is_one_line_and_an_exit_status(monkeypatch, error, exit_status, words):
    def raise_it():
        raise error

    monkeypatch.setattr("shared.app.open_app", raise_it)
    done = CliRunner().invoke(program, ["status"])
    assert (done.exit_code, done.stdout) == (exit_status, "")
    assert done.stderr.startswith(words)


@pytest.mark.parametrize("line", ["connection show brevo-eu --json", "connection --json show brevo-eu"])
def test_json_is_taken_before_and_behind_the_action(monkeypatch, line):
    def raise_it():
        raise ConfigurationError("a_code", "It is wrong.")

    monkeypatch.setattr("shared.app.open_app", raise_it)
    assert '"code": "a_code"' in CliRunner().invoke(program, line.split()).stdout


def test_command_without_user_in_its_environment_is_by_the_user_of_its_process(monkeypatch):
    """As in a container or a scheduled job: the audit trail would not say who it was."""
    for name in ("USER", "LOGNAME", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    assert caller().name == f"terminal {pwd.getpwuid(os.getuid()).pw_name}"
    monkeypatch.setattr("pwd.getpwuid", {}.__getitem__)
    assert caller().name == "terminal"
