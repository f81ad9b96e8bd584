"""The version has one source, and everything that shows it shows that one."""

import importlib.metadata
import logging
import re
import subprocess
import sys
import tomllib
from pathlib import Path

from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter
from opentelemetry.sdk.metrics.export import ConsoleMetricExporter
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import export_trigger.blueprint  # noqa: F401 - its routes are what is described
from export_trigger.examples import ANSWERS
from export_trigger.openapi import openapi_document
from shared.access import terminal_caller
from shared.operating.doctor import examine
from shared.telemetry.exporters import Receiver
from shared.telemetry.pipeline import Pipeline
from shared.version import VERSION

ROOT = Path(__file__).parents[2]


def test_version_is_three_numbers():
    assert re.fullmatch(r"\d+\.\d+\.\d+", VERSION)


def test_installed_package_has_the_version_of_the_code_and_no_other_source():
    assert importlib.metadata.version("segment-export") == VERSION
    assert "version" not in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_terminal_prints_the_version():
    command = [sys.executable, "-m", "shared.cli", "--version"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (0, f"segment-export {VERSION}\n")


def test_description_of_the_api_says_that_health_answers_with_the_version():
    assert ANSWERS["health"]["version"] == VERSION
    health = openapi_document()["components"]["schemas"]["Health"]
    assert set(health["required"]) == {"status", "version"}


def test_doctor_begins_with_the_version():
    first = next(examine(terminal_caller("ana")))
    assert (first.check, first.state, first.message.split()[0]) == ("version", "ok", VERSION)


def test_every_span_and_log_line_carries_the_version(monkeypatch):
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.version=of another program")
    spans, lines = InMemorySpanExporter(), InMemoryLogRecordExporter()
    pipeline = Pipeline([Receiver("memory", "A_SETTING", lambda: spans, ConsoleMetricExporter, lambda: lines)])
    handler = logging.getLogger("shared").handlers[-1]
    try:
        with pipeline.span("stage", "", "", False, {}):
            logging.getLogger("shared.runs").error("a line")
        pipeline._tracers.force_flush()
        pipeline._loggers.force_flush()
        (span,) = spans.get_finished_spans()
        (line,) = lines.get_finished_logs()
        assert span.resource.attributes["service.version"] == VERSION
        assert line.resource.attributes["service.version"] == VERSION
    finally:
        logging.getLogger("shared").removeHandler(handler)
        pipeline._meters.shutdown()
