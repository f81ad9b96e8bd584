"""Which settings `make serve` takes from the terminal, and which a serve.env of an earlier start has left there."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from local.playground import CONFIG_BLOB
from local.serve_marks import marked
from shared.app_secret import app_secret
from shared.errors import ConfigurationError
from shared.timer_schedule import TimerSchedule

_DEFAULTS = {
    "EXPORT_CONFIG": CONFIG_BLOB,
    "SNAPSHOT_QUIET_SECONDS": "5",
    "EXPORT_SCHEDULE": "*/30 * * * * *",
}
# By default the one that the folder keeps.
_WITHOUT_DEFAULT = ("APP_SECRET",)


def given_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """The settings that a person has set for this start; none that serve.env has set for an earlier one."""
    names = (*_DEFAULTS, *_WITHOUT_DEFAULT)
    earlier = marked(environment, names)
    return {name: value for name in names if (value := environment.get(name, "")) and name not in earlier}


def with_defaults(given: Mapping[str, str]) -> dict[str, str]:
    """The settings of this start."""
    return _DEFAULTS | dict(given)


def schedule_fault(schedule: str, now: datetime) -> str:
    """What is wrong with the timer's schedule: the host itself says nothing of one that it refuses."""
    try:
        TimerSchedule.parse(schedule, now)
    except ConfigurationError as error:
        return f"{error} Until then the timer does not run: nothing starts by schedule, and no lost run goes on."
    return ""


def secret_fault(given: Mapping[str, str]) -> str:
    """What is wrong with an APP_SECRET of this start; empty where there is none."""
    try:
        if "APP_SECRET" in given:
            app_secret(given)
    except ConfigurationError as error:
        return f"{error} Until then no run asks who has left its list, and none that compares with its ledger goes on."
    return ""
