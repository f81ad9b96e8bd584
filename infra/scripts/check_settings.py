"""Before anything is made: checks the settings that would silence a part of the app for good, or lead it astray.

azd runs it as its preprovision hook, with the environment's values as environment variables. What azd's environment
does not say, azd takes from the terminal.
"""

import math
import os
import re
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from ipaddress import AddressValueError, IPv4Address, IPv4Network
from pathlib import Path

# The most that `alertTimerSilentMinutes` in infra/main.bicep takes.
MOST_SILENT_MINUTES = 1440
# What a deployment takes of the terminal and `make serve` puts there.
OF_THE_PLAYGROUND = (
    *("BREVO_API_KEY", "BREVO_BASE_URL", "EXPORT_CONFIG", "EXPORT_SCHEDULE"),
    *("PUBLIC_URL", "SNAPSHOT_COMPLETE_HOURS", "SNAPSHOT_QUIET_SECONDS"),
)
# As shared/config/source.py has it, which needs packages.
_CONTAINER = r"[a-z0-9](-?[a-z0-9]){2,62}"
# Those that infra/app/storage.bicep makes besides. No configuration may be there: blobs are deleted after a time.
OWN_CONTAINERS = ("app-package", "staged", "rejected-rows", "leavers", "ledgers", "undo")
# As infra/main.bicep has them.
PREFIXES = {
    "VNET_ADDRESS_PREFIX": "10.40.0.0/24",
    "APP_SUBNET_PREFIX": "10.40.0.0/26",
    "ENDPOINT_SUBNET_PREFIX": "10.40.0.64/26",
}
# An advanced filter of Event Grid takes 25 values in all: five are the endings and calls of a file.
# https://learn.microsoft.com/azure/event-grid/event-filtering#limitations
MOST_CONTAINERS = 20


def main(env: Mapping[str, str], now: datetime) -> int:
    """0 when the deployment may go on; what is wrong goes to standard error."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    if faults := [fault for check in CHECKS for fault in check(env)]:
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


def _segments_account(env: Mapping[str, str]) -> Iterator[str]:
    account, group = env.get("SEGMENT_STORAGE_ACCOUNT"), env.get("SEGMENT_STORAGE_RESOURCE_GROUP", "")
    own = env.get("AZURE_RESOURCE_GROUP") or f"rg-{env.get('AZURE_ENV_NAME', '')}"
    if account and not group:
        yield (
            f"SEGMENT_STORAGE_ACCOUNT names {account}, and nothing says in which resource group it is.\n"
            "  azd env set SEGMENT_STORAGE_RESOURCE_GROUP <its resource group>"
        )
    elif account and group.lower() == own.lower():
        print(f"'azd down' deletes the resource group {own}, and {account} with its segments too.", file=sys.stderr)


def _segment_containers(env: Mapping[str, str]) -> Iterator[str]:
    names = _listed(env, "SEGMENT_CONTAINERS")
    wrong = [name for name in names if not re.fullmatch(_CONTAINER, name)]
    if wrong or len(set(names)) < len(names) or len(names) > MOST_CONTAINERS:
        yield (
            f"SEGMENT_CONTAINERS takes up to {MOST_CONTAINERS} names of containers, each once, separated by commas.\n"
            "  azd env set SEGMENT_CONTAINERS segments"
        )


def _configuration(env: Mapping[str, str]) -> Iterator[str]:
    container, _, blob = (env.get("EXPORT_CONFIG") or "config/exports.json").partition("/")
    if not blob or not re.fullmatch(_CONTAINER, container) or container in OWN_CONTAINERS:
        yield (
            "EXPORT_CONFIG takes container/blob on Azure, in none of the containers that the app has for itself.\n"
            "  azd env set EXPORT_CONFIG config/exports.json"
        )


def _settings(env: Mapping[str, str]) -> Iterator[str]:
    """What the app would refuse at each start."""
    from shared.errors import ConfigurationError
    from shared.settings import read_settings

    names = ("BREVO_BASE_URL", "PUBLIC_URL", "SNAPSHOT_QUIET_SECONDS", "SNAPSHOT_COMPLETE_HOURS")
    given = {name: value for name in names if (value := env.get(name))}
    try:
        read_settings(given)
    except ConfigurationError as error:
        yield f"{error}"
    for name in names[:2]:
        if given.get(name, "").startswith("http://"):
            yield f"{name} is an address of this machine, which the app does not reach.\n  azd env set {name} ''"


def _secrets(env: Mapping[str, str]) -> Iterator[str]:
    names = _listed(env, "SECRET_SETTINGS") if env.get("SECRET_SETTINGS") else []
    template = Path(__file__).parents[1].joinpath("app", "function-app.bicep").read_text(encoding="utf-8")
    own = re.findall(r"^ +name: '(\w+)'", template, re.MULTILINE)
    wrong = [name for name in names if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) or name in own]
    if wrong or len(set(names)) < len(names):
        yield (
            "SECRET_SETTINGS takes names of settings, each once, separated by commas, and none that the app has anyway:"
            " BREVO_API_KEY needs no entry.\n  azd env set SECRET_SETTINGS TEAMS_WEBHOOK_URL"
        )


def _deployer(env: Mapping[str, str]) -> Iterator[str]:
    text = env.get("DEPLOYER_IP_ADDRESS", "")
    try:
        is_public = not text or IPv4Address(text).is_global
    except AddressValueError:
        is_public = False
    if not is_public:
        yield "DEPLOYER_IP_ADDRESS takes one public IPv4 address: Azure's firewall of storage takes no other."


def _listed(env: Mapping[str, str], name: str) -> list[str]:
    """The names, as infra/main.bicep reads them."""
    return (env.get(name) or "segments").replace(" ", "").split(",")


def _network(env: Mapping[str, str]) -> Iterator[str]:
    if env.get("VNET_ENABLED", "").strip().lower() != "true":
        return
    try:
        whole, app, endpoints = (IPv4Network(env.get(name) or default) for name, default in PREFIXES.items())
        fits = app.subnet_of(whole) and endpoints.subnet_of(whole) and not app.overlaps(endpoints)
    except ValueError:
        fits = False
    if not fits:
        yield f"{', '.join(PREFIXES)} take the network's addresses and two parts of it that do not overlap."


def _alerts(env: Mapping[str, str]) -> Iterator[str]:
    if not re.fullmatch(r"[^\s@,;<>]+@[^\s@,;<>]+|", env.get("ALERT_EMAIL", "")):
        yield "ALERT_EMAIL takes one address: that of a group, where several people are to get alerts."


CHECKS = (
    *(_of_the_playground, _segments_account, _segment_containers, _configuration, _settings),
    *(_secrets, _deployer, _network, _alerts),
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
