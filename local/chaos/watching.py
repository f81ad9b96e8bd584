"""Inside a worker: tells which step it takes, and dies at the very place where a crash is wanted.

Below the folder: `marks/<pid>` while a step runs (JSON: run, step, batch), `seen.jsonl` every message taken (JSON: at,
pid, message), `traces/<export>` the places that a run passed, where that file exists, `armed/<export>` the place where
a worker shall die. A place is `step|operation|nth time in this step|before or after`; operations are the changes that
outlast the worker: table rows, queue messages, blobs, imports.
"""

import functools
import json
import os
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from shared.app import App
from shared.brevo.session import BrevoSession
from shared.errors import PermanentError
from shared.runs.queue import parse_message
from shared.runs.steps import dispatch
from shared.storage.blobs import Blobs
from shared.storage.queue import Queue
from shared.storage.tables import Table

FOLDERS = ("fresh", "marks", "traces", "armed", "crashed")


@dataclass
class _Step:
    """The step that a thread takes."""

    export: str
    step: str
    passed: Counter[str] = field(default_factory=Counter)


_here = threading.local()


def install(folder: Path) -> None:
    """Wraps the product's steps and the operations that outlast a worker."""
    setattr(dispatch, "take_step", _watched(folder, dispatch.take_step))  # noqa: B010 - mypy would refuse to replace it
    for name in ("insert", "put", "replace", "delete", "transact"):
        _wrap(folder, Table, name, lambda self, *_: f"{self._what.removeprefix('table ')}.")
    _wrap(folder, Queue, "send", lambda *_: "queue.")
    for name in ("write", "delete_below"):
        _wrap(folder, Blobs, name, lambda _self, container, *_: f"{container}.")
    _wrap(folder, BrevoSession, "_send", lambda _self, method, path, *_: f"{method} {re.sub(r'[0-9]+', 'N', path)} ")


def _watched(folder: Path, take: Callable[[App, str | bytes], None]) -> Callable[[App, str | bytes], None]:
    @functools.wraps(take)
    def watched(app: App, text: str | bytes) -> None:
        try:
            message = parse_message(text)
        except PermanentError:
            return take(app, text)
        mark = folder / "marks" / str(os.getpid())
        text = json.dumps(asdict(message))
        with (folder / "seen.jsonl").open("a", encoding="utf-8") as seen:
            seen.write(json.dumps({"at": time.time(), "pid": os.getpid(), "message": asdict(message)}) + "\n")
        fresh = folder / "fresh" / str(os.getpid())
        fresh.write_text(text, encoding="utf-8")
        fresh.rename(mark)
        _here.step = _Step(export_of(message.run), message.step)
        try:
            return take(app, text)
        finally:
            _here.step = None
            mark.unlink(missing_ok=True)

    return watched


def export_of(run_id: str) -> str:
    """The export of a run, by its id."""
    return run_id.rsplit("-", 2)[0]


def _wrap(folder: Path, owner: type, name: str, describe: Callable[..., str]) -> None:
    original = getattr(owner, name)

    @functools.wraps(original)
    def wrapped(self: Any, *arguments: Any, **named: Any) -> Any:
        step: _Step | None = getattr(_here, "step", None)
        if step is None:
            return original(self, *arguments, **named)
        operation = f"{describe(self, *arguments)}{name}"
        step.passed[operation] += 1
        place = f"{step.step}|{operation}|{step.passed[operation]}"
        _pass(folder, step.export, f"{place}|before")
        result = original(self, *arguments, **named)
        _pass(folder, step.export, f"{place}|after")
        return result

    setattr(owner, name, wrapped)


def _pass(folder: Path, export: str, place: str) -> None:
    trace = folder / "traces" / export
    if trace.exists():
        with trace.open("a", encoding="utf-8") as file:
            file.write(place + "\n")
    armed = folder / "armed" / export
    try:
        wanted = armed.read_text(encoding="utf-8")
    except FileNotFoundError:
        return
    if wanted != place:
        return
    try:
        armed.rename(folder / "crashed" / export)
    except FileNotFoundError:
        return  # another worker of the same run has died there
    os.kill(os.getpid(), signal.SIGKILL)
