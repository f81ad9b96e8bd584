"""Runs and batches as table rows: each property that differs from its default."""

import json
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, asdict, fields
from operator import attrgetter
from typing import Any, NamedTuple

from shared.errors import masked
from shared.runs.batch import Batch
from shared.runs.counts import Counts
from shared.runs.problem import Problem
from shared.runs.run_ids import run_address
from shared.runs.state import Run
from shared.runs.tries import Started, Tries
from shared.storage.tables import Row

# A table holds 32 Ki characters in one property. Lists are bounded where they are made.
_LONGEST_TEXT = 10_000
_JSON = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)


def run_row(run: Run) -> Row:
    """The run's row in the table `runs`."""
    partition, key = run_address(run.run_id)
    return Row(partition, key, row_values(run), run.etag)


def run_of(row: Row) -> Run:
    """The run that the row holds. Unknown properties are a newer version's: they are left alone."""
    return _from_values(Run, row.values, etag=row.etag)


def batch_key(run: Run, number: int) -> tuple[str, str]:
    """Partition and key of a batch of the run's staging, in the table `batches`."""
    return run.run_id, f"{run.staging_id}-{number:05}"


def batch_row(batch: Batch) -> Row:
    """The batch's row in the table `batches`."""
    return Row(batch.run_id, f"{batch.staging_id}-{batch.number:05}", row_values(batch), batch.etag)


def batch_of(row: Row) -> Batch:
    """The batch that the row holds."""
    return _from_values(Batch, row.values, etag=row.etag)


def started_row(export: str, started: Started) -> Row:
    """The export's row `started`, in the table `runs`."""
    values = {"snapshot": started.snapshot, "due": started.due, "unsent": started.unsent}
    for of, tries in (("snapshot", started.snapshot_tries), ("due", started.due_tries)):
        values |= {f"{of}_{name}": getattr(tries, name) for name, _ in _TRIES}
    return Row(export, "started", values, started.etag)


def started_of(row: Row | None) -> Started:
    """What the row holds. Where it says nothing of tries, there are none to be made."""
    if row is None:
        return Started()
    snapshot_tries, due_tries = (
        Tries(**{name: row.values.get(f"{of}_{name}", default) for name, default in _TRIES})
        for of in ("snapshot", "due")
    )
    unsent = row.values.get("unsent", "")
    return Started(row.values["snapshot"], row.values["due"], snapshot_tries, due_tries, unsent, row.etag)


def row_values(model: Run | Batch | Counts) -> dict[str, Any]:
    """What differs from its default, and the state. A long run's batches are read often: each property costs time."""
    values: dict[str, Any] = {}
    parts, values_of, _ = _FORMS[type(model)]
    for (name, default, kind), value in zip(parts, values_of(model), strict=True):
        if value is default or value == default:
            continue
        if kind == "counts":
            values |= row_values(value)
        else:
            values[name] = _property(value, kind)
    return values


class _Form(NamedTuple):
    """How a row holds a model: of each field its name, the default that is not written, and the kind of its value."""

    parts: tuple[tuple[str, Any, str], ...]
    values_of: Callable[[Any], tuple[Any, ...]]
    kinds: dict[str, str]


def _form(cls: type[Any]) -> _Form:
    parts = tuple((part.name, _default(part), _held_as(part.type)) for part in fields(cls) if part.name != "etag")
    return _Form(parts, attrgetter(*(name for name, _, _ in parts)), {name: kind for name, _, kind in parts})


def _default(part: Field[Any]) -> Any:
    """What need not be written. The state always is."""
    if part.name == "state":
        return None
    return part.default if part.default_factory is MISSING else part.default_factory()


def _held_as(kind: Any) -> str:
    if kind is Counts:
        return "counts"
    if kind == Problem | None:
        return "error"
    return "json" if str(kind).startswith(("dict", "list")) else "value"


def _property(value: Any, kind: str) -> Any:
    """The value as a table takes it; no table holds an address."""
    if kind == "value":
        return masked(value[:_LONGEST_TEXT]) if isinstance(value, str) else value
    return masked(_JSON.encode(asdict(value) if kind == "error" else value))


def _from_values[T: Run | Batch | Counts](cls: type[T], values: Mapping[str, Any], **more: Any) -> T:
    return cls(**_known(cls, values), **more)


def _known(cls: type[Any], values: Mapping[str, Any]) -> dict[str, Any]:
    kinds = _FORMS[cls].kinds
    known: dict[str, Any] = {}
    for name, value in values.items():
        kind = kinds.get(name)
        if kind is None or value is None:
            continue
        if kind == "value":
            known[name] = value
        elif kind == "json":
            known[name] = json.loads(value)
        elif kind == "error":
            known[name] = Problem(**json.loads(value))
    if "counts" in kinds:
        known["counts"] = _from_values(Counts, values)
    return known


# Rows are read all the time.
_TRIES = tuple((part.name, part.default) for part in fields(Tries))
_FORMS: dict[type[Any], _Form] = {each: _form(each) for each in (Run, Batch, Counts)}
