"""Where telemetry goes: an OTLP endpoint, Azure Monitor, or both. Says once where one of them takes nothing."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

_log = logging.getLogger(__name__)

# The exporters wait this long in all for an answer, tries included. OTEL_EXPORTER_OTLP_TIMEOUT says otherwise.
_SECONDS = 2.0


@dataclass
class Receiver:
    """Who takes telemetry: how to make its exporters, and whether it is known to be there (None: not tried yet)."""

    name: str
    setting: str
    spans: Callable[[], Any]
    metrics: Callable[[], Any]
    logs: Callable[[], Any] | None
    healthy: bool | None = None
    _failed: bool = field(default=False, repr=False)
    _reported: bool = field(default=False, repr=False)

    def watched(self, exporter: Any) -> Any:
        """The exporter, which from now on never raises; `report` logs its failures in one line in all."""
        export = exporter.export

        def watched(*arguments: Any, **options: Any) -> Any:
            try:
                result = export(*arguments, **options)
                self.learn(result.name == "SUCCESS")
            except Exception:  # noqa: BLE001 - a receiver's faults must not fill the log
                self.learn(False)
                return None
            return result

        exporter.export = watched
        return exporter

    def learn(self, healthy: bool) -> None:
        """Takes note of how an export went. Logs nothing: the thread is the SDK's own, see `report`."""
        self.healthy = healthy
        self._failed = self._failed or not healthy

    def report(self) -> None:
        """Logs once that an export has failed. To be called from the thread in which a function runs.

        The Functions host ignores a worker's line without an invocation, which the worker takes from the thread.
        Source: https://github.com/Azure/azure-functions-host, GrpcWorkerChannel.Log (IgnoringRpcLog)
        """
        if self._failed and not self._reported:
            self._reported = True
            _log.error(
                "telemetry is not delivered: %s does not take it. Runs go on without; check %s.",
                self.name,
                self.setting,
            )


def receivers(environment: Mapping[str, str]) -> list[Receiver]:
    """Those that the settings name. The libraries of each are loaded when its exporters are made."""
    found = []
    if environment.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        timed = any(name.startswith("OTEL_EXPORTER_OTLP_") and name.endswith("TIMEOUT") for name in environment)
        found += _otlp({} if timed else {"timeout": _SECONDS})
    if connection_string := environment.get("APPLICATIONINSIGHTS_CONNECTION_STRING"):
        found.append(_azure_monitor(connection_string))
    return found


def _otlp(options: dict[str, Any]) -> list[Receiver]:
    """By HTTP and protobuf; all else as the standard OTEL_EXPORTER_OTLP_* settings say, which the exporters read.

    None where the extra `otlp` is not installed, as on Azure: its protobuf beside that of the worker can crash Python
    3.13. https://github.com/Azure/azure-functions-python-worker/issues/1858
    """
    try:
        from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ModuleNotFoundError:
        _log.error(
            "OTEL_EXPORTER_OTLP_ENDPOINT gets no telemetry: the OTLP exporter is not installed."
            " Install segment-export[otlp], or remove the setting."
        )
        return []
    return [
        Receiver(
            "the OTLP endpoint",
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            spans=lambda: OTLPSpanExporter(**options),
            metrics=lambda: OTLPMetricExporter(**options),
            logs=lambda: OTLPLogExporter(**options),
        )
    ]


def _azure_monitor(connection_string: str) -> Receiver:
    """The exporters of azure-monitor-opentelemetry without its distribution.

    That one also watches `requests`, whose paths hold addresses of persons. APPLICATIONINSIGHTS_AUTHENTICATION_STRING,
    which the exporters read, says with which identity. No logs: the host sends the app's lines there, and alerts that
    count them would count them twice.
    """
    from azure.monitor.opentelemetry.exporter import AzureMonitorMetricExporter, AzureMonitorTraceExporter

    options: dict[str, Any] = {
        "connection_string": connection_string,
        "disable_offline_storage": True,
        "timeout": _SECONDS,
        "read_timeout": _SECONDS,
        "retry_total": 1,
    }
    return Receiver(
        "Azure Monitor",
        "APPLICATIONINSIGHTS_CONNECTION_STRING",
        spans=lambda: AzureMonitorTraceExporter(**options),
        metrics=lambda: AzureMonitorMetricExporter(**options),
        logs=None,
    )
