"""The doctor's checks of the connections, and of the settings of those who get notices."""

from collections.abc import Generator, Iterator
from functools import partial

from shared.app import App
from shared.brevo.connecting import CheckStep, check_connection, odd_dates, same_account_text
from shared.brevo.probed import ProbeAnswers, contradictions, read_probe
from shared.config.document import ReadyExport
from shared.config.models import Connection, Document
from shared.config.notifications import Notification
from shared.errors import ConfigurationError
from shared.notices.sending import check_receiver
from shared.operating.doctor.finding import Finding, Look, fault, probed
from shared.runs.identity import check_probe
from shared.settings import read_secret


def connection_findings(app: App, document: Document, connection: Connection) -> Generator[Finding, None, bool]:
    """Its steps as `connect` takes them. Returns whether Brevo has answered for its lists.

    Missing consent is a person's decision, and no fault.
    """
    name, is_usable = f"connection {connection.id}", False
    try:
        for step in check_connection(connection, (), app.brevo, app.storage.accounts, app.time()):
            is_usable |= step.ok and step.step == "lists readable"
            yield _step(connection, step)
        if text := same_account_text(connection, document.connections, app.storage.accounts):
            yield Finding(f"{name}, account", "warn", text, "Name the same setting in all connections to one account.")
        if dates := odd_dates(connection, app.storage.accounts):
            yield Finding(f"{name}, dates", "warn", *dates)
        answers = read_probe(app.storage.accounts, connection.api_key.setting)
        for each in contradictions(connection, answers):
            yield Finding(f"{name}, probe contradicts", "warn", each.message, each.advice)
        for export in document.exports:
            if export.connection == connection.id:
                yield from _identity(ReadyExport(export, connection), answers)
    except Exception as error:  # noqa: BLE001 - a check that breaks must not stop the others
        yield fault(name, error)
    return is_usable


def _step(connection: Connection, step: CheckStep) -> Finding:
    check = f"connection {connection.id}, {step.step}"
    if step.ok:
        return Finding(check, "ok", step.message)
    if step.step == "consent":
        fix = f"`segment-export connect {connection.id} --agree NAME`; until then none of its exports runs."
        if connection.consent:
            fix = f"`segment-export connect {connection.id} --agree NAME` gives it as of today."
        return Finding(check, "warn", step.message, fix)
    setting = connection.api_key.setting
    is_of_key = step.step == "key accepted" and step.code != "brevo_unreachable"
    fix = f"The setting is {setting}." if is_of_key and setting not in step.message else ""
    return Finding(check, "FAILED", step.message, fix)


def _identity(ready: ReadyExport, answers: ProbeAnswers | None) -> Iterator[Finding]:
    try:
        check_probe(ready, answers)
    except ConfigurationError as error:
        yield fault(f"export {ready.export.id}, identify_by", error)


def key_findings(document: Document) -> Generator[Finding]:
    """What can be said of the connections without storage."""

    def look(setting: str) -> Look:
        read_secret(setting)
        return "ok", f"The setting {setting} holds a key; Brevo was not asked, since storage cannot be used.", ""

    for each in document.connections:
        yield from probed([(f"connection {each.id}, key found", partial(look, each.api_key.setting))])


def notification_findings(document: Document) -> Generator[Finding]:
    """Whether each receiver's address and secret can be read. Nothing is posted: `notify-test` does that."""

    def look(notification: Notification) -> Look:
        check_receiver(notification)
        return "ok", "Its settings can be read; `segment-export notify-test` posts to it.", ""

    for each in document.notifications:
        yield from probed([(f"notification {each.id}", partial(look, each))])
