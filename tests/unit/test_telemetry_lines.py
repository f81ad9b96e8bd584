"""Where the line is written that says that telemetry is not delivered.

The Functions host keeps a worker's line only where it knows the invocation that it belongs to, which the worker takes
from the thread that logs (`GrpcWorkerChannel.Log`: "IgnoringRpcLog"). Exports run in a thread of the SDK's own.
"""

import logging
import threading

import pytest
from opentelemetry.sdk.metrics.export import ConsoleMetricExporter
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from shared.telemetry.exporters import Receiver
from shared.telemetry.pipeline import Pipeline

LINE = "telemetry is not delivered: the endpoint does not take it."


class Refusing(SpanExporter):
    def __init__(self) -> None:
        self.tried = threading.Event()

    def export(self, spans):
        self.tried.set()
        return SpanExportResult.FAILURE


@pytest.fixture
def threads(caplog):
    """The threads that wrote the line, in their order."""
    caplog.set_level(logging.ERROR, logger="shared.telemetry.exporters")
    return lambda: [record.thread for record in caplog.records if record.getMessage().startswith(LINE)]


@pytest.fixture
def refused(monkeypatch):
    """A pipeline whose receiver has refused a span by now."""
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "1")
    exporter = Refusing()
    receiver = Receiver("the endpoint", "A_SETTING", lambda: exporter, lambda: ConsoleMetricExporter(), None)
    pipeline = Pipeline([receiver])
    with pipeline.span("stage", "", "", False, {}):
        pass
    assert exporter.tried.wait(10)
    while receiver.healthy is None:
        threading.Event().wait(0.01)
    yield pipeline
    pipeline._meters.shutdown()


def another_span(pipeline: Pipeline) -> None:
    with pipeline.span("deliver", "", "", False, {}):
        pass


@pytest.mark.parametrize("then", [Pipeline.flush, another_span, Pipeline.close], ids=["flush", "span", "close"])
def test_line_is_written_by_the_thread_of_a_function_and_once(refused, threads, then):
    assert threads() == []
    then(refused)
    then(refused)
    assert threads() == [threading.get_ident()]
