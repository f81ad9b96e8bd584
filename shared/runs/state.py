"""The life of a run: every state, and every way from one to the next. `batch.py` has those of its batches.

| run | becomes | when |
|---|---|---|
| - | queued | anything starts it |
| queued, staging (owner lost) | staging | a worker claims it |
| staging | delivering | all of it is staged: the one write that counts |
| staging | held | all of it is read, and a guard stops it, or it is a plan with something to do |
| held | queued | a person has approved it: it is staged again, since the list may have changed |
| held | cancelled | nobody has approved it in time, or a newer run takes its place |
| queued, staging | skipped | there is nothing to do: no rows, a snapshot that is known, a plan of nothing |
| delivering | confirming | every batch is delivered |
| delivering, confirming | succeeded | every batch is confirmed, also those of contacts that move to a last one |
| delivering, confirming | succeeded_with_rejections | as above, with rejections, or with a report that was not read |
| any of these | failed | an error ends it, and no worker is in the middle of a post |
| any of these | cancelled | a person has asked for it, and no worker is in the middle |

Every method is pure: it returns what the run then is, or None where it does not apply. A decision that was made on a
row which has moved since therefore changes nothing.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal, Self

from shared.runs.counts import Counts
from shared.runs.graces import CLAIM_AHEAD_SECONDS, CLOCK_SECONDS, WAIT_AHEAD_SECONDS, Graces, lies_ahead
from shared.runs.kinds import SENDS_SEGMENT, UNGUARDED, Kind, Trigger
from shared.runs.problem import Problem

# A wait that is noted again within this time after its next try goes on since it began.
WAITS_ON_SECONDS = 60.0

OpenState = Literal["queued", "staging", "held", "delivering", "confirming"]
State = OpenState | Literal["succeeded", "succeeded_with_rejections", "failed", "cancelled", "skipped"]
STAGEABLE: frozenset[State] = frozenset(("queued", "staging"))
SENDING: frozenset[State] = frozenset(("delivering", "confirming"))
SUCCEEDED: frozenset[State] = frozenset(("succeeded", "succeeded_with_rejections"))
FINAL: frozenset[State] = SUCCEEDED | {"failed", "cancelled", "skipped"}


@dataclass(frozen=True, slots=True)
class Run:
    """One run. Times are UTC in ISO 8601; `stalled_after`, from when it counts as stalled, and `watch_due` are POSIX.

    `staging_id` names the staging that is sent, `rejected_id` the one whose rejected rows are shown; `filled` counts
    the values of each attribute. `trace` is the span that started it, a `traceparent`. `stopped_by` is the error that
    is to end it, once no worker posts for it. `faults` counts the unforeseen errors of its state. `list_name`,
    `account` and `key_mark` (of its keys) are known once the account was checked. `staged_rows` and `staged_contacts`
    are what the present staging has read so far. It waits for `waiting`, since `waiting_since`, until the next try at
    `waiting_until`, and gives up at `waiting_deadline` (0: never). `is_removing` from before it looks whom others keep
    in the list. `is_list_changed` and, at its end, `unanswered` are as `what_was_done` has them. Of a trial: how many
    `customers` it takes, and until its end the `customer_ids` of those that were named, if any. Of an undo: `undo_of`,
    the id of the run that it takes back.

    A run that is or was held says why in `held_for`; it can be approved until `held_until`. `settings` is the digest of
    those that it was staged with; `gaps` are marks (`guards.py`). `approved_of` names the staging that was approved.
    `keeps_ledger` where its intention is written down, `ledger_etag` being that of the ledger which it was compared
    with. `list_before` and `list_after` count the list's members, None where the list was not read.
    """

    run_id: str
    export: str
    key_setting: str
    list_id: int
    trigger: Trigger
    started_by: str
    kind: Kind = "export"
    list_name: str = ""
    account: str = ""
    key_mark: str = ""
    customers: int = 0
    customer_ids: list[str] = field(default_factory=list)
    undo_of: str = ""
    state: State = "queued"
    times: dict[str, str] = field(default_factory=dict)
    skip_quiet: bool = False
    accept: bool = False
    only_new: bool = False
    token: str = ""
    snapshot: str = ""
    segments: list[dict[str, Any]] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)
    notes: list[str] = field(default_factory=list)
    filled: dict[str, int] = field(default_factory=dict)
    staging_id: str = ""
    rejected_id: str = ""
    allowance: str = ""
    left_out: list[str] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)
    keeps_ledger: bool = False
    ledger_etag: str = ""
    list_before: int | None = None
    list_after: int | None = None
    error: Problem | None = None
    held_for: Problem | None = None
    held_until: float = 0.0
    settings: str = ""
    approved_by: str = ""
    approved_at: str = ""
    approved_of: str = ""
    staged_rows: int = 0
    staged_contacts: int = 0
    waiting: str = ""
    waiting_since: float = 0.0
    waiting_until: float = 0.0
    waiting_deadline: float = 0.0
    cancel_requested_by: str = ""
    stopped_by: Problem | None = None
    is_removing: bool = False
    is_list_changed: bool = False
    unanswered: int = 0
    faults: int = 0
    owner: str = ""
    owner_until: float = 0.0
    confirm_number: int = 0
    stalled_after: float = 0.0
    watch_due: float = 0.0
    last_poll: float = 0.0
    trace: str = ""
    etag: str | None = None

    @property
    def is_final(self) -> bool:
        """True when nothing will happen any more."""
        return self.state in FINAL

    @property
    def is_trial(self) -> bool:
        """True for a run of a few customers to another list, by which nothing of its export is judged."""
        return self.kind == "trial"

    @property
    def sends_segment(self) -> bool:
        """True for a run that sends the export's segment to its list: by these alone an export is judged."""
        return self.kind in SENDS_SEGMENT

    @property
    def is_guarded(self) -> bool:
        """True where guards stop it: unless all was accepted beforehand, or a person is trying a few customers."""
        return not self.accept and self.kind not in UNGUARDED

    @property
    def is_held(self) -> bool:
        """True while it waits for a person who approves or rejects it."""
        return self.state == "held"

    @property
    def is_approved(self) -> bool:
        """True once a person has approved what it had held."""
        return bool(self.approved_of)

    @property
    def is_to_be_held(self) -> bool:
        """True for a plan that nobody has approved: it writes no bodies, and is held where it has anything to do."""
        return self.kind == "plan" and not self.is_approved

    @property
    def answers_count_from(self) -> datetime:
        """What Brevo is asked before a run is to be asked later than this: who has left is read again on approval."""
        return datetime.fromisoformat(self.approved_at or self.times["queued"])

    @property
    def is_stopping(self) -> bool:
        """True once its end is decided. Nothing more is posted; it ends when no worker is in the middle of a post."""
        return self.stopped_by is not None or bool(self.cancel_requested_by)

    def is_owned(self, now: datetime) -> bool:
        """True while a live worker stages the run."""
        return bool(self.owner) and lies_ahead(self.owner_until, now.timestamp(), CLAIM_AHEAD_SECONDS)

    def queued(self, now: datetime, graces: Graces) -> Self:
        """A new run, as it is first written."""
        return self._entered("queued", now, stalled_after=now.timestamp() + graces.stalled)

    def staging_by(self, snapshot: str, owner: str, now: datetime, graces: Graces) -> Self | None:
        """Claimed to be staged: as queued, or after its worker was lost."""
        if self.state not in STAGEABLE or self.is_owned(now):
            return None
        begun = self._entered("staging", now, owner=owner, snapshot=snapshot, staged_rows=0, staged_contacts=0)
        return begun._kept(now, graces)

    def renewed(self, owner: str, now: datetime, graces: Graces, rows: int = 0, contacts: int = 0) -> Self | None:
        """The claim goes on; so many rows were read and contacts made so far."""
        if self.owner != owner:
            return None
        return replace(self, staged_rows=rows, staged_contacts=contacts)._kept(now, graces)

    def released(self, owner: str) -> Self | None:
        """The claim ends."""
        return replace(self, owner="", owner_until=0.0) if self.owner == owner else None

    def is_staged_by(self, owner: str) -> bool:
        """True while this worker stages the run."""
        return self.state == "staging" and self.owner == owner

    def delivering(self, owner: str, staging_id: str, batches: int, now: datetime, graces: Graces) -> Self | None:
        """Staged; its claim ends. Not where another worker has the run, or its end is decided."""
        if not self.is_staged_by(owner) or self.is_stopping:
            return None
        counts, stalled_after = replace(self.counts, batches=batches), now.timestamp() + graces.stalled
        staged = replace(self, staging_id=staging_id, counts=counts, stalled_after=stalled_after, confirm_number=1)
        return staged._entered("delivering", now, owner="", owner_until=0.0)

    def held(self, owner: str, problem: Problem, settings: str, hours: float, now: datetime) -> Self | None:
        """Staged, and waits for a person; its claim ends. Not where another worker has it, or its end is decided."""
        if not self.is_staged_by(owner) or self.is_stopping:
            return None
        until = now.timestamp() + hours * 3600
        why = replace(self, held_for=problem, held_until=until, settings=settings, stalled_after=until)
        return why._entered("held", now, owner="", owner_until=0.0)

    def is_past_hold(self, now: datetime) -> bool:
        """True for a held run that can no longer be approved."""
        return self.is_held and not lies_ahead(self.held_until, now.timestamp(), WAIT_AHEAD_SECONDS)

    def approved(self, by: str, now: datetime, graces: Graces) -> Self | None:
        """A person lets it go on: it is staged again. Its watch message is due once it would count as stalled."""
        if not self.is_held or self.is_stopping or self.is_past_hold(now):
            return None
        at, approved_at = now.timestamp() + graces.stalled, now.isoformat(timespec="milliseconds")
        approved = replace(self, approved_by=by[:100], approved_at=approved_at, approved_of=self.rejected_id)
        return approved._entered("queued", now, stalled_after=at, watch_due=at)

    def hold_ended(self, problem: Problem, now: datetime) -> Self | None:
        """Nobody has approved it, and nobody can any more. Not where a person has cancelled it: that is its end."""
        if not self.is_held or self.is_stopping:
            return None
        return self._ended("cancelled", now, problem, 0)

    def confirming(self, now: datetime) -> Self | None:
        """All batches are delivered."""
        return self._entered("confirming", now) if self.state == "delivering" else None

    def with_traffic(self, requests: int, bytes_sent: int = 0) -> Self | None:
        """With requests to Brevo counted."""
        return None if self.is_final else replace(self, counts=self.counts.plus_traffic(requests, bytes_sent))

    def polled(self, requests: int, now: datetime) -> Self | None:
        """Its imports were polled."""
        counted = self.with_traffic(requests)
        return replace(counted, last_poll=now.timestamp()) if counted else None

    def waiting_for(
        self, text: str, *, now: float, until: float, deadline: float = 0.0, stalled_after: float | None = None
    ) -> Self | None:
        """It waits, for what the text says, until its next try. `stalled_after` where its next step hangs on this wait.

        `deadline` is when it gives up. All times are POSIX seconds.
        """
        if self.is_final or self.is_held:
            return None
        since = self.waiting_since if self.is_waiting(now - WAITS_ON_SECONDS) else now
        waits = replace(self, waiting=text, waiting_since=since, waiting_until=until, waiting_deadline=deadline)
        return waits if stalled_after is None else replace(waits, stalled_after=stalled_after)

    def is_waiting(self, now: float) -> bool:
        """True up to the next try of what it waits for. POSIX seconds."""
        return bool(self.waiting) and now <= self.waiting_until

    def changed_list(self, removed: int, added: int, requests: int, now: datetime, graces: Graces) -> Self | None:
        """So many contacts are removed, and then added; `requests` were sent to Brevo since that was noted last."""
        if self.state not in SENDING or (removed, added) <= (self.counts.contacts_removed, self.counts.contacts_added):
            return None
        counts = replace(self.counts.plus_traffic(requests), contacts_removed=removed, contacts_added=added)
        return replace(self, counts=counts, stalled_after=now.timestamp() + graces.stalled)

    def removes_only(self, contacts: int) -> Self | None:
        """So many contacts are to be removed: fewer than when it was staged."""
        stay = self.counts.contacts_to_remove - contacts
        if self.state not in SENDING or stay <= 0:
            return None
        after = self.list_after + stay if self.list_after is not None else None
        return replace(self, counts=replace(self.counts, contacts_to_remove=contacts), list_after=after)

    def confirm_at(self, due: float, graces: Graces) -> Self | None:
        """Its next confirm message is due then; every earlier one is stale from now on."""
        if self.is_final or (self.is_held and not self.is_stopping):
            return None
        return replace(self, confirm_number=self.confirm_number + 1, stalled_after=due + graces.stalled)

    def watched_at(self, due: float, now: datetime) -> Self | None:
        """Its next watch message is due then, unless another one is on its way."""
        if self.is_final or lies_ahead(self.watch_due - CLOCK_SECONDS, now.timestamp(), CLAIM_AHEAD_SECONDS):
            return None
        return replace(self, watch_due=due)

    def is_stalled(self, now: datetime) -> bool:
        """True where its next message should have come by now."""
        return not lies_ahead(self.stalled_after, now.timestamp(), WAIT_AHEAD_SECONDS)

    def driven_on(self, now: datetime, graces: Graces) -> Self | None:
        """Stalled, and taken on by the worker that writes this."""
        if self.is_final or self.is_held or not self.is_stalled(now):
            return None
        return replace(self, stalled_after=now.timestamp() + graces.stalled)

    def cancel_requested(self, by: str, newest: str = "") -> Self | None:
        """A person has asked for its end. `newest` is the snapshot that it would take if it has taken none."""
        snapshot = self.snapshot or newest
        return None if self.is_final else replace(self, cancel_requested_by=by[:100], snapshot=snapshot)

    def stopping(self, problem: Problem) -> Self | None:
        """It cannot go on, but a worker may be posting."""
        return replace(self, stopped_by=problem) if self.state in SENDING and not self.is_stopping else None

    def faulted(self) -> Self | None:
        """An unforeseen error: a fault of ours."""
        return None if self.is_final else replace(self, faults=self.faults + 1)

    def succeeded(self, now: datetime, *, all_read: bool) -> Self | None:
        """Brevo has confirmed all of it. Unless all reports were read, it may have rejected more than is known."""
        state: State = "succeeded_with_rejections" if self.counts.rejected or not all_read else "succeeded"
        return self._ended(state, now, None) if self.state in SENDING else None

    def skipped(self, problem: Problem, now: datetime) -> Self | None:
        """There is nothing to do. Not where another end is decided, such as a person's."""
        return self._ended("skipped", now, problem) if self.state in STAGEABLE and not self.is_stopping else None

    def failed(self, problem: Problem, unanswered: int, now: datetime) -> Self | None:
        """It cannot go on. `unanswered` contacts were posted, and no answer came."""
        return None if self.is_final else self._ended("failed", now, problem, unanswered)

    def stopped(self, unanswered: int, now: datetime) -> Self | None:
        """Ended as was decided, once no worker stages it. An error that came first is what it ends with."""
        if not self.is_stopping or self.is_owned(now):
            return None
        if self.stopped_by:
            return self.failed(self.stopped_by, unanswered, now)
        problem = Problem("cancelled", f"Cancelled by {self.cancel_requested_by}.", "")
        return None if self.is_final else self._ended("cancelled", now, problem, unanswered)

    def _entered(self, state: State, now: datetime, **changes: Any) -> Self:
        """In its next state, with the time of that state's first beginning: held again, it waits since now."""
        begun = None if state == "held" else self.times.get(state)
        times = self.times | {state: begun or now.isoformat(timespec="milliseconds")}
        waits: dict[str, Any] = {"waiting": "", "waiting_since": 0.0, "waiting_until": 0.0, "waiting_deadline": 0.0}
        return replace(self, state=state, times=times, faults=0, **waits, **changes)

    def _kept(self, now: datetime, graces: Graces) -> Self:
        return replace(self, owner_until=now.timestamp() + graces.claim, stalled_after=now.timestamp() + graces.stalled)

    def _ended(self, state: State, now: datetime, problem: Problem | None, unanswered: int | None = None) -> Self:
        if problem and unanswered is not None:
            problem = problem.with_what_was_done(self.counts, unanswered, is_list_changed=self.is_list_changed)
        ended: dict[str, Any] = {"error": problem, "unanswered": unanswered or 0, "customer_ids": []}
        return self._entered(state, now, owner="", owner_until=0.0, **ended)
