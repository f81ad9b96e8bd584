"""Every few minutes: starts what is due, drives on what nothing drives any more, forgets old Idempotency-Keys."""

import logging
import os

import azure.functions as func

from shared.administration.running import forget_old_keys
from shared.runs.app import open_app
from shared.runs.starting import start_due
from shared.runs.sweeping import sweep

blueprint = func.Blueprint()


# The host refuses a schedule whose setting is not there, so the default is written out.
_SCHEDULE = "%EXPORT_SCHEDULE%" if os.environ.get("EXPORT_SCHEDULE") else "0 */5 * * * *"


@blueprint.timer_trigger(arg_name="timer", schedule=_SCHEDULE)
def timer_export(timer: func.TimerRequest) -> None:
    """Runs by the setting EXPORT_SCHEDULE, every five minutes by default."""
    app = open_app()
    sweep(app)
    for start in start_due(app):
        logging.info("export %s: %s", start.export, start.run_id or start.reason)
    forget_old_keys(app)
