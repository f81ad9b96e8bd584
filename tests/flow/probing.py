"""What the tests of `probe` share: an empty list, an account that can be probed, and the words that it says."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from shared.operating.probe import Probed, ProbeOrder, probe
from shared.operating.probe_contacts import MARK, MARK_AGAIN, Addresses
from tests.flow.operating.tools import ADMINISTRATOR

LIST = 99
DOMAIN = "example.org"
SIX = tuple(f"probe-{number}.segment-export@{DOMAIN}" for number in range(1, 7))


@dataclass
class Prober:
    """Probes the account of a flow. `on_line` is called for each line of progress."""

    flow: Any
    lines: list[str] = field(default_factory=list)
    on_line: Callable[[str], None] = lambda _: None

    def probe(self, **order: Any) -> Probed:
        wanted = ProbeOrder("brevo-eu", LIST, Addresses.of(SIX, ""))
        return probe(self.flow.app, ADMINISTRATOR, replace(wanted, **order), self._tell)

    def answers(self, **order: Any) -> dict[str, Any]:
        """The answers of a probe that leaves nothing behind."""
        before = self.contacts()
        done = self.probe(**order)
        assert done.left == ""
        assert self.contacts() == before
        return {name: getattr(done.answers, name) for name in type(done.answers).__slots__}

    def contacts(self) -> dict[int, tuple[str, dict[str, Any], bool, list[int]]]:
        """All that the account has of contacts."""
        account = self.flow.sandbox.account
        return {
            each.id: (each.email, account.attributes_of(each), each.email_blocked, account.lists_of(each))
            for each in account.snapshot()
        }

    def own(self) -> list[str]:
        """The addresses of the contacts that probes have left."""
        return [
            email
            for email, attributes, _, _ in self.contacts().values()
            if {MARK, MARK_AGAIN} & {*map(str, attributes.values())}
        ]

    def _tell(self, line: str) -> None:
        self.lines.append(line)
        self.on_line(line)


def prober_of(flow: Any) -> Prober:
    """A prober with a list of its own."""
    flow.sandbox.seed(lists=[{"id": LIST, "name": "Probes"}])
    return Prober(flow)
