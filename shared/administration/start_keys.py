"""Idempotency-Keys: a start that is repeated with its key finds the run that it has started before."""

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from shared.access import Caller
from shared.app import App
from shared.errors import ConfigurationError
from shared.runs.starting import Start
from shared.storage.failures import Conflict
from shared.storage.tables import Row

_REMEMBERED_SECONDS = 24 * 3600
# No request lives for so long: one that has written down no run by then never will.
_LONGEST_REQUEST_SECONDS = 600


def start_once(
    app: App, caller: Caller, export_id: str, key: str, how: dict[str, Any], begin: Callable[[str], Start]
) -> Start:
    """What `begin` makes of a run id that belongs to this key; the run that was started before where there is one.

    `how` it is started is bound to the key. A start that is refused leaves the key as it was: a run id tells its time,
    and that of a run which is started hours later would hide it behind the runs of these hours.
    """
    digest = _digest(caller, key)
    run_id = _reserved_run(app, export_id, digest, how)
    if app.store.load(run_id) is not None:
        return Start(export_id, run_id, reason="This was started before, with the same Idempotency-Key.")
    try:
        start = begin(run_id)
    except ConfigurationError:
        _give_back(app, export_id, digest, run_id)
        raise
    if start.run_id != run_id:
        _take_over(app, export_id, digest, start.run_id)
    return start


def _reserved_run(app: App, export_id: str, digest: str, how: dict[str, Any]) -> str:
    """The run id that belongs to this key; written down before the start, which may die half-way and be repeated."""
    asked = json.dumps(how, sort_keys=True)
    new = {"run_id": app.store.new_run_id(export_id), "wish": asked, "at": app.now()}

    def reserved(row: Row | None) -> Mapping[str, Any] | None:
        age = app.now() - row.values["at"] if row else _REMEMBERED_SECONDS
        if row is None or age >= _REMEMBERED_SECONDS:
            return new
        if row.values["wish"] != asked:
            raise ConfigurationError(
                "idempotency_key_used",
                "Idempotency-Key: was used for another start of this export.",
                "Make up a new key for each start.",
            )
        is_lost = age >= _LONGEST_REQUEST_SECONDS and app.store.load(row.values["run_id"]) is None
        return new if is_lost else None

    row = app.storage.requests.change(export_id, digest, reserved)
    return str(row.values["run_id"]) if row else ""


def _give_back(app: App, export_id: str, digest: str, run_id: str) -> None:
    """Forgets the key, unless a run was written down all the same, or another request has used it."""
    row = app.storage.requests.get(export_id, digest)
    if row is not None and row.values["run_id"] == run_id and app.store.load(run_id) is None:
        with suppress(Conflict):
            app.storage.requests.delete(row)


def _take_over(app: App, export_id: str, digest: str, run_id: str) -> None:
    """The run that was active already is what the key has started, so that a later repetition starts none."""
    row = app.storage.requests.get(export_id, digest)
    if row is not None:
        app.storage.requests.put(Row(export_id, row.key, {**row.values, "run_id": run_id}))


def _digest(caller: Caller, key: str) -> str:
    """The row of this caller's key: two callers may choose the same one. No caller's name holds a line break."""
    return hashlib.sha256(f"{caller.name}\n{key}".encode("utf-8", "replace")).hexdigest()


def forget_old_keys(app: App, *, dry_run: bool = False) -> int:
    """Deletes the keys that are not looked at any more, or only counts them."""
    old = [row for row in app.storage.requests.rows() if _is_forgotten(app, row)]
    for row in [] if dry_run else old:
        with suppress(Conflict):  # in use again
            app.storage.requests.delete(row)
    return len(old)


def _is_forgotten(app: App, row: Row) -> bool:
    """A row that does not say when it was written is no key of ours: doctor shows it."""
    at = row.values.get("at")
    return isinstance(at, int | float) and app.now() - at >= _REMEMBERED_SECONDS
