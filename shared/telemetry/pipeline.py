"""OpenTelemetry's SDK, set up for this app alone: nothing global, no automatic instrumentation."""

import atexit
import logging
import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import SERVICE_INSTANCE_ID, SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from shared.telemetry.exporters import Receiver, receivers
from shared.telemetry.logs import RunLogs
from shared.version import VERSION

_NAME = "segment-export"
_PASSED_ON = ("run", "export")
# A worker may stop soon after its step: what has gathered waits a second, not the SDK's five.
_SCHEDULE_MILLISECONDS = 1000

_propagator = TraceContextTextMapPropagator()
_passed_on: ContextVar[Mapping[str, Any]] = ContextVar("passed_on", default={})  # noqa: B039 - never changed


class Pipeline:
    """Spans, metrics and logs on their way to their receivers."""

    def __init__(self, to: list[Receiver]) -> None:
        self._receivers = to
        resource = _resource()
        delay = None if os.environ.get("OTEL_BSP_SCHEDULE_DELAY") else _SCHEDULE_MILLISECONDS
        self._tracers = TracerProvider(resource=resource, shutdown_on_exit=False)
        for receiver in to:
            spans = receiver.watched(receiver.spans())
            self._tracers.add_span_processor(BatchSpanProcessor(spans, schedule_delay_millis=delay))
        readers = [PeriodicExportingMetricReader(receiver.watched(receiver.metrics())) for receiver in to]
        self._meters = MeterProvider(readers, resource=resource, shutdown_on_exit=False)
        self._loggers = LoggerProvider(resource=resource, shutdown_on_exit=False)
        for receiver in to:
            if receiver.logs:
                logs = receiver.watched(receiver.logs())
                self._loggers.add_log_record_processor(BatchLogRecordProcessor(logs, schedule_delay_millis=delay))
        self._tracer = self._tracers.get_tracer(_NAME)
        meter = self._meters.get_meter(_NAME)
        self.counter = cache(meter.create_counter)
        self.histogram = cache(lambda name: meter.create_histogram(name, unit="s"))
        self.gauge = cache(lambda name: meter.create_gauge(name, unit="s"))
        if any(receiver.logs for receiver in to):
            logging.getLogger("shared").addHandler(RunLogs(self._loggers.get_logger(_NAME), _passed_on.get))

    @contextmanager
    def span(
        self, name: str, parent: str | None, cause: str, client: bool, attributes: Mapping[str, Any]
    ) -> Iterator[None]:
        """See `shared.telemetry.span`."""
        self._report_failures()
        passed_on = {**_passed_on.get(), **{key: attributes[key] for key in _PASSED_ON if key in attributes}}
        token = _passed_on.set(passed_on)
        try:
            with self._tracer.start_as_current_span(
                name,
                context=None if parent is None else _context(parent),
                kind=trace.SpanKind.CLIENT if client else trace.SpanKind.INTERNAL,
                attributes={**passed_on, **attributes},
                links=[trace.Link(_span_context(cause))] if cause and cause != parent else [],
                # An exception's words may hold what must not leave: its code is sent instead.
                record_exception=False,
                set_status_on_exception=False,
            ):
                try:
                    yield
                except BaseException as error:
                    self.note_error(getattr(error, "code", type(error).__name__))
                    raise
        finally:
            _passed_on.reset(token)

    def note(self, attributes: Mapping[str, Any]) -> None:
        """Adds to the span that runs."""
        trace.get_current_span().set_attributes(attributes)

    def note_error(self, code: str) -> None:
        """Marks the span that runs as failed."""
        span = trace.get_current_span()
        span.set_attribute("error.type", str(code))
        span.set_status(trace.StatusCode.ERROR)

    def carrier(self) -> str:
        """The span that runs, as a `traceparent`."""
        fields: dict[str, str] = {}
        _propagator.inject(fields)
        return fields.get("traceparent", "")

    def flush(self) -> None:
        """Sends what has gathered, where every receiver is known to take it; else the background goes on trying."""
        for provider in (self._tracers, self._loggers, self._meters):
            if all(receiver.healthy for receiver in self._receivers):
                provider.force_flush()
        self._report_failures()

    def close(self) -> None:
        """At the end of the process: sends the last, unless that is known to be in vain."""
        for provider in (self._tracers, self._loggers, self._meters):
            if not any(receiver.healthy is False for receiver in self._receivers):
                provider.force_flush()
        self._report_failures()

    def _report_failures(self) -> None:
        for receiver in self._receivers:
            receiver.report()


def open_pipeline(environment: Mapping[str, str]) -> Pipeline | None:
    """The pipeline that the settings ask for; None where no exporter for it is installed.

    Raises ValueError and the like for settings that cannot be used.
    """
    # What the exporters log of each failure, with its traceback; `Receiver` says it once.
    for name in ("opentelemetry", "azure.monitor.opentelemetry"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    to = receivers(environment)
    if not to:
        return None
    pipeline = Pipeline(to)
    atexit.register(pipeline.close)
    return pipeline


def _resource() -> Resource:
    """OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES decide; without them the product's name. The version is ours.

    Each worker is an instance, or the counts of one would be taken for another's that has started again.
    """
    resource = Resource.create({SERVICE_INSTANCE_ID: uuid.uuid4().hex, SERVICE_VERSION: VERSION})
    if str(resource.attributes[SERVICE_NAME]).startswith("unknown_service"):
        resource = resource.merge(Resource({SERVICE_NAME: _NAME}))
    return resource


def _context(carrier: str) -> Context:
    """The span of the carrier as a parent; of an empty or garbled one, none."""
    return _propagator.extract({"traceparent": carrier}, context=Context())


def _span_context(carrier: str) -> trace.SpanContext:
    return trace.get_current_span(_context(carrier)).get_span_context()
