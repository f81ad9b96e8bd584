"""What a run tells OpenTelemetry: spans, metrics, logs. Off, and not even imported, where no setting asks for it.

Nothing here raises, waits or is needed: a run goes on whatever becomes of its telemetry.
Only ids, counts and codes may be passed on: never a name, an address, a phone number, a path or a link.
"""

import logging
import os
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.telemetry.pipeline import Pipeline

_log = logging.getLogger(__name__)
_opening = Lock()

Value = str | int | float


def is_on(environment: Mapping[str, str]) -> bool:
    """True where a setting names a receiver.

    https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
    """
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    return bool(
        environment.get("OTEL_EXPORTER_OTLP_ENDPOINT") or environment.get("APPLICATIONINSIGHTS_CONNECTION_STRING")
    )


def span(
    name: str, *, parent: str | None = None, cause: str = "", client: bool = False, **attributes: Value
) -> AbstractContextManager[None]:
    """A span while the block runs. Of its attributes, `run` and `export` pass on to the spans and logs inside it.

    `parent` is a `carrier`: none given, the span around this one; an empty one begins a trace. `cause` is the carrier
    of the span that sent the message for this one: a link. `client` says that another system is called.
    """
    pipeline = _pipeline()
    return pipeline.span(name, parent, cause, client, attributes) if pipeline else nullcontext()


def note(**attributes: Value) -> None:
    """Adds to the span that runs."""
    if pipeline := _pipeline():
        pipeline.note(attributes)


def note_error(code: str) -> None:
    """Marks the span that runs as failed, by the error's code."""
    if pipeline := _pipeline():
        pipeline.note_error(code)


def carrier() -> str:
    """The span that runs, as a `traceparent` that travels in a message or a row; empty where telemetry is off.

    https://www.w3.org/TR/trace-context/#traceparent-header
    """
    pipeline = _pipeline()
    return pipeline.carrier() if pipeline else ""


def count(name: str, amount: int, **attributes: Value) -> None:
    """Adds to a counter."""
    if pipeline := _pipeline():
        pipeline.counter(name).add(amount, attributes)


def record(name: str, seconds: float, **attributes: Value) -> None:
    """Records how long something took."""
    if pipeline := _pipeline():
        pipeline.histogram(name).record(seconds, attributes)


def gauge(name: str, seconds: float) -> None:
    """Tells how something is now."""
    if pipeline := _pipeline():
        pipeline.gauge(name).set(seconds)


def flush() -> None:
    """Hands over what has gathered, where somebody is known to take it: an instance may stop after an invocation."""
    if pipeline := _pipeline():
        pipeline.flush()


def _pipeline() -> "Pipeline | None":
    with _opening:
        return _opened()


@cache
def _opened() -> "Pipeline | None":
    """Opened with the first span, not at a cold start: most requests never take a step of a run."""
    if not is_on(os.environ):
        return None
    try:
        from shared.telemetry.pipeline import open_pipeline

        return open_pipeline(os.environ)
    except Exception as error:  # noqa: BLE001 - whatever the settings say, the run goes on
        _log.error("telemetry is off: its settings cannot be used (%s).", type(error).__name__)
        return None
