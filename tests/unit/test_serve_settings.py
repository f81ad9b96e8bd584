"""What `make serve` takes from the terminal, and what is said where its storage does not answer."""

import os
from datetime import UTC, datetime

import click
import pytest
from azure.core.exceptions import ServiceRequestError
from click.testing import CliRunner

from local.serve_marks import marks
from local.serve_settings import given_settings, schedule_fault, secret_fault, with_defaults
from shared.app_secret import new_secret
from shared.cli.program import Command
from shared.cli.showing import open_app
from shared.errors import ConfigurationError
from shared.settings import AZURITE, emulator_hint, read_secret
from shared.storage.failures import UnreachableError, storage_failures
from shared.timer_schedule import DEFAULT_SCHEDULE

NOW = datetime(2026, 11, 28, tzinfo=UTC)


def test_setting_of_an_earlier_serve_env_does_not_count_for_the_next_start():
    earlier = with_defaults({"EXPORT_SCHEDULE": "nonsense", "APP_SECRET": "earlier"})
    terminal = {**earlier, **marks(earlier), "PATH": "/bin"}
    assert given_settings(terminal) == {}
    assert given_settings(terminal | {"APP_SECRET": "another"}) == {"APP_SECRET": "another"}
    assert with_defaults({})["EXPORT_SCHEDULE"] == "*/30 * * * * *"


def test_setting_of_a_terminal_without_serve_env_is_taken():
    assert given_settings({"EXPORT_CONFIG": "my.json", "HOME": "/x"}) == {"EXPORT_CONFIG": "my.json"}


def test_schedule_that_the_host_would_refuse_in_silence_is_named():
    assert schedule_fault("*/30 * * * * *", NOW) == schedule_fault(DEFAULT_SCHEDULE, NOW) == ""
    fault = schedule_fault("*/5 * * * *", NOW)
    assert "EXPORT_SCHEDULE takes six fields" in fault
    assert "the timer does not run" in fault


def test_secret_that_the_app_would_refuse_is_named_at_the_start():
    assert secret_fault({}) == secret_fault({"APP_SECRET": new_secret()}) == ""
    fault = secret_fault({"APP_SECRET": "abc"})
    assert "APP_SECRET is not 32 bytes in Base64" in fault
    assert "abc" not in fault


@pytest.mark.parametrize(("service", "number"), [("blob", 0), ("queue", 1), ("table", 2)])
@pytest.mark.parametrize("setting", ["UseDevelopmentStorage=true", AZURITE, AZURITE.replace(":1000", ":3456")])
def test_storage_on_this_machine_that_does_not_answer_is_that_of_make_serve(setting, service, number):
    hint = emulator_hint({"AzureWebJobsStorage": setting}, service)
    port = (34560 if "3456" in setting else 10000) + number
    assert f"(127.0.0.1:{port}; AzureWebJobsStorage names it)" in hint
    assert "is `make serve` running?" in hint
    assert "AccountKey" not in hint


@pytest.mark.parametrize(
    ("what", "service"),
    [
        ("table runs", "table"),
        ("queue run-steps", "queue"),
        ("container staged", "blob"),
        ("blob settings/exports.json", "blob"),
        ("the blob service's settings", "blob"),
        ("table storage", "table"),
    ],
)
def test_error_knows_which_service_did_not_answer(what, service):
    with pytest.raises(UnreachableError) as raised, storage_failures(what):
        raise ServiceRequestError("x")
    assert raised.value.service == service


@pytest.fixture
def line_of(monkeypatch, tmp_path):
    """What a command says on standard error in a terminal without settings."""
    for name in [name for name in os.environ if name.startswith(("AzureWebJobsStorage", "SEGMENT_STORAGE"))]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)

    def line(act):
        @click.command(cls=Command)
        def typed():
            monkeypatch.setattr("shared.app.open_app", lambda: None)
            open_app()
            act()

        (found,) = CliRunner().invoke(typed, standalone_mode=False).stderr.splitlines() or [""]
        return found

    return line


def fails(error):
    def act():
        raise error

    return act


def test_terminal_without_settings_says_in_one_line_what_to_do(line_of, tmp_path):
    unset, hangs = (lambda: read_secret("BREVO_API_KEY", environment={})), fails(UnreachableError("queue run-steps"))
    assert line_of(hangs) == "segment-export: AzureWebJobsStorage is not set here; `make serve` shows how."
    assert "The setting BREVO_API_KEY is not set." in line_of(unset), "no `make serve` is up beside it"
    (tmp_path / ".local").mkdir()
    (tmp_path / ".local" / "serve.env").touch()
    for act in (hangs, unset, fails(ConfigurationError("app_secret_missing", "No.")), lambda: None):
        found = line_of(act)
        assert found == "segment-export: This terminal has no settings yet: run `. .local/serve.env`."
        assert len(found) <= 80


def test_terminal_with_settings_hears_nothing_of_them(line_of, tmp_path, monkeypatch):
    (tmp_path / ".local").mkdir()
    (tmp_path / ".local" / "serve.env").touch()
    monkeypatch.setenv("AzureWebJobsStorage__accountName", "stexports")
    assert line_of(lambda: None) == ""
    assert "Storage did not answer for queue run-steps." in line_of(fails(UnreachableError("queue run-steps")))


@pytest.mark.parametrize(
    "environment",
    [
        {"AzureWebJobsStorage__accountName": "stexports"},
        {"AzureWebJobsStorage": "DefaultEndpointsProtocol=https;AccountName=stexports;EndpointSuffix=core.windows.net"},
    ],
)
def test_storage_elsewhere_has_nothing_to_do_with_make_serve(environment):
    assert emulator_hint(environment) == ""
