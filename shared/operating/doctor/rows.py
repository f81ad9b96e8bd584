"""The doctor's checks of rows and messages: those of another release, and those that cannot be read."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from shared.app import App
from shared.at_once import at_once
from shared.config.models import Document
from shared.errors import ExportError, place_of, shown
from shared.operating.doctor.finding import Look
from shared.runs.queue import MESSAGE_FORM, NOTICE_FORM, check_form
from shared.runs.rows import run_of
from shared.runs.run_ids import is_row_key
from shared.runs.state import Run
from shared.runs.store import OPEN
from shared.storage.forms import OtherFormError
from shared.storage.tables import OnOther, Row, Table, pass_over
from shared.version import VERSION

_NEWEST_ROWS = 20
_NEWEST_RUNS = 50
_MOST_KINDS = 5
_SHOWN = 5


def other_forms(app: App, exports: Sequence[str]) -> Look:
    """What another release has written and this one leaves alone: rows of the exports and runs, and messages.

    Looks at each export's newest runs, all open runs with their batches and accounts, and the next 32 messages of each
    queue.
    """
    found = [error for errors in at_once(_other_forms_of, _reads(app, exports)) for error in errors]
    if not found:
        return "ok", "None.", ""
    kinds = Counter(str(error.message) for error in found)
    text = " ".join(f"{kind} ({count:,} seen)" for kind, count in kinds.most_common(_MOST_KINDS))
    return "warn", f"{text} This is release {VERSION}.", found[0].advice


# Reads something; a row of another form in a list goes to the function that it gets.
_Reads = Callable[[OnOther], object]


def _other_forms_of(read: _Reads) -> list[OtherFormError]:
    found: list[OtherFormError] = []
    try:
        read(found.append)
    except OtherFormError as error:
        found.append(error)
    return found


def _reads(app: App, exports: Sequence[str]) -> Iterator[_Reads]:
    store, storage = app.store, app.storage
    yield partial(_drain, storage.runs, OPEN)
    open_runs = store.open_runs()
    for run_id, _ in open_runs:
        yield _alone(partial(store.load, run_id))
        yield partial(_drain, storage.batches, run_id)
    for setting in {setting for _, setting in open_runs}:
        yield partial(_drain, storage.accounts, setting)
    for export in exports:
        yield partial(_drain, storage.runs, export, limit=_NEWEST_ROWS)
        yield _alone(partial(store.started, export))
        yield _alone(partial(store.success, export))
    for received in storage.queue.peek():
        yield _alone(partial(check_form, received.text, "A message of a run", MESSAGE_FORM))
    for received in storage.notice_queue.peek():
        yield _alone(partial(check_form, received.text, "A message of the notices", NOTICE_FORM))


def _alone(read: Callable[[], object]) -> _Reads:
    return lambda _: read()


def _drain(table: Table, partition: str, on_other: OnOther, limit: int | None = None) -> None:
    for _ in table.query(partition, limit=limit, on_other=on_other):
        pass


def loaded(app: App, run_id: str) -> Run | None:
    """None for a run whose row cannot be read, which `odd_rows` or `other_forms` shows."""
    return _read(partial(app.store.load, run_id))[0]


def open_loaded(app: App) -> list[Run]:
    """The runs that have not ended, and those that are still to be tidied up behind, as far as they can be read."""
    return [run for run in at_once(partial(loaded, app), (run_id for run_id, _ in app.store.open_runs())) if run]


def odd_rows(app: App, document: Document) -> Look:
    """Rows that cannot be read: each stops its own run, export or account, and is passed over by all else."""
    faults = list(filter(None, at_once(_fault, _readings(app, document))))
    if not faults:
        return "ok", "Each can be read.", ""
    more = f" and {len(faults) - _SHOWN:,} more" if len(faults) > _SHOWN else ""
    words = f"{len(faults):,} cannot be read: {'; '.join(faults[:_SHOWN])}{more}."
    return "FAILED", words, "Nothing of ours writes such a row: see who else writes to the account, and delete the row."


def _fault(reading: tuple[str, Callable[[], object]]) -> str:
    what, read = reading
    return f"{what} ({fault})" if (fault := _read(read)[1]) else ""


def _readings(app: App, document: Document) -> Iterator[tuple[str, Callable[[], object]]]:
    """What the timer reads of each export, run and account, with the words for it."""
    store, storage = app.store, app.storage
    for export in document.exports:
        yield f"runs: started of {export.id}", partial(store.started, export.id)
        yield f"runs: active of {export.id}", partial(store.active, export.id)
        yield f"runs: success of {export.id}", partial(store.success, export.id)
        for row in storage.runs.query(export.id, "run-", "run.", _NEWEST_RUNS, pass_over):
            key = row.key if is_row_key(row.key) else shown(row.key)
            yield f"runs: {key} of {export.id}", partial(run_of, row)
    for row in storage.runs.query(OPEN, on_other=pass_over):
        yield "runs: an open run", partial(_check_open, app, row)
    for row in storage.requests.rows():
        yield f"requests: a key of {shown(row.partition)}", partial(float, row.values.get("at", ""))
    for row in storage.accounts.rows():
        if row.key.startswith("slot-"):
            yield f"accounts: {shown(row.key)} of {shown(row.partition)}", partial(_check_slot, app, row)


def _check_open(app: App, row: Row) -> None:
    app.store.load(row.key)
    str(row.values["key_setting"])


def _check_slot(app: App, row: Row) -> None:
    int(row.values["batch"])
    app.store.load(row.values["run"])


def _read[T](read: Callable[[], T]) -> tuple[T | None, str]:
    """What is read, or where reading fails. Storage's own failures are for those who probe storage."""
    try:
        return read(), ""
    except OtherFormError:
        return None, ""  # `other_forms` shows it
    except ExportError:
        raise
    except Exception as error:  # noqa: BLE001 - what an odd row raises is not known
        return None, place_of(error)
