"""Timer triggers: run by schedule, and past due where the host was down at the time."""

from __future__ import annotations

import json
import logging
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from azure.core.exceptions import AzureError, ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import BlobClient, BlobServiceClient, ExponentialRetry

from local.functions_host.ncrontab import Schedule, ScheduleError
from local.functions_host.rpc import TypedData
from local.functions_host.runtime import Call, Function, Runtime

_log = logging.getLogger("local.functions_host.timers")
_STATUS_CONTAINER = "azure-webjobs-hosts"


@dataclass(frozen=True)
class Status:
    """When a timer ran last, and is to run next, as kept between two starts of the host."""

    last: datetime | None
    next: datetime
    updated: datetime

    def as_json(self) -> dict[str, str]:
        """The status as the real host writes it."""
        last = self.last.isoformat() if self.last else "0001-01-01T00:00:00+00:00"
        return {"Last": last, "LastUpdated": self.updated.isoformat(), "Next": self.next.isoformat()}

    @classmethod
    def of_json(cls, value: Any) -> Status:
        """Read what `as_json` wrote. Raises: ValueError, LookupError."""
        last = datetime.fromisoformat(value["Last"])
        return cls(
            last if last.year > 1 else None,
            datetime.fromisoformat(value["Next"]),
            datetime.fromisoformat(value["LastUpdated"]),
        )


class StatusBlob:
    """Keeps a timer's status in storage, where the real host keeps it; without storage nothing is kept."""

    def __init__(self, connection: str | None, host_id: str, function_name: str) -> None:
        self._blob: BlobClient | None = None
        if connection is not None:
            service = BlobServiceClient.from_connection_string(
                connection,
                retry_policy=ExponentialRetry(initial_backoff=0, increment_base=2, retry_total=1),
                connection_timeout=2,
                read_timeout=10,
            )
            path = f"timers/{host_id}/Host.Functions.{function_name}/status"
            self._blob = service.get_blob_client(_STATUS_CONTAINER, path)

    def read(self) -> Status | None:
        """The status kept, or None."""
        if self._blob is None:
            return None
        try:
            return Status.of_json(json.loads(self._blob.download_blob().readall()))
        except ResourceNotFoundError:
            return None
        except (AzureError, ValueError, LookupError) as error:
            _log.warning("the timer's status cannot be read: %s", str(error).splitlines()[0])
            return None

    def write(self, status: Status) -> None:
        """Keep a status."""
        if self._blob is None:
            return
        content = json.dumps(status.as_json()).encode()
        try:
            try:
                self._blob.upload_blob(content, overwrite=True)
            except ResourceNotFoundError:
                self._create_container()
                self._blob.upload_blob(content, overwrite=True)
        except AzureError as error:
            _log.warning("the timer's status cannot be kept: %s", str(error).splitlines()[0])

    def _create_container(self) -> None:
        assert self._blob is not None  # noqa: S101
        try:
            self._blob._get_container_client().create_container()
        except ResourceExistsError:
            return


def timer_call(status: Status | None, *, past_due: bool, reason: str) -> Call:
    """What a timer function is handed."""
    info = {
        "Schedule": {"AdjustForDST": True},
        "ScheduleStatus": status.as_json() if status else None,
        "IsPastDue": past_due,
    }
    return Call(TypedData(json=json.dumps(info)), reason)


class Timer:
    """Runs one function by its schedule, never twice at the same time."""

    def __init__(
        self,
        function: Function,
        runtime: Runtime,
        schedule: Schedule,
        kept: StatusBlob,
        *,
        run_on_startup: bool,
    ) -> None:
        self.function = function
        self._runtime = runtime
        self._schedule = schedule
        self._kept = kept
        self._run_on_startup = run_on_startup
        self._status: Status | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"timer {function.name}", daemon=True)

    def start(self) -> None:
        """Begin to run by schedule."""
        self._thread.start()

    def stop(self) -> None:
        """Start no more runs."""
        self._stopping.set()

    def call_now(self) -> Call:
        """What a run outside the schedule is handed."""
        return timer_call(self._status, past_due=False, reason="This function was programmatically called.")

    def _run(self) -> None:
        try:
            self._run_by_schedule()
        except ScheduleError as error:
            _log.error("The timer '%s' does not run any more: %s", self.function.name, error)

    def _run_by_schedule(self) -> None:
        self._status = self._kept.read()
        past_due = self._is_past_due(self._status)
        if past_due or self._run_on_startup:
            self._fire(past_due=past_due)
        else:
            self._note(self._status.last if self._status else None, datetime.now(UTC))
        while self._status is not None:
            pause_seconds = (self._status.next - datetime.now(UTC)).total_seconds()
            if self._stopping.wait(max(0.0, pause_seconds)):
                return
            self._fire(past_due=False)

    def _fire(self, *, past_due: bool) -> None:
        started = datetime.now(UTC)
        reason = f"Timer fired at {started.isoformat()}"
        self._runtime.start(self.function, timer_call(self._status, past_due=past_due, reason=reason)).result()
        # From the start: a moment that passed during a long run is made up for at once.
        self._note(started, started)

    def _note(self, last: datetime | None, moment: datetime) -> None:
        self._status = Status(last, self._schedule.next_after(moment), moment)
        self._kept.write(self._status)
        _log.info("The next occurrence of '%s' is %s", self.function.name, self._status.next.isoformat())

    def _is_past_due(self, status: Status | None) -> bool:
        if status is None or status.next > datetime.now(UTC):
            return False
        # Where the schedule was changed meanwhile, nothing was missed.
        return status.next == self._schedule.next_after(status.updated)
