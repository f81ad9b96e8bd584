"""The app's own log lines, with the ids of the run that they are of."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from opentelemetry._logs import Logger, SeverityNumber

_SEVERITIES = {
    logging.DEBUG: SeverityNumber.DEBUG,
    logging.INFO: SeverityNumber.INFO,
    logging.WARNING: SeverityNumber.WARN,
    logging.ERROR: SeverityNumber.ERROR,
    logging.CRITICAL: SeverityNumber.FATAL,
}


class RunLogs(logging.Handler):
    """Passes lines on as they are. Without tracebacks, whose values may be persons'; other loggers have no part."""

    def __init__(self, logger: Logger, attributes: Callable[[], Mapping[str, Any]]) -> None:
        super().__init__()
        self._logger = logger
        self._attributes = attributes

    def emit(self, record: logging.LogRecord) -> None:
        """Takes the line, with the span that it was written in."""
        self._logger.emit(
            timestamp=int(record.created * 1e9),
            severity_number=_SEVERITIES.get(record.levelno, SeverityNumber.UNSPECIFIED),
            severity_text=record.levelname,
            body=record.getMessage(),
            attributes={**self._attributes(), "logger": record.name},
        )
