"""A run and its batches, as they stand in their table rows."""

import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import Any, Literal, Self

from shared.errors import ExportError
from shared.mapping.results import RowCounts
from shared.storage.tables import Row

State = Literal[
    "queued",
    "staging",
    "delivering",
    "confirming",
    "succeeded",
    "succeeded_with_rejections",
    "failed",
    "cancelled",
    "skipped",
]
FINAL: frozenset[State] = frozenset(("succeeded", "succeeded_with_rejections", "failed", "cancelled", "skipped"))
Trigger = Literal["http", "webhook", "timer", "event", "terminal"]
BatchState = Literal["staged", "delivering", "delivered", "confirmed", "failed"]

RUN_ID = "[a-z0-9][a-z0-9-]{0,49}-[0-9]{8}T[0-9]{6}-[0-9a-f]{6}"
_RUN_ID = re.compile(r"(?P<export>[a-z0-9][a-z0-9-]{0,49})-(?P<time>[0-9]{8}T[0-9]{6})-(?P<nonce>[0-9a-f]{6})")
_NEWEST_FIRST = 99_999_999_999_999
# A table holds 32 Ki characters in one property. Lists are bounded where they are made.
_LONGEST_TEXT = 10_000


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong, for people: a code, a sentence, an advice."""

    code: str
    message: str
    advice: str

    @classmethod
    def of(cls, error: ExportError) -> Self:
        """The problem that an error tells."""
        return cls(error.code, error.message[:2000], error.advice[:2000])


@dataclass(frozen=True, kw_only=True)
class Counts(RowCounts):
    """All counts of a run, under the names that people and tools see. *Delivered* is what Brevo took, confirmed or not.

    contacts_delivered = contacts_confirmed + rejected_by_brevo + open_contacts.
    """

    contacts_delivered: int = 0
    contacts_confirmed: int = 0
    contacts_rejected_by_brevo: dict[str, int] = field(default_factory=dict)
    contacts_removed: int = 0
    batches: int = 0
    requests: int = 0
    bytes_sent: int = 0

    @property
    def rejected_by_brevo(self) -> int:
        """Contacts that Brevo rejected, for any reason."""
        return sum(self.contacts_rejected_by_brevo.values())

    @property
    def rejected(self) -> int:
        """Rows and contacts that are not in the list, rejected here or by Brevo."""
        return sum(self.rows_rejected.values()) + self.rejected_by_brevo

    @property
    def open_contacts(self) -> int:
        """Delivered contacts that Brevo has neither confirmed nor rejected."""
        return self.contacts_delivered - self.contacts_confirmed - self.rejected_by_brevo

    def plus_traffic(self, requests: int, bytes_sent: int = 0) -> Self:
        """The counts with more traffic."""
        return replace(self, requests=self.requests + requests, bytes_sent=self.bytes_sent + bytes_sent)


@dataclass(frozen=True, slots=True)
class Run:
    """One run. Times are UTC in ISO 8601. In the table row each count is a property of its own.

    `staging_id` names the staging that is sent, `rejected_id` the one whose rejected rows are shown. `trace` is the
    span that started it, a `traceparent`: what is done for the run belongs below it. `drive_by`, from when the run
    counts as stalled, and `watch_due`, when its next watch message is due, are POSIX seconds.
    """

    run_id: str
    export: str
    account: str
    list_id: int
    trigger: Trigger
    started_by: str
    state: State = "queued"
    times: dict[str, str] = field(default_factory=dict)
    skip_quiet: bool = False
    accept: bool = False
    token: str = ""
    snapshot: str = ""
    segments: list[dict[str, Any]] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)
    notes: list[str] = field(default_factory=list)
    staging_id: str = ""
    rejected_id: str = ""
    allowance: str = ""
    left_out: list[str] = field(default_factory=list)
    error: Problem | None = None
    waiting: str = ""
    cancel_requested_by: str = ""
    owner: str = ""
    owner_until: float = 0.0
    confirm_number: int = 0
    drive_by: float = 0.0
    watch_due: float = 0.0
    last_look: float = 0.0
    trace: str = ""
    etag: str | None = None

    @property
    def is_final(self) -> bool:
        """True when nothing will happen any more."""
        return self.state in FINAL

    def entered(self, state: State, now: datetime) -> Self:
        """The run in its next state, with the time stamp of that state's first beginning."""
        return replace(
            self, state=state, times={state: now.isoformat(timespec="milliseconds")} | self.times, waiting=""
        )

    def row(self) -> Row:
        """The table row."""
        partition, key = run_address(self.run_id)
        return Row(partition, key, _values(self), self.etag)

    @classmethod
    def from_row(cls, row: Row) -> Self:
        """The run that the row holds. Unknown properties are a newer version's: they are left alone."""
        return _from_values(cls, row)


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch of a run. `number` counts from 1; `owner_until` and `posted_at` are POSIX seconds.

    `posts` is how often it may have reached Brevo: each time that a worker sets out to post it, and each repeat.
    """

    run_id: str
    staging_id: str
    number: int
    contacts: int
    body_bytes: int
    state: BatchState = "staged"
    owner: str = ""
    owner_until: float = 0.0
    process_id: int = 0
    posted_at: float = 0.0
    posts: int = 0
    sent_again: int = 0
    called_back: bool = False
    looks: int = 0
    report_tries: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    note: str = ""
    etag: str | None = None

    @property
    def name(self) -> str:
        """Where its blobs are, below the staging container."""
        return f"{self.run_id}/{self.staging_id}/{self.number:05}"

    @property
    def needs_no_slot(self) -> bool:
        """True once Brevo has no import of this batch open any more, as far as is known."""
        return self.state in ("confirmed", "failed") or (self.state == "delivered" and self.called_back)

    def row(self) -> Row:
        """The table row."""
        return Row(self.run_id, f"{self.staging_id}-{self.number:05}", _values(self), self.etag)

    @classmethod
    def from_row(cls, row: Row) -> Self:
        """The batch that the row holds."""
        return _from_values(cls, row)


def new_run_id(export: str, now: datetime) -> str:
    """An id that tells its export and its time, and that is safe in a path and in a file's name."""
    return f"{export}-{now.astimezone(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"


def is_run_id(text: str) -> bool:
    """True for what `new_run_id` could have made."""
    return _RUN_ID.fullmatch(text) is not None


def run_address(run_id: str) -> tuple[str, str]:
    """The run's partition and key: within an export the newest run comes first. Raises ValueError."""
    match = _RUN_ID.fullmatch(run_id)
    if match is None:
        raise ValueError("not a run id")
    inverted = _NEWEST_FIRST - int(match["time"].replace("T", ""))
    return match["export"], f"run-{inverted:014}-{match['nonce']}"


def started_at(run_id: str) -> datetime:
    """When a run of this id was started, to the second."""
    match = _RUN_ID.fullmatch(run_id)
    if match is None:
        raise ValueError("not a run id")
    return datetime.strptime(match["time"], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)


def _values(model: Run | Batch | Counts) -> dict[str, Any]:
    """What differs from its default, and the state. A long run's batches are read often: each property costs time."""
    values: dict[str, Any] = {}
    for part in fields(model):
        name, value = part.name, getattr(model, part.name)
        default = part.default if part.default_factory is MISSING else part.default_factory()
        if name == "etag" or (value == default and name != "state"):
            continue
        if isinstance(value, Counts):
            values |= _values(value)
        else:
            values[name] = _property(value)
    return values


def _property(value: Any) -> Any:
    """The value as a table takes it."""
    if isinstance(value, Problem):
        value = asdict(value)
    if isinstance(value, dict | list):
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return value[:_LONGEST_TEXT] if isinstance(value, str) else value


def _from_values[T: Run | Batch](cls: type[T], row: Row) -> T:
    return cls(**_known(cls, row.values), etag=row.etag)


def _known(cls: type[Any], values: Mapping[str, Any]) -> dict[str, Any]:
    known: dict[str, Any] = {}
    for part in fields(cls):
        value = values.get(part.name)
        if part.type is Counts:
            known[part.name] = Counts(**_known(Counts, values))
        elif value is None:
            continue
        elif part.name == "error":
            known[part.name] = Problem(**json.loads(value))
        elif str(part.type).startswith(("dict", "list")):
            known[part.name] = json.loads(value)
        else:
            known[part.name] = value
    return known
