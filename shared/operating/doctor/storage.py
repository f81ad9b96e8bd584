"""The doctor's checks of storage: the app's own services, and the containers that segments land in."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial

from shared.administration.stored_segments import OWN_CONTAINERS
from shared.app import App
from shared.brevo.probed import probed_export
from shared.config.document import ReadyExport, blob_address
from shared.config.models import Document
from shared.errors import ConfigurationError
from shared.operating.doctor.finding import Finding, Look, Probe, probed_at_once
from shared.runs.answers import newest_answer
from shared.settings import Settings, is_local_file
from shared.storage.account import NOTICES, POISON_QUEUE, QUEUE, Storage, open_storage
from shared.storage.failures import NotFound
from shared.times import local_text

_TABLES = ("runs", "batches", "events", "accounts", "requests", "audit", "notices")


def opened_storage(settings: Settings) -> tuple[Storage | None, list[Finding]]:
    """Storage; that of the app alone where the setting of the other one is wrong, and what is wrong."""
    try:
        return open_storage(settings, hurried=True), []
    except ConfigurationError as error:
        fault = error
    with suppress(ConfigurationError):
        alone = open_storage(replace(settings, segment_storage=settings.app_storage), hurried=True)
        return alone, [_wrong("SEGMENT_STORAGE", fault)]
    return None, [_wrong("AzureWebJobsStorage", fault)]


def _wrong(setting: str, error: ConfigurationError) -> Finding:
    """What is wrong with the one setting, where the advice names both."""
    advice = error.advice.replace("AzureWebJobsStorage or SEGMENT_STORAGE", setting)
    return Finding(f"setting {setting}", "FAILED", error.message, advice)


def app_services(app: App) -> list[list[Probe]]:
    """The app's containers, queues and tables: each is written to, and what was written is deleted."""
    storage = app.storage
    containers = [*OWN_CONTAINERS]
    if not is_local_file(app.settings.export_config):
        with suppress(ConfigurationError):
            containers.append(blob_address(app.settings.export_config)[0])
    return [
        [(f"container {name}", _written(partial(storage.app_blobs.probe, name))) for name in containers],
        [
            (f"queue {QUEUE}", _written(storage.queue.probe)),
            (f"queue {POISON_QUEUE}", _written(storage.poison.probe)),
            (f"queue {NOTICES}", _written(storage.notice_queue.probe)),
        ],
        [(f"table {name}", _written(getattr(storage, name).probe)) for name in _TABLES],
    ]


def service_findings(probes: list[Probe]) -> tuple[list[Finding], bool]:
    """What is found of a service, and whether it can be used.

    One line where none of its parts can be, and the same is to be done about all: its key is refused, say.
    """
    found, answers = probed_at_once(probes)
    if len(found) < 2 or any((each.state, each.fix) != ("FAILED", found[0].fix) for each in found):
        return found, answers
    first = found[0]
    kind, _, _ = first.check.partition(" ")
    names = ", ".join(each.check.removeprefix(f"{kind} ") for each in found)
    return [replace(first, check=f"{kind}s", message=f"{first.message} The same of all {len(found)}: {names}.")], False


def _written(probe: Callable[[], bool]) -> Callable[[], Look]:
    def look() -> Look:
        return "ok", "Can be written." if probe() else "Not there yet: it is made when it is first needed.", ""

    return look


def secret_in_use(app: App, document: Document) -> Look | None:
    """Whether APP_SECRET is the one by which a run has last kept an answer of Brevo's: in this way workers say it."""
    asking = _asking(app, document)
    if not asking:
        return None  # no run would ever end the line
    try:
        newest = newest_answer(app)
    except ConfigurationError:
        return None  # `app secret` says what is wrong with it
    if newest is None:
        return "ok", "No run has kept an answer of Brevo's by it yet.", ""
    answer, is_by_another = newest
    at = f", at {local_text(answer.answered_at)}," if answer.answered_at else ""
    if not is_by_another:
        return "ok", f"A run has kept Brevo's last answer{at} by this one.", ""
    text = f"Brevo's last answer{at} was kept by another APP_SECRET: it was changed, or here is another one."
    fix = (
        "Put the earlier one back before the next run, which begins a new ledger; stop the app until you have it, or "
        f"`segment-export export schedule {asking[0]} --off`. If it is lost, the next runs ask Brevo again, send all "
        "once, and end this line; where it stays, this terminal has another APP_SECRET than the app."
    )
    return "warn", text, fix


def _asking(app: App, document: Document) -> list[str]:
    """The exports whose runs ask Brevo who left a list or is in one."""
    ready = [
        probed_export(app.storage.accounts, ReadyExport(export, connection))
        for export in document.exports
        if (connection := document.connection_of(export)) is not None
    ]
    return [
        each.export.id for each in ready if each.asks_who_left or each.export.mirrors or each.export.exclude.list_ids
    ]


def segment_account(app: App) -> list[Probe]:
    """The account that Customer Insights writes to."""
    return [("segments account", partial(_soft_delete, app))]


def _soft_delete(app: App) -> Look:
    """Whether Customer Insights can export to the account: it cannot where deleted blobs are kept.

    Source: https://learn.microsoft.com/dynamics365/customer-insights/data/export-azure-blob-storage
    """
    try:
        days = app.storage.segment_blobs.soft_delete_days()
    except ConfigurationError as error:
        if error.code != "storage_denied":
            raise
        fix = "Get the role Reader on the account with the segments, or see its Data protection page in the portal."
        return "warn", "Your roles do not show whether blob soft delete is on.", fix
    if not days:
        return "ok", "Blob soft delete is off.", ""
    text = f"Blob soft delete is on ({days} days): Customer Insights' exports to this account fail."
    return "warn", text, "`az storage account blob-service-properties update --enable-delete-retention false`."


def segment_containers(app: App, document: Document) -> list[Probe]:
    """The containers there that the exports read; nothing is written."""

    def look(container: str) -> Look:
        try:
            app.storage.segment_blobs.folders(container, "probe/")
        except NotFound:
            fix = "Correct source.container in the export, or let Customer Insights export into it."
            return "FAILED", "There is no such container.", fix
        return "ok", "Can be read.", ""

    containers = sorted({export.source.container for export in document.exports})
    return [(f"segments {name}", partial(look, name)) for name in containers]
