"""Where the logs of functions go: standard error, one line each with level, process and function."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable

FORMAT = "%(asctime)s %(levelname)s pid=%(process)d [%(function)s] %(name)s: %(message)s"

# They repeat what the host itself logs, or log every HTTP request to storage.
_QUIETER = ("azure", "azure.functions", "urllib3", "asyncio")


def log_to_standard_error(function_name: Callable[[], str], level: str = "INFO") -> None:
    """Set logging up for this process; `function_name` tells which function the calling thread runs."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter(FORMAT))

    def name_function(record: logging.LogRecord) -> bool:
        record.function = function_name()
        return True

    handler.addFilter(name_function)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _QUIETER:
        logging.getLogger(name).setLevel(logging.WARNING)
