"""The doctor's checks of the settings and of the configuration."""

from collections.abc import Generator, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

from shared.access import people_sign_in, webhook_secret
from shared.administration.stored_segments import OWN_CONTAINERS
from shared.app import App
from shared.app_secret import app_secret
from shared.config.document import DocumentError, read_local
from shared.config.models import Document
from shared.config.store import DocumentStore
from shared.counting import counted
from shared.errors import ConfigurationError, ExportError, has_guess, shown
from shared.operating.doctor.finding import Finding, Look, fault, probed
from shared.runs.store import RunStore
from shared.runs.ticks import last_tick
from shared.settings import Settings, is_local_file, names_storage, read_settings, serve_env_unread
from shared.storage.account import Storage
from shared.timer_schedule import DEFAULT_SCHEDULE, TimerSchedule, zone_fault
from shared.times import local_text, names_no_zone
from shared.version import VERSION

_KEY_VAULT = "@Microsoft.KeyVault("
_MOST_VERSIONS = 5


def usable_settings(environment: Mapping[str, str]) -> tuple[Settings, list[Finding]]:
    """What can be read of the settings, and what cannot.

    Each is read alone, so that none hides another; only the parts of a connection (`NAME__part`) belong together.
    """
    good: dict[str, str] = {}
    connections: dict[str, dict[str, str]] = {}
    faults = []
    for name, value in environment.items():
        if value.strip().startswith(_KEY_VAULT):
            faults.append(
                Finding(
                    f"setting {name}",
                    "FAILED",
                    "Its Key Vault reference did not resolve.",
                    "Check that the secret exists and that the app's identity may read it.",
                )
            )
            continue
        connections.setdefault(name.partition("__")[0], {})[name] = value
    for name, parts in connections.items():
        try:
            read_settings(parts)
        except ConfigurationError as error:
            faults.append(Finding(f"setting {name}", "FAILED", error.message, error.advice))
            continue
        good |= parts
    return read_settings(good), faults


def settings_findings(environment: Mapping[str, str], faults: list[Finding]) -> Generator[Finding]:
    """The version, the settings that cannot be read, the timer's schedule, and the secrets of the app itself."""
    yield Finding("version", "ok", f"{VERSION} in this terminal; `GET /api/health` shows the deployed one.")
    yield from faults or [Finding("settings", "ok", "Each can be read.")]
    yield _storage(environment)
    yield _timer(environment, datetime.now(UTC))
    yield from _time_zone(environment)
    yield from _webhook(environment)
    yield from probed([("app secret", _app_secret)])


def timer_schedule(app: App) -> TimerSchedule | None:
    """When the timer runs, by the setting of this terminal or, without one, as the timer has noted itself.

    None where nobody can say.
    """
    try:
        return TimerSchedule.parse(app.settings.export_schedule or _noted(app), datetime.now(UTC))
    except ConfigurationError:
        return None


def _noted(app: App) -> str:
    try:
        tick = last_tick(app)
    except Exception:  # noqa: BLE001 - its row cannot be read, as the line about the timer says
        tick = None
    return tick.schedule if tick else DEFAULT_SCHEDULE


def _storage(environment: Mapping[str, str]) -> Finding:
    """Whether a setting names the app's storage: the emulator of this machine may be another program's."""
    if names_storage(environment):
        return Finding("storage account", "ok", "AzureWebJobsStorage names it.")
    text = "AzureWebJobsStorage is not set: all this is of the emulator on this machine (127.0.0.1:10000)."
    fix = "Set it, or AzureWebJobsStorage__accountName, to the app's account."
    return Finding("storage account", "warn", text, serve_env_unread(environment) or fix)


def _timer(environment: Mapping[str, str], now: datetime) -> Finding:
    """Whether the timer runs by its schedule, and when next: the host says nothing where it does not."""
    try:
        schedule = TimerSchedule.parse(environment.get("EXPORT_SCHEDULE") or DEFAULT_SCHEDULE, now)
    except ConfigurationError as error:
        return Finding("timer schedule", "FAILED", error.message, error.advice)
    fix = "Give EXPORT_SCHEDULE a day of the month or a weekday, and * for the other." if schedule.is_in_doubt else ""
    return Finding("timer schedule", "warn" if schedule.is_in_doubt else "ok", schedule.describe(now), fix)


def _time_zone(environment: Mapping[str, str]) -> Iterator[Finding]:
    """A zone that is not there, and one that moves the timer; nothing is said of others, or of the machine's own."""
    text, fix = zone_fault(environment)
    if text:
        yield Finding("timer zone", "warn", text, fix)
    name = environment.get("TZ", "")
    if names_no_zone(name):
        text = f"There is no time zone {shown(name)!r}: times are shown in UTC."
        yield Finding("setting TZ", "warn", text, "Set TZ to a name such as Europe/Bucharest, or remove it.")


def _webhook(environment: Mapping[str, str]) -> Iterator[Finding]:
    """Whether systems can call the webhook where people sign in; nothing is said of a secret that nobody needs."""
    if not environment.get("WEBHOOK_SECRET") and not people_sign_in(environment):
        return
    try:
        webhook_secret(environment)
    except ConfigurationError as error:
        yield Finding("webhook", "warn", f"It lets in no system. {error.message}", error.advice)
    else:
        yield Finding("webhook", "ok", "WEBHOOK_SECRET lets systems in where people sign in.")


def _app_secret() -> Look:
    app_secret()
    return "ok", "APP_SECRET holds 32 bytes.", ""


def configuration(settings: Settings, storage: Storage | None) -> tuple[Document, Finding]:
    """The configuration; an empty one where it cannot be read."""
    where = settings.export_config
    try:
        if storage is not None:
            found = App(settings, storage, RunStore(storage)).document()
        elif is_local_file(where):
            found = read_local(where)
        else:
            text = f"{where} cannot be read: no storage."
            return Document(), Finding("configuration", "FAILED", text, "Fix the setting of the storage first.")
    except DocumentError as error:
        more = f" ({len(error.problems) - 1} more)" if len(error.problems) > 1 else ""
        fix = f"`segment-export validate` lists all faults; correct them in {where}{_restore(settings, storage)}."
        # A key that is mistyped is missing too, and the line about that helps less.
        first = next(filter(has_guess, error.problems), error.problems[0])
        return Document(), Finding("configuration", "FAILED", f"{first.rstrip('.')}{more}.", fix)
    except Exception as error:  # noqa: BLE001 - a check that breaks must not stop the others
        failed = fault("configuration", error)
        if isinstance(error, ConfigurationError):
            failed = replace(failed, fix=f"{failed.fix.rstrip('.')}{_restore(settings, storage)}.")
        return Document(), failed
    if (container := where.partition("/")[0]) in OWN_CONTAINERS and not is_local_file(where):
        text = f"{where} is in the app's own container {container}, whose blobs are deleted after a time."
        fix = "Copy it to a container of its own, such as config/exports.json, and set EXPORT_CONFIG to that."
        return found, Finding("configuration", "FAILED", text, fix)
    text = f"{where}: {counted(len(found.connections), 'connection')}, {counted(len(found.exports), 'export')}."
    return found, Finding("configuration", "ok", text)


def _restore(settings: Settings, storage: Storage | None) -> str:
    """The command that puts back the newest version that is in order; empty where there is none."""
    if storage is None:
        return ""
    kept = DocumentStore(settings.export_config, storage.app_blobs, storage.clock)
    with suppress(ExportError):
        for version in kept.history(_MOST_VERSIONS):
            with suppress(DocumentError):
                if kept.version(version.id):
                    what, when = shown(version.what), local_text(version.changed_at)
                    command = f"`segment-export history --restore {version.id}`"
                    return f", or put back what it was before {what} ({when}): {command}"
    return ""
