"""The questions that Brevo is asked of a list before a run: who left it, and who is in it.

A row of the table `accounts` holds the last question of each account and list: `left-<list>`, `members-<list>` of an
excluded one, `list-<list>` of one that somebody may have to leave. `back-<list>` is of who left it, asked for an
undo.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

from shared.app_secret import Purpose, derived_key
from shared.brevo.contact_export import Who
from shared.brevo.polling import OpenImport, next_poll_seconds
from shared.mapping.leavers import DigestKey
from shared.runs.graces import lies_ahead
from shared.runs.state import Run
from shared.storage.tables import Row

_ROWS: dict[Purpose, str] = {"leavers": "left-", "excluded": "members-", "ledger": "list-"}
_LEFT_ROW = "back-"
# An answer that came earlier is not used again: the shorter, the fewer are put back who left meanwhile.
SERVES_SECONDS = 3600.0
# Two clocks differ by less. A run that was queued within it before the question may have come later.
_CLOCKS_DIFFER_SECONDS = 2.0
_MOST_RUNS = 20
# An export found done at its first look may have been done long before.
_SHRINK = 0.85


@dataclass(frozen=True, slots=True)
class Question:
    """The last question of a list. Times are POSIX seconds, 0 for never.

    `runs` are those that it was asked for. `failed` is how often Brevo has failed to answer them before this process.
    `leavers` is how many the answer has; `kept` the process whose blob is to be deleted; `seconds` how long an answer
    takes, 0 where that is not known. `ready_at` is when Brevo was seen to have the answer, which others of the run were
    still waited for. `key_id` tells by which key the digests of the answer were made, or of the one before while there
    is none yet: by another one, nobody would be found in them. `is_settled`: when it was asked, no import that an
    ended run had left was open, which could bring more people.
    """

    asked_at: float = 0.0
    process_id: int = 0
    runs: tuple[str, ...] = ()
    failed: int = 0
    answered_at: float = 0.0
    leavers: int = 0
    kept: int = 0
    seconds: float = 0.0
    key_id: str = ""
    ready_at: float = 0.0
    is_settled: bool = False
    key_mark: str = ""

    @classmethod
    def of(cls, row: Row | None) -> Self:
        """The question that the row holds."""
        known = {name: row.values[name] for name in cls.__slots__ if name in row.values} if row else {}
        return cls(**known | {"runs": tuple(json.loads(known.get("runs", "[]")))})

    def values(self) -> Mapping[str, Any]:
        """What the row holds of it."""
        return asdict(self) | {"runs": json.dumps(self.runs)}

    def serves(self, run: Run, now: float, since: float) -> bool:
        """True where its answer holds, or will hold, everybody who had left, or come, up to `since`."""
        # What was asked for the run itself came later, unless the run was approved since.
        is_its_own = run.run_id in self.runs and (not run.is_approved or self.asked_at >= since)
        if not is_its_own and self.asked_at < since + _CLOCKS_DIFFER_SECONDS:
            return False
        if self.answered_at:
            return lies_ahead(self.answered_at + SERVES_SECONDS, now, SERVES_SECONDS + _CLOCKS_DIFFER_SECONDS)
        return 0 < self.asked_at <= now + _CLOCKS_DIFFER_SECONDS

    def asked_again(
        self, at: float, process_id: int, run: Run, *, has_failed: bool, is_settled: bool, key_mark: str = ""
    ) -> Self | None:
        """A newer question, which serves whom this one serves too. None where this one is the newer one."""
        if self.asked_at >= at:
            return None
        goes_on = has_failed or not self.answered_at
        runs = tuple(each for each in self.runs if goes_on and each != run.run_id)
        return replace(
            self,
            asked_at=at,
            process_id=process_id,
            runs=(*runs, run.run_id)[-_MOST_RUNS:],
            failed=self.failed + 1 if has_failed else 0,
            answered_at=0.0,
            leavers=0,
            ready_at=0.0,
            is_settled=is_settled,
            key_mark=key_mark,
            kept=self.process_id if self.leavers else self.kept,
        )

    def answered(self, process_id: int, leavers: int, ready_at: float, now: float, key_id: str) -> Self | None:
        """Its answer, which Brevo was seen to have at `ready_at`, has been read. None where it was another question's.

        What is learned is how long Brevo took: reading a long answer takes its own time.
        """
        if self.process_id != process_id or self.answered_at:
            return None
        took = max(ready_at - self.asked_at, 0.1)
        seconds = took if not self.seconds or took > self.seconds * 1.2 else self.seconds * _SHRINK
        return replace(self, answered_at=now, leavers=leavers, kept=0, seconds=seconds, key_id=key_id)

    def is_by_another_key(self, key: DigestKey) -> bool:
        """True where it was answered, and APP_SECRET has changed since. Rows of an earlier release do not say."""
        return bool(self.answered_at and self.key_id) and self.key_id != key.id

    def is_of(self, key_mark: str) -> bool:
        """True where Brevo was asked by this key of its own. Rows of an earlier release do not say."""
        return not self.key_mark or self.key_mark == key_mark

    def expected_in(self, now: float) -> float:
        """Seconds until its answer should be there."""
        return self.asked_at + next_poll_seconds(self._known, [OpenImport(0, 1)], not_before=0, call_back=False) - now

    def next_look_in(self, now: float, not_before: float) -> float:
        """Seconds until the next look at a process that is still open."""
        look = [OpenImport(now - self.asked_at, 1)]
        return next_poll_seconds(self._known, look, not_before=not_before, call_back=False)

    @property
    def _known(self) -> float | None:
        return self.seconds or None


@dataclass(frozen=True, slots=True)
class Subject:
    """Of whom Brevo is asked: who left a list, or who is in it, blocked or not.

    Its members are asked for two purposes: they are `excluded` from another list, or compared with its `ledger`. With
    `has_left` those who left are asked for the ledger's purpose, with their numbers.
    """

    list_id: int
    purpose: Purpose = "leavers"
    has_left: bool = False

    @property
    def who(self) -> Who:
        """Of whom an export is asked."""
        return "unsubscribedPerList" if self.purpose == "leavers" or self.has_left else "allContacts"

    @property
    def needs_numbers(self) -> bool:
        """True for the list as it is. Who left is known by the address too, and stands on no page of the list."""
        return self.purpose == "ledger" and not self.has_left

    @classmethod
    def of(cls, row: Row) -> Self:
        """Of whom the row's question asks. Raises ValueError and StopIteration for another row."""
        prefix, purpose = next(each for each in purposes().items() if row.key.startswith(each[0]))
        return cls(int(row.key.removeprefix(prefix)), purpose, has_left=prefix == _LEFT_ROW)

    @property
    def row_key(self) -> str:
        """The row of its question."""
        return f"{_LEFT_ROW if self.has_left else _ROWS[self.purpose]}{self.list_id}"

    @property
    def key(self) -> DigestKey:
        """The key of its answer's digests. Raises ConfigurationError: what is wrong with APP_SECRET."""
        return digest_key(self.purpose)

    @property
    def words(self) -> str:
        """What is asked, in words."""
        return f"who {'left' if self.who == 'unsubscribedPerList' else 'is in'} list {self.list_id}"


@dataclass(frozen=True, slots=True)
class Members:
    """Who is in a list, in a file as `write_members` writes it. `is_settled` as of the question."""

    path: Path
    is_settled: bool


def digest_key(purpose: Purpose) -> DigestKey:
    """The key of digests that are kept for this purpose. Raises as `app_secret` does."""
    return DigestKey.of(derived_key(purpose))


def purposes() -> dict[str, Purpose]:
    """The purpose of a question by the beginning of its row's key."""
    return {prefix: purpose for purpose, prefix in _ROWS.items()} | {_LEFT_ROW: "ledger"}
