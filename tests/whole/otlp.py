"""What an OTLP receiver was sent, decoded by OpenTelemetry's own messages."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.receiver import Receiver


@dataclass(frozen=True)
class Span:
    name: str
    trace: str
    id: str
    parent: str
    links: tuple[str, ...]
    attributes: dict[str, Any]
    failed: bool
    process: str


def attributes_of(found: Any) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in found}


def spans(receiver: Receiver) -> list[Span]:
    found = []
    for received in [each for each in receiver.received if each.path == "/v1/traces"]:
        for resource in ExportTraceServiceRequest.FromString(received.body).resource_spans:
            process = attributes_of(resource.resource.attributes)["service.instance.id"]
            found += [
                Span(
                    span.name,
                    span.trace_id.hex(),
                    span.span_id.hex(),
                    span.parent_span_id.hex(),
                    tuple(link.span_id.hex() for link in span.links),
                    attributes_of(span.attributes),
                    span.status.code == 2,
                    process,
                )
                for scope in resource.scope_spans
                for span in scope.spans
            ]
    return found


def _points(receiver: Receiver) -> Iterator[tuple[str, str, dict[str, Any], float]]:
    for received in [each for each in receiver.received if each.path == "/v1/metrics"]:
        for resource in ExportMetricsServiceRequest.FromString(received.body).resource_metrics:
            process = attributes_of(resource.resource.attributes)["service.instance.id"]
            for metric in [metric for scope in resource.scope_metrics for metric in scope.metrics]:
                kind = metric.WhichOneof("data")
                for point in getattr(metric, kind).data_points:
                    if kind == "histogram":
                        value = point.sum
                    else:
                        value = point.as_int if point.WhichOneof("value") == "as_int" else point.as_double
                    yield process, metric.name, attributes_of(point.attributes), value


def metrics(receiver: Receiver, name: str, *by: str) -> dict[tuple[Any, ...], float]:
    """The measure over all processes, by the attributes of these names: the last that each of them told."""
    last = {
        (process, tuple(sorted(attributes.items()))): (tuple(attributes.get(key) for key in by), value)
        for process, found, attributes, value in _points(receiver)
        if found == name
    }
    sums: dict[tuple[Any, ...], float] = {}
    for key, value in last.values():
        sums[key] = sums.get(key, 0) + value
    return sums


def logs(receiver: Receiver) -> list[tuple[str, dict[str, Any], str]]:
    """(line, attributes, trace)"""
    return [
        (record.body.string_value, attributes_of(record.attributes), record.trace_id.hex())
        for received in receiver.received
        if received.path == "/v1/logs"
        for resource in ExportLogsServiceRequest.FromString(received.body).resource_logs
        for scope in resource.scope_logs
        for record in scope.log_records
    ]
