"""Before anything is made: checks the settings that would silence a part of the app for good.

azd runs it as its preprovision hook, with the environment's values as environment variables.
"""

import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path


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
    return 0


if __name__ == "__main__":
    sys.exit(main(os.environ, datetime.now(UTC)))
