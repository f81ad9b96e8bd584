"""Examines the app from its settings to its oldest run, and says of each part whether it works and how to fix it.

No part's failure stops the others, but what was to be read through it. It looks with the identity and the settings of
the terminal that it is called from, in seconds also where nothing answers.
"""

import os
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from shared.access import Caller, people_sign_in, require, webhook_secret
from shared.app import App
from shared.app_secret import app_secret
from shared.brevo.checks import check_connection
from shared.brevo.probed import ProbeAnswers, contradictions, read_probe
from shared.config.document import DocumentError, ReadyExport, blob_address, read_local
from shared.config.models import Connection, Document
from shared.errors import ConfigurationError, ExportError, place_of
from shared.operating import looking
from shared.operating.looking import Look, State
from shared.runs.identity import check_probe
from shared.runs.leavers import LEAVERS
from shared.runs.store import RunStore
from shared.settings import Settings, read_secret, read_settings
from shared.staging.bodies import STAGED
from shared.staging.rejected import REJECTED
from shared.storage.account import NOTICES, POISON_QUEUE, QUEUE, Storage, open_storage
from shared.storage.failures import Conflict, NotFound
from shared.timer_schedule import DEFAULT_SCHEDULE, TimerSchedule
from shared.version import VERSION

_DOES_NOT_ANSWER = ("storage_unreachable", "storage_not_signed_in")
_KEY_VAULT = "@Microsoft.KeyVault("


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, whether it works, what was seen, and what to do about it."""

    check: str
    state: State
    message: str
    fix: str = ""


def examine(caller: Caller) -> Iterator[Finding]:
    """Looks at one part after the other, and yields what it finds at once. Raises AccessDenied alone."""
    require(caller, "operate")
    yield Finding("version", "ok", f"{VERSION} in this terminal; `GET /api/health` shows the deployed one.")
    settings, faults = _settings(os.environ)
    yield from faults or [Finding("settings", "ok", "Each can be read.")]
    yield _timer(os.environ, datetime.now(UTC))
    yield from _webhook(os.environ)
    yield from _probed([("app secret", _app_secret)])
    storage = None
    # Without the app's own storage setting, `settings` names this machine's emulator: that is not the one to examine.
    if not any(fault.check.startswith("setting AzureWebJobsStorage") for fault in faults):
        storage, faults = _storage(settings)
        yield from faults
    document, faults = _document(settings, storage)
    yield from faults
    if storage is None:
        yield from _keys(document)
        return
    app = App(settings, storage, RunStore(storage))
    blobs, queues, tables = _app_services(app)
    blobs_answer = yield from _probed(blobs)
    queues_answer = yield from _probed(queues)
    tables_answer = yield from _probed(tables)
    if blobs_answer or settings.segment_storage != settings.app_storage:
        yield from _probed(_segments(app, document))
    if queues_answer:
        yield from _probed([(QUEUE, partial(looking.queue, app)), (POISON_QUEUE, partial(looking.poison, app))])
    if tables_answer:
        rows = partial(looking.odd_rows, app, document)
        yield from _probed([("open runs", partial(looking.open_runs, app)), ("odd rows", rows)])
        exports = [export.id for export in document.exports]
        yield from _probed([("other releases' rows", partial(looking.other_forms, app, exports))])
        yield from _probed([("exports", partial(looking.given_up, app, document))])
        yield from _probed([("wrong times", partial(looking.wrong_times, app, document))])
        for connection in document.connections:
            yield from _connection(app, document, connection)
    else:  # an account's pace is kept in a table, without which Brevo is not asked
        yield from _keys(document)
    yield from _probed([("clock", partial(looking.clock, app))])


def _settings(environment: Mapping[str, str]) -> tuple[Settings, list[Finding]]:
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


def _timer(environment: Mapping[str, str], now: datetime) -> Finding:
    """Whether the timer runs by its schedule, and when next: the host says nothing where it does not."""
    try:
        schedule = TimerSchedule.parse(environment.get("EXPORT_SCHEDULE") or DEFAULT_SCHEDULE, now)
    except ConfigurationError as error:
        return Finding("timer", "FAILED", error.message, error.advice)
    return Finding("timer", "warn" if schedule.is_in_doubt else "ok", schedule.describe(now))


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


def _storage(settings: Settings) -> tuple[Storage | None, list[Finding]]:
    try:
        return open_storage(settings, hurried=True), []
    except ConfigurationError as error:
        fault = Finding("storage settings", "FAILED", error.message, error.advice)
    with suppress(ConfigurationError):
        alone = open_storage(replace(settings, segment_storage=settings.app_storage), hurried=True)
        return alone, [replace(fault, check="setting SEGMENT_STORAGE")]
    return None, [fault]


def _document(settings: Settings, storage: Storage | None) -> tuple[Document, list[Finding]]:
    """The configuration; an empty one where it cannot be read."""
    where = settings.export_config
    try:
        if storage is not None:
            found = App(settings, storage, RunStore(storage)).document()
        elif Path(where).is_file():
            found = read_local(where)
        else:
            return Document(), [Finding("configuration", "FAILED", "It cannot be read: no storage.", "See above.")]
    except DocumentError as error:
        more = f" ({len(error.problems) - 1} more)" if len(error.problems) > 1 else ""
        return Document(), [
            Finding("configuration", "FAILED", f"{error.problems[0]}{more}", "See `segment-export validate`.")
        ]
    except Exception as error:  # noqa: BLE001 - a doctor does not fall ill of what it finds
        return Document(), [_fault("configuration", error)]
    text = f"{where}: {len(found.connections)} connections, {len(found.exports)} exports."
    return found, [Finding("configuration", "ok", text)]


_Probe = tuple[str, Callable[[], Look]]


def _app_services(app: App) -> list[list[_Probe]]:
    """The app's containers, queues and tables: what it is to write, it is asked to write and delete."""
    storage = app.storage
    containers = [STAGED, REJECTED, LEAVERS]
    if not Path(app.settings.export_config).is_file():
        with suppress(ConfigurationError):
            containers.append(blob_address(app.settings.export_config)[0])
    tables = ("runs", "batches", "events", "accounts", "requests", "audit", "notices")
    return [
        [(f"container {name}", _written(partial(storage.app_blobs.probe, name))) for name in containers],
        [
            (f"queue {QUEUE}", _written(storage.queue.probe)),
            (f"queue {POISON_QUEUE}", _written(storage.poison.probe)),
            (f"queue {NOTICES}", _written(storage.notice_queue.probe)),
        ],
        [(f"table {name}", _written(getattr(storage, name).probe)) for name in tables],
    ]


def _written(probe: Callable[[], bool]) -> Callable[[], Look]:
    def look() -> Look:
        return "ok", "Can be written." if probe() else "Not there yet: it is made when it is first needed.", ""

    return look


def _segments(app: App, document: Document) -> list[_Probe]:
    """The account that Customer Insights writes to, and the containers that the exports read; nothing is written."""

    def look(container: str) -> Look:
        try:
            app.storage.segment_blobs.folders(container, "probe/")
        except NotFound:
            return "FAILED", "There is no such container.", "Correct source.container in the export."
        return "ok", "Can be read.", ""

    containers = sorted({export.source.container for export in document.exports})
    account: _Probe = ("segments account", partial(looking.segment_account, app))
    return [account, *((f"segments {name}", partial(look, name)) for name in containers)]


def _probed(probes: list[_Probe]) -> Generator[Finding, None, bool]:
    """Returns False where the service does not answer: the rest of it, which would say the same, is not asked."""
    for check, look in probes:
        try:
            yield Finding(check, *look())
        except Exception as error:  # noqa: BLE001 - as above
            yield _fault(check, error)
            if isinstance(error, ExportError) and error.code in _DOES_NOT_ANSWER:
                return False
    return True


def _connection(app: App, document: Document, connection: Connection) -> Iterator[Finding]:
    """Its steps as `connect` takes them. Missing consent is a person's decision, and no fault."""
    name = f"connection {connection.id}"
    try:
        for step in check_connection(connection, app.brevo, app.storage.accounts, app.time()):
            state: State = "ok" if step.ok else "warn" if step.step == "consent" else "FAILED"
            yield Finding(f"{name}, {step.step}", state, step.message)
        answers = read_probe(app.storage.accounts, connection.api_key.setting)
        for fault in contradictions(connection, answers):
            yield Finding(f"{name}, probe contradicts", "warn", fault.message, fault.advice)
        for export in document.exports:
            if export.connection == connection.id:
                yield from _identity(ReadyExport(export, connection), answers)
    except Exception as error:  # noqa: BLE001 - as above
        yield _fault(name, error)


def _identity(ready: ReadyExport, answers: ProbeAnswers | None) -> Iterator[Finding]:
    try:
        check_probe(ready, answers)
    except ConfigurationError as error:
        yield _fault(f"export {ready.export.id}, identify_by", error)


def _keys(document: Document) -> Iterator[Finding]:
    """What can be said of the connections without storage."""

    def look(setting: str) -> Look:
        read_secret(setting)
        return "ok", f"The setting {setting} holds a key; Brevo was not asked, since storage does not answer.", ""

    for each in document.connections:
        yield from _probed([(f"connection {each.id}, key found", partial(look, each.api_key.setting))])


def _fault(check: str, error: Exception) -> Finding:
    if isinstance(error, ExportError):
        return Finding(check, "FAILED", error.message, error.advice)
    if isinstance(error, NotFound | Conflict):
        return Finding(check, "FAILED", f"{error} was changed meanwhile.", "Try again.")
    return Finding(check, "FAILED", f"An unforeseen error: {place_of(error)}.", "Report it with this line.")
