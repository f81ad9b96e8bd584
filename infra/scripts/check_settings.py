"""Before anything is made: checks the settings that would silence a part of the app for good, or lead it astray.

azd runs it as its preprovision hook, with the environment's values as environment variables. What azd's environment
does not say, azd takes from the terminal.
"""

import math
import os
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

# The most that `alertTimerSilentMinutes` in infra/main.bicep takes.
MOST_SILENT_MINUTES = 1440
# What a deployment takes of the terminal and `make serve` puts there.
OF_THE_PLAYGROUND = (
    *("BREVO_API_KEY", "BREVO_BASE_URL", "EXPORT_CONFIG", "EXPORT_SCHEDULE"),
    *("PUBLIC_URL", "SNAPSHOT_COMPLETE_HOURS", "SNAPSHOT_QUIET_SECONDS"),
)


def main(env: Mapping[str, str], now: datetime) -> int:
    """0 when the deployment may go on; what is wrong goes to standard error."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    if faults := [*_of_the_playground(env)]:
        print("\n".join(faults), file=sys.stderr)
        return 1
    return _check_schedule(env, now)


def _of_the_playground(env: Mapping[str, str]) -> Iterator[str]:
    from local.serve_marks import marked

    if names := marked(env, OF_THE_PLAYGROUND):
        yield (
            f"This terminal has read the playground's serve.env: its {', '.join(names)} would be deployed.\n"
            "  Open another terminal and start again there."
        )


def _check_schedule(env: Mapping[str, str], now: datetime) -> int:
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
