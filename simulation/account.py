"""The storage account of a history: it shows the judge what is written, and hands messages to the host, some twice."""

import random
from collections.abc import Callable
from typing import Any

from simulation.clock import StorageClock
from simulation.faults import Faults
from simulation.host import Host
from simulation.judge import Judge
from simulation.queues import Message
from simulation.storage import Kept

_LONGEST_GAP_SECONDS = 0.3


class WatchedStorage(Kept):
    """Storage in memory with its watchers."""

    def __init__(
        self, clock: StorageClock, judge: Judge, host: Host, note: Callable[[str], None], double: "Doubling"
    ) -> None:
        super().__init__(clock, is_shared=False)
        self._judge, self._host, self._note, self._double = judge, host, note, double

    def wrote(self, table: str, partition: str, key: str, values: dict[str, Any] | None) -> None:
        """A row was written or deleted."""
        self._note(f"= {table} {key} {values.get('state', '') if values else 'deleted'}")
        self._judge.row(table, partition, key, values)

    def wrote_blob(self, container: str, name: str, data: bytes) -> None:
        """A blob was written."""
        self._judge.blob(container, name, data)

    def sent(self, messages: list[Message], message: Message) -> None:
        """A message was sent: it may come late, or twice."""
        self._judge.message(message.text)
        late, gap = self._double.of_next(message.text)
        message.visible_at += late
        self._host.sent(messages, message)
        if gap is not None:
            copy = Message(message.text, message.visible_at + gap, next(self.numbers))
            messages.append(copy)
            self._host.sent(messages, copy)


class Doubling:
    """Which messages come late, and which twice."""

    def __init__(self, faults: Faults, chance: random.Random, share: float) -> None:
        self._faults, self._chance, self._share = faults, chance, share

    def of_next(self, text: str) -> tuple[float, float | None]:
        """How many seconds the next message is late, and how long after it its copy comes, if there is one."""
        fault = self._faults.at_message()
        if fault is not None:
            return (fault.seconds, None) if fault.kind == "delayed" else (0.0, fault.seconds)
        # Not a step that is tried again: both copies would be, and copies of copies multiply by themselves.
        is_doubled = self._share and not self._faults.is_over and '"attempt"' not in text
        if is_doubled and self._chance.random() < self._share:
            return 0.0, self._chance.uniform(0.0, _LONGEST_GAP_SECONDS)
        return 0.0, None
