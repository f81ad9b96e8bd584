"""What `make serve` takes from the terminal, and what is said where its storage does not answer."""

from datetime import UTC, datetime

import pytest

from local.serve_settings import given_settings, marks, schedule_fault, with_defaults
from shared.settings import AZURITE, emulator_hint
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


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"AzureWebJobsStorage": "UseDevelopmentStorage=true"},
        {"AzureWebJobsStorage": AZURITE.replace("10000", "34567")},
    ],
)
def test_storage_on_this_machine_that_does_not_answer_is_that_of_make_serve(environment):
    hint = emulator_hint(environment)
    assert ("127.0.0.1:34567" if "34567" in str(environment) else "127.0.0.1:10000") in hint
    assert "is `make serve` running?" in hint
    assert "AccountKey" not in hint


@pytest.mark.parametrize(
    "environment",
    [
        {"AzureWebJobsStorage__accountName": "stexports"},
        {"AzureWebJobsStorage": "DefaultEndpointsProtocol=https;AccountName=stexports;EndpointSuffix=core.windows.net"},
    ],
)
def test_storage_elsewhere_has_nothing_to_do_with_make_serve(environment):
    assert emulator_hint(environment) == ""
