"""The transport for somebody who waits for an answer: storage that hangs is waited for once, not at each call again."""

import time
from typing import Any, Self

from azure.core.exceptions import ServiceRequestError, ServiceResponseError
from azure.core.pipeline.transport import HttpTransport, RequestsTransport

from shared.storage.failures import Silent

# As long as anybody is let wait: the next one who asks after that finds out again.
_SILENT_SECONDS = 15.0
# A call and its retry.
_MOST_TIMEOUTS = 2


class HurriedTransport(HttpTransport[Any, Any]):
    """Gives up each request after so many seconds, and once two have had no answer, for a while at once.

    Reads `read_bytes` of an answer at once. One for each client. Threads may share it: at worst one of them waits for
    itself as well.
    """

    def __init__(self, seconds: float, read_bytes: int) -> None:
        self._inner = RequestsTransport(
            connection_timeout=seconds, read_timeout=seconds, connection_data_block_size=read_bytes
        )
        self._seconds = seconds
        self._timeouts = 0
        self._silent_until = 0.0

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def open(self) -> None:
        """Opens its connections."""
        self._inner.open()

    def close(self) -> None:
        """Closes them."""
        self._inner.close()

    def send(self, request: Any, **options: Any) -> Any:
        """The answer. Raises AzureError where none comes, Silent where none is waited for: the SDK retries no such."""
        begun = time.monotonic()
        if begun < self._silent_until:
            raise Silent
        try:
            answer = self._inner.send(request, **options)
        except (ServiceRequestError, ServiceResponseError):
            self._note(time.monotonic() - begun)
            raise
        self._timeouts = 0
        return answer

    def _note(self, took_seconds: float) -> None:
        """A request that is refused at once, as while storage restarts, does not hang."""
        if took_seconds < 0.9 * self._seconds:
            return
        self._timeouts += 1
        if self._timeouts >= _MOST_TIMEOUTS:
            self._timeouts, self._silent_until = 0, time.monotonic() + _SILENT_SECONDS
