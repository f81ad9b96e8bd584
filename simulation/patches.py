"""What of the real code is replaced: time, chance, threads, the network, and in most histories the files.

All of it is found by name, so that what has been renamed is noticed here.
"""

import json
import os
import secrets
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, tzinfo
from functools import lru_cache, partial
from importlib import import_module
from types import SimpleNamespace, TracebackType
from typing import TYPE_CHECKING, Any, Self

from shared.config import document
from shared.config.models import Document
from shared.errors import ExportError
from shared.runs import rows
from shared.storage.tables import Row
from simulation import ledgers, plain_json, staging
from simulation.copies import make, maker, replace
from simulation.scheduler import end_idle

if TYPE_CHECKING:
    from simulation.world import World

KEY_SETTING = "SIMULATED_BREVO_KEY"
SECRETS = {
    KEY_SETTING: "simulated-key-0123456789",
    "SIMULATED_TEAMS": "https://teams.simulated.example/secret-of-teams",
    "SIMULATED_WEBHOOK": "https://hook.simulated.example/secret-of-the-webhook",
    "APP_SECRET": b64encode(b"simulated, but 32 bytes as usual").decode(),
    "SIMULATED_SIGNING": f"whsec_{b64encode(b'simulated bytes to sign with').decode()}",
}

# A disk takes milliseconds to delete a folder.
_IN_MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - no folder of it is shared

_worlds: list["World"] = []


def world() -> "World":
    """The world of the history that is played now."""
    return _worlds[-1]


@contextmanager
def playing(new: "World") -> Iterator[None]:
    """Lets the replaced parts belong to this world."""
    _worlds.append(new)
    try:
        yield
    finally:
        _worlds.pop()


# Chance


def _token_hex(size_bytes: int = 32) -> str:
    return world().chance.getrandbits(8 * size_bytes).to_bytes(size_bytes).hex()


# Threads


@contextmanager
def _renewing(renew: Callable[[], None], every_seconds: float) -> Iterator[None]:
    scheduler = world().scheduler
    ended = busy = False

    def work() -> None:
        nonlocal busy
        while True:
            scheduler.sleep(every_seconds)
            if ended:
                return
            busy = True
            with suppress(ExportError):
                renew()
            busy = False

    renewer = scheduler.spawn_beside("renewal", work)
    try:
        yield
    finally:
        ended = True
        if busy:
            scheduler.join(renewer)


class _AtOnce:
    """In the place of ThreadPoolExecutor."""

    def __init__(self, *_: object) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def submit[T](self, work: Callable[..., T], *arguments: Any) -> Future[T]:
        future: Future[T] = Future()
        try:
            future.set_result(work(*arguments))
        except Exception as error:  # noqa: BLE001 - kept for whoever asks for the result
            future.set_exception(error)
        return future

    def shutdown(self, **_: object) -> None: ...


# Waiting between tries, as stamina does it


class _Attempt:
    def __init__(self, on: Callable[[Exception], bool | float], wait: float, *, is_last: bool) -> None:
        self._on, self._wait, self._is_last = on, wait, is_last
        self.failed = False

    def __enter__(self) -> None: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if not isinstance(error, Exception) or self._is_last:
            return False
        verdict = self._on(error)
        if verdict is False:
            return False
        self.failed = True
        world().scheduler.sleep(self._wait if verdict is True else float(verdict))
        return True


def _retry_context(
    on: Callable[[Exception], bool | float], attempts: int, timeout: float, wait_initial: float
) -> Iterator[_Attempt]:
    began = world().scheduler.now
    for number in range(attempts):
        is_last = number == attempts - 1 or world().scheduler.now - began > timeout
        attempt = _Attempt(on, wait_initial * 2**number, is_last=is_last)
        yield attempt
        if not attempt.failed:
            return


# Time


class _VirtualDatetime(datetime):
    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        return cls.fromtimestamp(world().scheduler.now, tz or UTC)


# The configuration, which is a blob, and parsed once for each of its texts

_parse = document.parse_document


@lru_cache(maxsize=512)
def _parsed(data: bytes, where: str) -> Document:
    return _parse(data, where)


# Rows, which are read far more often than written: one of the same ETag is decoded once


def _decoded(decode: Callable[[Row], Any]) -> Callable[[Row], Any]:
    def once(row: Row) -> Any:
        known = world().decoded
        if row.etag is None:
            return decode(row)
        if row.etag not in known:
            known[row.etag] = decode(row)
        return known[row.etag]

    return once


# A run is made of its row, and copied, by the hundred in each history


def _from_values(cls: type[Any], values: Mapping[str, Any], **more: str | None) -> Any:
    return make(cls, **rows._known(cls, values), **more)


def _in_staging(name: str, real: Any, model: Any) -> Any:
    """Calls the model or the real part, as the history has it."""

    def chosen(*arguments: Any, **named: Any) -> Any:
        return (real if world().plan.real_staging else model)(*arguments, **named)

    chosen.__name__ = name
    return chosen


_COPYING = (
    *("runs.state", "runs.batch", "runs.counts", "runs.problem", "runs.tries", "runs.slots", "runs.left_imports"),
    *("runs.started", "runs.ledgers", "runs.steps.reading", "runs.steps.snapshot_waits", "runs.steps.watch"),
    *("runs.steps.end", "brevo.processes", "brevo.probed", "notices.rows"),
)
ALWAYS: dict[str, Any] = {
    **{f"shared.{module}.replace": replace for module in _COPYING},
    "shared.runs.claim._renewing": _renewing,
    "shared.brevo.session.stamina": SimpleNamespace(retry_context=_retry_context),
    "shared.brevo.rejections.read_report": lambda url, *_: iter(world().brevo.report(url)),
    "shared.runs.answers.read_export": lambda url, *_: world().brevo.exported(url),
    "shared.notices.sending.post": lambda *arguments: world().receivers.post(*arguments),
    "shared.config.document.parse_document": _parsed,
    "shared.config.document.is_local_file": lambda location: False,
    "shared.runs.store.run_of": _decoded(rows.run_of),
    "shared.runs.store.batch_of": _decoded(rows.batch_of),
    "shared.segments.snapshot.datetime": _VirtualDatetime,
    "shared.runs.rows._from_values": _from_values,
    "shared.storage.tables.Row": maker(Row),
    "shared.runs.rows.Row": maker(Row),
    "shared.staging.reader.ThreadPoolExecutor": _AtOnce,
    "shared.staging.bodies.ThreadPoolExecutor": _AtOnce,
    "shared.staging.parts.ThreadPoolExecutor": _AtOnce,
}
STAGING: dict[str, Any] = {
    "shared.runs.starting.own_snapshot": staging.own_snapshot,
    "shared.runs.holding.own_snapshot": staging.own_snapshot,
    "shared.runs.steps.stage.own_snapshot": staging.own_snapshot,
    "shared.runs.steps.undo.own_snapshot": staging.own_snapshot,
    "shared.administration.known.own_snapshot": staging.own_snapshot,
    "shared.runs.steps.reading.SnapshotReader": staging.ModelReader,
    "shared.runs.steps.reading.open_ledger": ledgers.open_ledger,
    "shared.sync.opening.open_files": ledgers.open_files,
    "shared.sync.difference.Comparison": ledgers.ModelComparison,
    "shared.sync.ledger.lacks": ledgers.lacks,
    "shared.sync.members.write_members": ledgers.write_members,
    "shared.sync.ledger.without": ledgers.without,
    "shared.sync.ledger.run_of": ledgers.run_of,
    "shared.sync.ledger.check_comparable": lambda path, others, folder: None,
    "shared.sync.removals.without_kept": ledgers.without_kept,
    "shared.sync.undo.record_without_numbers": ledgers.record_without_numbers,
    "shared.runs.steps.reading.write_bodies": staging.write_bodies,
    "shared.runs.steps.reading.write_parts": staging.write_parts,
    "shared.runs.steps.reading.RejectedWriter": staging.ModelRejectedWriter,
    "shared.runs.steps.reading.clear_what_killed_workers_left": lambda: None,
    "shared.runs.steps.confirm.RejectedWriter": staging.ModelRejectedWriter,
}


@contextmanager
def replaced() -> Iterator[None]:
    """Replaces the parts of the real code while the block runs. Raises AttributeError for one that is gone."""
    before: list[tuple[Any, str, Any]] = []

    def put(owner: Any, name: str, new: Any) -> None:
        before.append((owner, name, getattr(owner, name)))
        setattr(owner, name, new)

    kept = {name: os.environ.get(name) for name in SECRETS}
    os.environ.update(SECRETS)
    try:
        put(secrets, "token_hex", _token_hex)
        put(secrets, "token_urlsafe", _token_hex)
        put(json, "loads", plain_json.loads)
        for encoder in (json._default_encoder, rows._JSON):  # type: ignore[attr-defined]
            put(encoder, "encode", plain_json.encode_of(encoder))
        for path, new in ALWAYS.items():
            module, _, name = path.rpartition(".")
            put(import_module(module), name, new)
        for path, model in STAGING.items():
            module, _, name = path.rpartition(".")
            owner = import_module(module)
            put(owner, name, _in_staging(name, getattr(owner, name), model))
        put(import_module("shared.staging.folders"), "tempfile", _Folders(import_module("tempfile")))
        yield
    finally:
        end_idle()
        for owner, name, old in reversed(before):
            setattr(owner, name, old)
        for name, value in kept.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


class _Folders:
    """`tempfile` with its folders in memory, or nothing of it where staging is a model."""

    def __init__(self, real: Any) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Any:
        plan = world().plan
        if not (plan.real_staging or plan.asks_leavers or plan.mirrors):
            return getattr(staging.NoFolders, name)
        found = getattr(self._real, name)
        return partial(found, dir=_IN_MEMORY) if name == "TemporaryDirectory" else found
