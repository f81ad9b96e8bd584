"""Those who are told of runs' ends: a Teams workflow and a webhook."""

from collections import Counter
from collections.abc import Callable, Mapping

from shared.errors import ConfigurationError, TransientError
from shared.notices.posting import OutcomeUnknownError
from simulation.faults import Faults
from simulation.scheduler import Scheduler


class Receivers:
    """`taken` counts what they have had, by setting and text without what differs from try to try."""

    def __init__(self, scheduler: Scheduler, faults: Faults, posted: Callable[[str, bytes], None]) -> None:
        self._scheduler, self._faults, self._posted = scheduler, faults, posted
        self.taken: Counter[tuple[str, bytes]] = Counter()

    def post(self, url: str, setting: str, body: bytes, headers: Mapping[str, str]) -> None:
        """In the place of `shared.notices.posting.post`, with its errors."""
        self._scheduler.sleep(self._faults.between(0.05, 1.0))
        fault = self._faults.at_post()
        kind = fault.kind if fault else ""
        if kind == "503":
            raise TransientError("notify_refused", "The receiver answers with status 503.")
        if kind == "reset":
            raise TransientError("notify_unreachable", "The receiver could not be reached.")
        if kind == "410":
            raise ConfigurationError("notify_refused", "The receiver answers with status 410.", "Look for it.")
        self.taken[setting, body] += 1
        self._posted(setting, body)
        self._scheduler.sleep(self._faults.between(0.05, 1.0))
        if kind == "lost":
            raise OutcomeUnknownError("notify_unknown", "It is not known whether the receiver took it.")
