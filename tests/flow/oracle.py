"""Who must be in a list, by plain sets and dictionaries: what the days of test_following_days.py are judged by.

| somebody who is a member …                                   | mirror  | mirror_exact |
|--------------------------------------------------------------|---------|--------------|
| and in the segment                                           | stays   | stays        |
| and not in it; this export has sent them, or may have        | removed | removed      |
| the same, but another export of this list keeps them there   | stays   | removed      |
| and not in it; this export has never sent them               | stays   | removed      |
| while another export's ledger of this list is unreadable, or  | stays   | stays        |
| was reset and that export has sent nothing since              |         |              |
| and not shown in the plan that was approved                  | stays   | stays        |

`full` and `changes_only` remove nobody. In no mode somebody is sent who left the list. `full` sends all others of the
segment; the other modes those whose value is another one than the last that Brevo has surely got, and surely kept.
Who has left the segment and returns is new.

"Has sent" is forgotten by a mirror's run that has removed them, or has seen that they are not in the list any more; and
by a reset ledger or another secret. Whom a run that was not confirmed may have sent stays "may have sent" until it is
surely sent or removed, or a mirror sees that they are not in the list: no import is open any more the next day. An
export keeps whom it has sent, but a mirror not whom its segment has lost.
"""

from dataclasses import dataclass, field
from typing import Literal

Mode = Literal["full", "changes_only", "mirror", "mirror_exact"]
type Value = tuple[str, str]
"""The attribute that is sent, and what it is."""
# What is known instead of a value of those who have left the segment: they stay in the list, or a mirror would rather
# have them out of it.
STAYING, LEAVING = ("", "staying"), ("", "leaving")


@dataclass
class TheList:
    """Brevo's list: its members, who left it by themselves, and who is blocked."""

    members: set[str] = field(default_factory=set)
    left: set[str] = field(default_factory=set)
    blocked: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Wanted:
    """What a run must do. `held` is the guard that stops it first, empty for none."""

    segment: dict[str, Value]
    new: set[str]
    changed: set[str]
    unchanged: set[str]
    sent: set[str]
    removed: set[str]
    left_out: set[str]
    still_ours: set[str]
    members: set[str]
    held: str = ""


@dataclass
class Sent:
    """What is known of an export: what its last confirmed run has left in the list, and what runs since have tried.

    Each stands with the number of the secret by which it can be read. `has_compared`: a confirmed run by the present
    ledger could remove somebody, so the next one is not the first.
    """

    mode: Mode
    max_removed: float = 0.3
    confirmed: tuple[int, dict[str, Value | None]] | None = None
    tried: list[tuple[int, dict[str, Value]]] = field(default_factory=list)
    is_forgotten: bool = False
    has_compared: bool = False

    def forget(self) -> None:
        """The ledger is reset."""
        self.is_forgotten = self.is_forgotten or bool(self.confirmed or self.tried)
        self.confirmed, self.tried = None, []

    def is_readable(self, secret: int) -> bool:
        """Whether all of it can be read with this secret."""
        parts = [*([self.confirmed] if self.confirmed else []), *self.tried]
        return not self.is_forgotten and all(number == secret for number, _ in parts)

    def known(self, secret: int) -> dict[str, Value | None] | None:
        """Whom it has sent, or may have, with their values, None where those are not sure. None where nothing is known.

        A value is sure where everything since the last confirmed run agrees on it.
        """
        confirmed = self.confirmed[1] if self.confirmed and self.confirmed[0] == secret else None
        tried = [values for number, values in self.tried if number == secret]
        if confirmed is None and not tried:
            return None
        people = set(confirmed or {}).union(*tried)
        return {
            each: confirmed[each]
            if confirmed and each in confirmed and all(values.get(each) == confirmed[each] for values in tried)
            else None
            for each in people
        }

    def wanted(
        self,
        segment: dict[str, Value],
        now: TheList,
        others: list["Sent"],
        secret: int,
        shown: Wanted | None = None,
    ) -> Wanted:
        """What a run with this segment must do; less than was `shown` where a person has approved that."""
        known, before = self.known(secret) or {}, now.members
        left_out = segment.keys() & now.left
        stays = {each: value for each, value in segment.items() if each not in left_out}
        new = {each for each in stays if known.get(each, STAYING) in (STAYING, LEAVING)}
        changed = {each for each in stays.keys() - new if known[each] != stays[each]}
        unchanged = stays.keys() - new - changed
        removed: set[str] = set()
        if all(other.is_readable(secret) for other in others):
            removed = self._surplus(stays, before, known, others, secret)
        if shown:
            removed &= shown.removed
        held = "" if shown else self._guard(removed, before, known, secret, is_read=self._reads(others, secret))
        sent = set(stays) if self.mode == "full" else new | changed
        left = known.keys() - stays.keys() - removed
        still_ours = left & before
        people = (stays, new, changed, set(unchanged), sent, removed, set(left_out), still_ours, set(before))
        return Wanted(*people, held)

    def confirm(self, wanted: Wanted, refused: set[str], others: list["Sent"], secret: int) -> None:
        """A run has done what it was to do, but Brevo has refused these."""
        known = self.known(secret) or {}
        kept: dict[str, Value | None] = wanted.segment | self._left(wanted, others, secret)
        for each in refused & wanted.sent:
            kept.pop(each)
            if each in known:
                kept[each] = None
        self.has_compared = self._reads(others, secret) or not self._is_first(secret)
        self.confirmed, self.tried, self.is_forgotten = (secret, kept), [], False

    def attempt(self, wanted: Wanted, others: list["Sent"], secret: int) -> None:
        """A run has ended half-way: it may have done any part of this."""
        rest = self._left(wanted, others, secret)
        self.is_forgotten = False
        self.tried.append((secret, wanted.segment | {k: v or ("", "unknown") for k, v in rest.items()}))

    def _left(self, wanted: Wanted, others: list["Sent"], secret: int) -> dict[str, Value | None]:
        """Who has left the segment and stays known."""
        known = self.known(secret) or {}
        mirrors = self.mode in ("mirror", "mirror_exact")
        forgets = mirrors and self._reads(others, secret)
        stay = (wanted.still_ours if forgets else known.keys()) - wanted.segment.keys()
        waits = {each for each in stay if known[each] is None and not (forgets and each in wanted.members)}
        return {each: None if each in waits else LEAVING if mirrors else STAYING for each in stay}

    def kept(self, secret: int) -> set[str]:
        """Whom this export keeps in the list, as far as others know."""
        parts = [*([self.confirmed] if self.confirmed else []), *self.tried]
        return {each for number, values in parts if number == secret for each in values if values[each] != LEAVING}

    def _reads(self, others: list["Sent"], secret: int) -> bool:
        return all(other.is_readable(secret) for other in others)

    def _is_first(self, secret: int) -> bool:
        return not (self.confirmed and self.confirmed[0] == secret and self.has_compared)

    def _surplus(
        self,
        stays: dict[str, Value],
        before: set[str],
        known: dict[str, Value | None],
        others: list["Sent"],
        secret: int,
    ) -> set[str]:
        if self.mode == "mirror_exact":
            return before - stays.keys()
        if self.mode == "mirror":
            kept_by_others = set().union(*(other.kept(secret) for other in others))
            return (before & known.keys()) - stays.keys() - kept_by_others
        return set()

    def _guard(
        self, removed: set[str], before: set[str], known: dict[str, Value | None], secret: int, *, is_read: bool
    ) -> str:
        is_exact = self.mode == "mirror_exact"
        if is_exact and is_read and self._is_first(secret):
            return "guard_first_mirror_exact"
        of = len(before if is_exact else before & known.keys()) if is_read else 0
        if removed and (len(removed) == of or len(removed) > self.max_removed * of):
            return "guard_max_removed"
        return ""
