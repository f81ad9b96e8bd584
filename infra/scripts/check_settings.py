"""Before anything is made: checks the settings that would silence a part of the app for good.

azd runs it as its preprovision hook, with the environment's values as environment variables.
"""

import math
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

# The most that `alertTimerSilentMinutes` in infra/main.bicep takes.
MOST_SILENT_MINUTES = 1440


def main(env: Mapping[str, str], now: datetime) -> int:
    """0 when the deployment may go on; what is wrong goes to standard error."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    from shared.errors import ConfigurationError
    from shared.timer_schedule import DEFAULT_SCHEDULE, TimerSchedule

    text = env.get("EXPORT_SCHEDULE") or DEFAULT_SCHEDULE
    try:
        schedule = TimerSchedule.parse(text, now)
    except ConfigurationError as error:
        print(f"{error}\n  azd env set EXPORT_SCHEDULE '{DEFAULT_SCHEDULE}'", file=sys.stderr)
        return 1
    print(f"EXPORT_SCHEDULE {text}: {schedule.describe(now)}")
    if warning := _pauses_too_long(schedule.longest_pause_minutes(now), env.get("ALERT_TIMER_SILENT_MINUTES") or "60"):
        print(warning, file=sys.stderr)
    return 0


def _pauses_too_long(pause: float, silent_minutes: str) -> str:
    """What to do where the alert `timer-stopped` comes in each pause; empty where it does not, or nobody can say."""
    if not (silent_minutes.isascii() and silent_minutes.isdigit()) or pause < int(silent_minutes):
        return ""
    pauses = f"The timer pauses for up to {pause:,.0f} minutes"
    text = f"{pauses}: the alert timer-stopped comes {silent_minutes} minutes into each"
    if pause >= MOST_SILENT_MINUTES:
        return f"{text}.\n  No time is long enough: choose an EXPORT_SCHEDULE that comes several times each day."
    longer = min(math.ceil(pause) + 30, MOST_SILENT_MINUTES)
    return f"{text}.\n  azd env set ALERT_TIMER_SILENT_MINUTES {longer}"


if __name__ == "__main__":
    sys.exit(main(os.environ, datetime.now(UTC)))
