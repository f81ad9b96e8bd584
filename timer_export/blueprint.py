"""Every few minutes: starts what is due, drives on what nothing drives any more, forgets old Idempotency-Keys."""

import logging
import os
from collections.abc import Mapping
from datetime import UTC, datetime

import azure.functions as func

from shared.administration.start_keys import forget_old_keys
from shared.app import App, open_worker_app
from shared.errors import ConfigurationError, TransientError, by_place, described
from shared.runs.starting import start_due
from shared.runs.steps.sweep import sweep
from shared.runs.ticks import note_tick
from shared.timer_schedule import DEFAULT_SCHEDULE, TimerSchedule, zone_fault

blueprint = func.Blueprint()
_log = logging.getLogger(__name__)


# The host refuses a schedule whose setting is not there, so the default is written out.
_SCHEDULE = "%EXPORT_SCHEDULE%" if os.environ.get("EXPORT_SCHEDULE") else DEFAULT_SCHEDULE


def log_schedule(environment: Mapping[str, str], now: datetime) -> None:
    """Logs one line where EXPORT_SCHEDULE is wrong or in doubt, and one where it is not read in UTC.

    The host does not run the timer by a schedule that it refuses, and says so nowhere that people look. Every process
    of the app loads this module, so a line appears however it is called.
    """
    text, advice = zone_fault(environment)
    if text:
        _log.warning("%s %s", text, advice)
    try:
        schedule = TimerSchedule.parse(environment.get("EXPORT_SCHEDULE") or DEFAULT_SCHEDULE, now)
    except ConfigurationError as error:
        _log.error("%s Until then the timer may not run: nothing starts by schedule or is resumed.", error)
        return
    if schedule.is_in_doubt:
        _log.warning("EXPORT_SCHEDULE: %s", schedule.describe(now))


log_schedule(os.environ, datetime.now(UTC))


@blueprint.timer_trigger(arg_name="timer", schedule=_SCHEDULE)
def timer_export(timer: func.TimerRequest) -> None:
    """Runs by the setting EXPORT_SCHEDULE, every five minutes by default. Each part is done whatever the others do.

    Raises TransientError where a whole part failed: the alert `timer-stopped` counts the ticks that succeed.
    """
    faults = []
    with by_place("timer"):
        app = open_worker_app()
        for part in (_note_tick, sweep, _start_due, forget_old_keys):
            try:
                part(app)
            except Exception as error:  # noqa: BLE001 - the other parts are done all the same
                faults.append(described(error))
        if faults:
            raise TransientError("tick_incomplete", " ".join(dict.fromkeys(faults)))


def _note_tick(app: App) -> None:
    note_tick(app, os.environ.get("EXPORT_SCHEDULE") or DEFAULT_SCHEDULE)


def _start_due(app: App) -> None:
    for start in start_due(app):
        _log.info("export %s: %s", start.export, start.run_id or start.reason)
