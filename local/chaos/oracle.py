"""Judges what is left after the chaos: Brevo's lists against the sample data, the runs' books, what lies about."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from azure.core.exceptions import ResourceNotFoundError
from azure.storage.queue import QueueClient

from local.brevo_sandbox.importing import ImportRecord
from local.chaos.exports import Account, ExportUnderTest, stranger_facts
from local.chaos.report import Check, Report
from local.chaos.site import Site
from shared.runs.batch import Batch
from shared.runs.state import Run
from shared.runs.status import run_status
from shared.staging.bodies import STAGED
from shared.storage.account import QUEUE

ANSWER_LOST = ("500-after", "524-after", "reset-after", "truncated", "no-process-id")
"""Faults that take an import and lose the answer: the batch has to go out again."""

_SENT_AGAIN = ("import-failed", "import-cancelled", "import-partial")
_SHOWN = 5
_SETTLE_SECONDS = 45


def judge(
    site: Site,
    report: Report,
    *,
    repeats_allowed: int,
    repeats_by_export: Counter[str] | None = None,
    reports_may_be_lost: bool = False,
    names: Mapping[str, str] | None = None,
) -> None:
    """Adds every check to the report. `repeats_allowed`: batches that may have gone out once more, faults aside.

    `repeats_by_export` narrows that to the exports whose deliver step was hit; `names` says of an export what was
    done to it.
    """
    runs = site.all_runs()
    ended = [(export, run) for export, run in runs if run.state.startswith("succeeded")]
    report.done["runs"] = len(runs)
    report.done["contacts to be delivered"] = sum(len(export.members) for export in site.exports)
    report.check("every run has succeeded", _not_succeeded(site, runs), len(runs))
    report.check("each export has run", (f"{e.id} has no run" for e in site.exports if not site.runs(e)))
    report.check("books balance in every final run", _books(site, runs), len(runs))
    report.check(
        "counts are those of the sample data", _counts(site, ended, reports_may_be_lost=reports_may_be_lost), len(ended)
    )
    for account in site.accounts.values():
        exports = [export for export in site.exports if export.account == account.name]
        contacts = sum(len(export.members) for export in exports)
        unread = {export.id for export, run in ended if reports_may_be_lost and _has_unread_report(site, run)}
        report.check(f"{account.name}: no contact lost or wrong", _lists(account, exports, unread), contacts)
        report.check(f"{account.name}: all others untouched", _others(account, exports), len(account.strangers))
        fields = account.sandbox.imports.fields_ever_sent()
        report.check(
            f"{account.name}: blacklist fields never sent",
            [f"an import carried {name}" for name in sorted(fields & {"emailBlacklist", "smsBlacklist"})],
            len(account.sandbox.imports.records()),
        )
    _judge_repeats(site, report, runs, repeats_allowed, repeats_by_export)
    for account in site.accounts.values():
        _judge_open_imports(site, report, account, runs)
    _judge_leftovers(site, report)
    if names:
        report.checks = [_named(check, names) for check in report.checks]


def _named(check: Check, names: Mapping[str, str]) -> Check:
    """Puts what was done to an export behind each failure that is about it."""
    reported = []
    for failure in check.failures:
        about = next((place for export, place in names.items() if re.search(rf"\b{export}\b", failure)), "")
        reported.append(f"{failure} [{about}]" if about else failure)
    return replace(check, failures=tuple(reported))


def _not_succeeded(site: Site, runs: list[tuple[ExportUnderTest, Run]]) -> Iterator[str]:
    for _, run in runs:
        if run.state.startswith("succeeded") or _is_rightly_skipped(run, runs):
            continue
        story = [f"{each['kind']}: {each['text']}" for each in site.app.store.events(run.run_id)][-_SHOWN:]
        problem = f" {run.error.code}: {run.error.message}" if run.error else f" waiting: {run.waiting}"
        yield f"{run.run_id} (by {run.trigger}) is {run.state}.{problem} Story: {' / '.join(story)}"


def _is_rightly_skipped(run: Run, runs: list[tuple[ExportUnderTest, Run]]) -> bool:
    """True for a run that an event started a moment after another run had taken the same snapshot."""
    known = run.state == "skipped" and run.error is not None and run.error.code == "snapshot_known"
    return known and any(
        other.export == run.export and other.run_id != run.run_id and other.state.startswith("succeeded")
        for _, other in runs
    )


def _books(site: Site, runs: list[tuple[ExportUnderTest, Run]]) -> Iterator[str]:
    for _, run in runs:
        if not run.is_final:
            continue
        status = run_status(site.app, run)
        rejected = sum(status.rows_rejected.values())
        if run.state not in ("failed", "cancelled") or run.counts.contacts_mapped:
            rows = status.contacts_mapped + status.rows_merged + status.rows_filtered + rejected
            if status.rows_read != rows:
                yield f"{run.run_id}: {status.rows_read} rows read, {rows} accounted for"
        reported = status.contacts_confirmed + status.rejected_by_brevo
        open_contacts = _open_contacts(site.app.store.batches(run))
        if status.contacts_delivered != reported + open_contacts:
            yield (
                f"{run.run_id}: {status.contacts_delivered} contacts delivered, {reported} confirmed or rejected, "
                f"{open_contacts} in open batches"
            )
        if run.state.startswith("succeeded") and status.contacts_delivered != status.contacts_to_send:
            yield f"{run.run_id}: {status.contacts_to_send} to send, {status.contacts_delivered} delivered"


def _open_contacts(batches: list[Batch]) -> int:
    """Those that Brevo took and has not confirmed; who moves is open until the last batch is confirmed."""
    first = sum(b.contacts for b in batches if b.process_id and not b.is_settled and not b.holds_moved)
    confirmed = sum(b.contacts for b in batches if b.holds_moved and b.state == "confirmed")
    return first + sum(b.moved for b in batches) - confirmed


def _counts(site: Site, ended: list[tuple[ExportUnderTest, Run]], *, reports_may_be_lost: bool) -> Iterator[str]:
    for export, run in ended:
        expected = export.expected
        wanted = {
            "rows_read": expected.rows_read,
            "rows_merged": expected.rows_merged,
            "rows_rejected": dict(expected.rows_rejected),
            "contacts_mapped": expected.contacts_mapped,
        }
        for name, value in wanted.items():
            if (found := getattr(run.counts, name)) != value:
                yield f"{run.run_id}: {name} is {found}, must be {value}"
        if by_brevo := run.counts.contacts_rejected_by_brevo:
            yield f"{run.run_id}: rejected by Brevo {by_brevo}, must be nobody"
        warnings = Counter(expected.warnings) + Counter(brevo_duplicate_phone=len(export.numbers_taken))
        # Only a note excuses a warning that is missing; nothing excuses one too many.
        lost = reports_may_be_lost and _has_unread_report(site, run)
        reported = Counter(run.counts.warnings)
        if not (reported <= warnings if lost else reported == warnings):
            yield f"{run.run_id}: warnings {dict(reported)}, must be {dict(warnings)}"


def _has_unread_report(site: Site, run: Run) -> bool:
    return any(batch.note for batch in site.app.store.batches(run))


def _lists(account: Account, exports: list[ExportUnderTest], unread: set[str]) -> Iterator[str]:
    """`unread` are the exports of which nobody knows whom Brevo has rejected for a number of another contact's."""
    for export in exports:
        found = account.sandbox.members(export.list_id)
        missing = sorted(
            export.members.keys() - found.keys() - (export.numbers_taken if export.id in unread else set())
        )
        surplus = sorted(found.keys() - export.members.keys())
        wrong = sorted(email for email in export.members.keys() & found.keys() if export.members[email] != found[email])
        if missing:
            yield f"list {export.list_id} of {export.id} lacks {len(missing)}, such as {missing[:_SHOWN]}"
        if surplus:
            yield f"list {export.list_id} of {export.id} has {len(surplus)} too many, such as {surplus[:_SHOWN]}"
        if wrong:
            first = wrong[0]
            yield (
                f"list {export.list_id} of {export.id} has {len(wrong)} wrong, such as {first}: "
                f"{found[first]} instead of {export.members[first]}"
            )


def _others(account: Account, exports: list[ExportUnderTest]) -> Iterator[str]:
    sandbox = account.sandbox
    ours = {email for export in exports for email in export.members}
    now = {contact.email: contact for contact in sandbox.account.snapshot() if contact.email not in ours}
    for email, facts in account.strangers.items():
        if email not in now:
            yield f"{email} is gone"
        elif (found := stranger_facts(sandbox, now[email])) != facts:
            yield f"{email} is {found}, was {facts}"
    if surplus := sorted(now.keys() - account.strangers.keys()):
        yield f"{len(surplus)} contacts that no export names, such as {surplus[:_SHOWN]}"
    if account.blocked != (blocked := set(sandbox.account.blocked)):
        yield f"blocked contacts: {len(blocked)} now, {len(account.blocked)} before"


def _judge_repeats(
    site: Site,
    report: Report,
    runs: list[tuple[ExportUnderTest, Run]],
    allowed: int,
    by_export: Counter[str] | None,
) -> None:
    failures: list[str] = []
    total = accepted_in_all = 0
    for account in site.accounts.values():
        records = account.sandbox.imports.records()
        accepted_in_all += len(records)
        lost = Counter(e.fault for e in account.sandbox.log.entries("POST /contacts/import") if e.fault in ANSWER_LOST)
        again = sum(record.fault in _SENT_AGAIN for record in records)
        batches = sum(run.counts.batches for export, run in runs if export.account == account.name)
        repeats = len(records) - batches - lost.total() - again
        total += repeats
        if by_export is not None:
            failures += _repeats_by_export(records, runs, by_export, account)
    report.done["imports taken by Brevo"] = accepted_in_all
    report.done["of them repeats of a batch"] = max(total, 0)
    if total > allowed:
        failures.append(f"{total} batches went out once more, at most {allowed} may have")
    report.check("repeats at most one batch for each hit", failures, accepted_in_all)


def _repeats_by_export(
    records: list[ImportRecord], runs: list[tuple[ExportUnderTest, Run]], allowed: Counter[str], account: Account
) -> Iterator[str]:
    taken = Counter(record.order.list_ids[0] for record in records)
    for export in {export.id: export for export, _ in runs}.values():
        if export.account != account.name:
            continue
        batches = sum(run.counts.batches for other, run in runs if other.id == export.id)
        repeats = taken[export.list_id] - batches
        if repeats > allowed[export.id]:
            yield f"{export.id}: {repeats} repeats of {batches} batches after {allowed[export.id]} hits of its delivery"


def _judge_open_imports(site: Site, report: Report, account: Account, runs: list[tuple[ExportUnderTest, Run]]) -> None:
    """More imports at once than allowed: distinguished by whether an import that nobody knows of took part."""
    known = {
        batch.process_id for export, run in runs if export.account == account.name for batch in _batches(site, run)
    }
    records = account.sandbox.imports.records()
    excused, failures = 0, []
    for record in records:
        open_now = [other for other in records if other.id <= record.id and _is_open_at(other, record.created_at)]
        if len(open_now) <= account.imports_at_once:
            continue
        orphans = [other.id for other in open_now if other.id not in known]
        if orphans:
            excused += 1
            continue
        failures.append(
            f"{len(open_now)} imports open when process {record.id} (list {record.order.list_ids[0]}) was taken: "
            f"{[(other.id, other.order.list_ids[0]) for other in open_now]}, allowed {account.imports_at_once}"
        )
    report.check(
        f"{account.name}: never more than {account.imports_at_once} imports open at once", failures, len(records)
    )
    if excused:
        report.notes.append(
            f"{account.name}: {excused} times one more import was open than allowed, since Brevo was still busy "
            "with one whose answer was lost with its worker"
        )


def _is_open_at(record: ImportRecord, moment: float) -> bool:
    return record.created_at <= moment and (record.completed_at is None or record.completed_at > moment)


def _batches(site: Site, run: Run) -> Iterable[Batch]:
    return site.app.store.batches(run)


def _judge_leftovers(site: Site, report: Report) -> None:
    site.wait_until(lambda: not (site.app.store.open_runs() or staged(site)), _SETTLE_SECONDS, "nothing is left over")
    report.check("the list of open runs is empty", [f"{run_id} is on it" for run_id, _ in site.app.store.open_runs()])
    bodies = staged(site)
    owners = Counter(name.split("/")[0] for name in bodies)
    report.check(
        "no staged bodies are left", [f"{count} blobs of {run_id} in {STAGED}" for run_id, count in owners.items()]
    )
    # Not peeked at again once it was empty: a delayed, stale message may come due at that very moment.
    taken = site.wait_until(lambda: not visible(site, QUEUE), 15, "the queue is worked off")
    waiting = [] if taken else visible(site, QUEUE)
    report.check("no message waits that nobody takes", [f"a message: {text}" for text in waiting])
    poison = visible(site, f"{QUEUE}-poison")
    report.check("nothing is in the poison queue", [f"a message: {text}" for text in poison])
    held = [
        f"{row.key} of {account} names {row.values['run']}"
        for account in site.accounts
        for row in site.app.storage.accounts.query(account, "slot-", "slot.")
        if (run := site.app.store.load(row.values["run"])) is not None and not run.is_final
    ]
    report.check("no import slot is held", held)
    if delayed := _all_messages(site, QUEUE):
        report.notes.append(f"{delayed} stale messages are still delayed; they do nothing when they come")
    folders, size_bytes = site.temporary_leftovers()
    if folders:
        report.notes.append(f"killed workers left {folders} temporary folders, {size_bytes / 1e6:.0f} MB")


def staged(site: Site) -> list[str]:
    """The names of all staged blobs."""
    return [blob.name for blob in site.app.storage.app_blobs.listing_if_there(STAGED, "")]


def visible(site: Site, queue: str) -> list[str]:
    """The messages that a worker could take now."""
    with QueueClient.from_connection_string(site.azurite.connection_string, queue) as client:
        try:
            return [str(message.content)[:200] for message in client.peek_messages(max_messages=32)]
        except ResourceNotFoundError:
            return []


def _all_messages(site: Site, queue: str) -> int:
    with QueueClient.from_connection_string(site.azurite.connection_string, queue) as client:
        try:
            return client.get_queue_properties().approximate_message_count or 0
        except ResourceNotFoundError:
            return 0
