"""Examines the app from its settings to its oldest run: of each part, whether it works and how to fix it.

No part's failure stops the others, but what was to be read through it. It works with the identity and the settings of
the terminal that it is called from, in seconds also where nothing answers.
"""

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

from shared.access import Caller, require
from shared.app import App
from shared.config.models import Document
from shared.operating.doctor import rows, running
from shared.operating.doctor.connections import connection_findings, key_findings, notification_findings
from shared.operating.doctor.exports import export_findings
from shared.operating.doctor.finding import Finding, Group, probed
from shared.operating.doctor.imports import slow_answers, slow_imports
from shared.operating.doctor.settings import configuration, settings_findings, timer_schedule, usable_settings
from shared.operating.doctor.storage import (
    app_services,
    opened_storage,
    secret_in_use,
    segment_account,
    segment_containers,
    service_findings,
)
from shared.runs.store import RunStore
from shared.storage.account import POISON_QUEUE, QUEUE

_NO_STORAGE = "storage cannot be used"
_NO_DOCUMENT = "the configuration cannot be read"


def examine(caller: Caller) -> Iterator[Finding]:
    """Checks one part after the other, by their groups, and yields each finding at once. Raises AccessDenied alone."""
    require(caller, "operate")
    settings, faults = usable_settings(os.environ)
    yield from _in("settings", settings_findings(os.environ, faults))
    # Without the app's own storage setting, `settings` names this machine's emulator: that is not the one to examine.
    is_named = not any(fault.check.startswith("setting AzureWebJobsStorage") for fault in faults)
    storage, storage_faults = opened_storage(settings) if is_named else (None, [])
    app = App(settings, storage, RunStore(storage)) if storage is not None else None
    # At the same time: each of them waits for seconds where storage hangs.
    with ThreadPoolExecutor() as pool:
        probing = pool.map(service_findings, [*app_services(app), segment_account(app)] if app else [])
        # Instead of one that cannot be read the app's own account would be looked at.
        unread = (fault.check for fault in (*faults, *storage_faults))
        is_segments_named = not any(check.startswith("setting SEGMENT_STORAGE") for check in unread)
        document, found = configuration(settings, storage)
        yield from _in("settings", [found])
        services = list(probing)
        if services and not is_segments_named:
            services[-1] = ([], False)
    yield from _in("storage", storage_faults)
    if app is None:
        yield from _without_tables(document, is_known=found.state == "ok")
        yield _unchecked("queues and runs")
        return
    yield from _running(app, document, services, is_known=found.state == "ok")


def _running(
    app: App, document: Document, services: list[tuple[list[Finding], bool]], *, is_known: bool
) -> Iterator[Finding]:
    """All that is examined through storage, whose `services` were probed. `is_known`: the configuration can be read."""
    blobs_answer, queues_answer, tables_answer, segments_answer = (answers for _, answers in services)
    is_told = not blobs_answer and app.settings.segment_storage == app.settings.app_storage
    for found, _ in services[:-1] if is_told else services:
        yield from _in("storage", found)
    if segments_answer:
        yield from _in("storage", probed(segment_containers(app, document)))
    if tables_answer:
        yield from _in("storage", probed([("app secret in use", partial(secret_in_use, app, document))]))
        if not is_known:
            yield _unchecked("connections", _NO_DOCUMENT, "Correct it first.")
        usable = set[str]()
        yield from _in("connections", _connections(app, document, usable))
        yield from _in("connections", notification_findings(document))
        timer = timer_schedule(app)
        exports = export_findings(app, document, usable, timer, segments_answer=segments_answer)
        yield from _in("exports", exports)
        if not is_known:
            yield _unchecked("exports", _NO_DOCUMENT, "Correct it first.")
    else:  # an account's pace is kept in a table, without which Brevo is not asked
        yield from _without_tables(document, is_known=is_known)
    if queues_answer:
        checks = [(QUEUE, partial(running.queue, app)), (POISON_QUEUE, partial(running.poison, app))]
        yield from _in("queues and runs", probed([*checks]))
    if tables_answer:
        yield from _in("queues and runs", _runs(app, document))
    else:
        yield _unchecked("queues and runs")
    yield from _in("clock", probed([("clock", partial(running.clock, app))]))


def _without_tables(document: Document, *, is_known: bool) -> Iterator[Finding]:
    if not is_known:
        yield _unchecked("connections")
    yield from _in("connections", key_findings(document))
    yield from _in("connections", notification_findings(document))
    yield _unchecked("exports")


def _unchecked(group: Group, why: str = _NO_STORAGE, fix: str = "Put storage right first.") -> Finding:
    return Finding(group, "warn", f"Not checked, since {why}.", fix, group)


def _connections(app: App, document: Document, usable: set[str]) -> Iterator[Finding]:
    """Adds to `usable` the ids of those by which Brevo can be asked."""
    failing: dict[str, str] = {}
    for connection in document.connections:
        setting = connection.api_key.setting
        if first := failing.get(setting):  # one fault, not one for each connection that shares the key
            text = f"Not checked: it has the key of {first}, in {setting}, which fails above."
            yield Finding(f"connection {connection.id}", "warn", text, f"Put {first} right.")
        elif (yield from connection_findings(app, document, connection)):
            usable.add(connection.id)
        else:
            failing[setting] = connection.id


def _runs(app: App, document: Document) -> Iterator[Finding]:
    """Each check on its own, so that storage that stops to answer in one of them is still asked by the next."""
    exports = [export.id for export in document.exports]
    for check in (
        ("timer", partial(running.timer_ticks, app)),
        ("open runs", partial(running.open_runs, app)),
        ("imports", partial(slow_imports, app, document)),
        ("exports of contacts", partial(slow_answers, app, document)),
        ("odd rows", partial(rows.odd_rows, app, document)),
        ("other releases' rows", partial(rows.other_forms, app, exports)),
        ("wrong times", partial(running.wrong_times, app, document)),
    ):
        yield from probed([check])


def _in(group: Group, findings: Iterable[Finding]) -> Iterator[Finding]:
    """The findings under their heading."""
    return (replace(finding, group=group) for finding in findings)
