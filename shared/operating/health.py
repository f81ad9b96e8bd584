"""Whether storage answers just now, for those who watch over the app."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from shared.app import App
from shared.brevo.connecting import CheckStep
from shared.config.models import Document
from shared.errors import ConfigurationError, ExportError, PermanentError, TransientError
from shared.staging.bodies import STAGED
from shared.storage.failures import NotFound

# No blob begins with it, so that a listing is one small answer.
_NOTHING = "~"
_CONFIGURATION = "configuration"
_KEPT_SECONDS = 10.0


@dataclass(slots=True)
class _Last:
    """What was found last, of which app, and until when that counts (monotonic seconds). The lock is held meanwhile."""

    app: App | None = None
    steps: list[CheckStep] = field(default_factory=list)
    until: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)


_last = _Last()


class _NoDocument(Exception):
    """Storage has answered, and what it holds is no configuration."""


class Unhealthy(TransientError):
    """Storage does not answer, or cannot be used; or the configuration cannot be read."""

    def __init__(self, steps: list[CheckStep]) -> None:
        self.steps = steps
        failed = [step.step for step in steps if not step.ok]
        if failed == [_CONFIGURATION]:
            super().__init__(
                "configuration_unreadable",
                "The configuration cannot be read: no export is started.",
                "Run `segment-export validate`, which lists its faults.",
                retry_after_seconds=30,
            )
            return
        parts = ", ".join(failed)
        super().__init__(
            "storage_unhealthy",
            f"Storage cannot be used for: {parts}.",
            "Run `segment-export doctor`; what waits for storage goes on by itself when it is back.",
            retry_after_seconds=30,
        )


def check_storage(app: App) -> list[CheckStep]:
    """Reads from each part of storage, all at the same time: a storage that hangs costs the time of one call.

    Anybody may ask for this, and as often as they like. So a step names no table, container or account, and all who ask
    within ten seconds get what was found once.
    """
    with _last.lock:
        if _last.app is not app or time.monotonic() >= _last.until:
            _last.steps = _checked(app)
            _last.app, _last.until = app, time.monotonic() + _KEPT_SECONDS
        return list(_last.steps)


def _checked(app: App) -> list[CheckStep]:
    parts = {
        "tables": _tables,
        "queues": _queues,
        "blobs": _blobs,
        _CONFIGURATION: _configuration,
        "segments": _segments,
    }
    with ThreadPoolExecutor(len(parts), "health") as pool:
        return list(pool.map(lambda name: _step(name, parts[name], app), parts))


def _step(name: str, read: Callable[[App], None], app: App) -> CheckStep:
    try:
        read(app)
    except TransientError:
        return CheckStep(name, False, "Storage does not answer.")
    except _NoDocument:
        text = "`segment-export validate` says why."
        if name == _CONFIGURATION:
            return CheckStep(name, False, f"It cannot be read: {text}")
        return CheckStep(name, True, f"Not checked, since the configuration cannot be read: {text}")
    except (ExportError, NotFound):
        return CheckStep(name, False, "Storage answers, and cannot be used: `segment-export doctor` says why.")
    return CheckStep(name, True, "It can be read." if name == _CONFIGURATION else "Storage answers.")


def _tables(app: App) -> None:
    app.storage.runs.get(_NOTHING, _NOTHING)


def _queues(app: App) -> None:
    app.storage.queue.count()


def _blobs(app: App) -> None:
    app.storage.app_blobs.listing_if_there(STAGED, _NOTHING)


def _configuration(app: App) -> None:
    _document(app)


def _document(app: App) -> Document:
    try:
        return app.document()
    except (ConfigurationError, PermanentError) as error:
        if error.code.startswith("storage_"):
            raise
        raise _NoDocument from None


def _segments(app: App) -> None:
    """Each container that an export reads, up to the first that does not answer."""
    for container in sorted({export.source.container for export in _document(app).exports}):
        app.storage.segment_blobs.listing(container, _NOTHING)
