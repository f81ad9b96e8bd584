"""The life of a run and of its batches: every state, and every way from one to the next.

| run | becomes | when |
|---|---|---|
| - | queued | anything starts it |
| queued, staging (owner lost) | staging | a worker claims it |
| staging | delivering | all of it is staged: the one write that counts |
| queued, staging | skipped | there is nothing to do |
| delivering | confirming | every batch is delivered |
| delivering, confirming | succeeded, succeeded_with_rejections | every batch is confirmed |
| any of these | failed | an error ends it, and no worker is in the middle of a post |
| any of these | cancelled | a person has asked for it, and no worker is in the middle |

| batch | becomes | when |
|---|---|---|
| - | staged | its body is written |
| staged, delivering (owner lost) | delivering | a worker claims it; posts + 1 |
| delivering | delivered | Brevo has given its import a number |
| delivering | staged, not before a time | the post has failed |
| delivered | confirmed | its import is completed and its reports are read |
| delivered | staged, failed | its import has failed: once, twice |

Every method is pure: it returns what the run then is, or None where it does not apply. A decision that was made on a
row which has moved since therefore changes nothing.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal, Self

from shared.runs.counts import Counts
from shared.runs.graces import CLAIM_AHEAD_SECONDS, WAIT_AHEAD_SECONDS, Graces, lies_ahead
from shared.runs.problem import Problem

OpenState = Literal["queued", "staging", "delivering", "confirming"]
State = OpenState | Literal["succeeded", "succeeded_with_rejections", "failed", "cancelled", "skipped"]
STAGEABLE: frozenset[State] = frozenset(("queued", "staging"))
SENDING: frozenset[State] = frozenset(("delivering", "confirming"))
SUCCEEDED: frozenset[State] = frozenset(("succeeded", "succeeded_with_rejections"))
FINAL: frozenset[State] = SUCCEEDED | {"failed", "cancelled", "skipped"}
Trigger = Literal["http", "webhook", "timer", "event", "terminal"]
BatchState = Literal["staged", "delivering", "delivered", "confirmed", "failed"]
DELIVERABLE: frozenset[BatchState] = frozenset(("staged", "delivering"))


@dataclass(frozen=True, slots=True)
class Run:
    """One run. Times are UTC in ISO 8601; `stalled_after`, from when it counts as stalled, and `watch_due` are POSIX.

    `staging_id` names the staging that is sent, `rejected_id` the one whose rejected rows are shown; `filled` are the
    attributes with values. `trace` is the span that started it, a `traceparent`. `stopped_by` is the error that is to
    end it, once no worker posts for it. `faults` counts the unforeseen errors of its state.
    """

    run_id: str
    export: str
    key_setting: str
    list_id: int
    trigger: Trigger
    started_by: str
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
    filled: list[str] = field(default_factory=list)
    staging_id: str = ""
    rejected_id: str = ""
    allowance: str = ""
    left_out: list[str] = field(default_factory=list)
    error: Problem | None = None
    waiting: str = ""
    cancel_requested_by: str = ""
    stopped_by: Problem | None = None
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
    def is_stopping(self) -> bool:
        """True once its end is decided. Nothing more is posted; it ends when no worker is in the middle of a post."""
        return self.stopped_by is not None or bool(self.cancel_requested_by)

    def is_owned(self, now: datetime) -> bool:
        """True while a live worker stages the run."""
        return bool(self.owner) and lies_ahead(self.owner_until, now.timestamp(), CLAIM_AHEAD_SECONDS)

    # The life of the run, and of the batch below. Each returns what it then is, or None where that does not apply.
    def queued(self, now: datetime, graces: Graces) -> Self:
        """A new run, as it is first written."""
        return self._entered("queued", now, stalled_after=now.timestamp() + graces.stalled)

    def staging_by(self, snapshot: str, owner: str, now: datetime, graces: Graces) -> Self | None:
        """Claimed to be staged: as queued, or after its worker was lost."""
        if self.state not in STAGEABLE or self.is_owned(now):
            return None
        return self._entered("staging", now, owner=owner, snapshot=snapshot)._kept(now, graces)

    def renewed(self, owner: str, now: datetime, graces: Graces) -> Self | None:
        """The claim goes on."""
        return self._kept(now, graces) if self.owner == owner else None

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

    def waiting_for(self, text: str, stalled_after: float | None = None) -> Self | None:
        """It waits, for what the text says. `stalled_after` where its next step hangs on this wait."""
        if self.is_final:
            return None
        return replace(self, waiting=text, stalled_after=self.stalled_after if stalled_after is None else stalled_after)

    def confirm_at(self, due: float, graces: Graces) -> Self | None:
        """Its next confirm message is due then; every earlier one is stale from now on."""
        if self.is_final:
            return None
        return replace(self, confirm_number=self.confirm_number + 1, stalled_after=due + graces.stalled)

    def watched_at(self, due: float, now: datetime, clock_seconds: float) -> Self | None:
        """Its next watch message is due then, unless another one is on its way."""
        if self.is_final or lies_ahead(self.watch_due - clock_seconds, now.timestamp(), CLAIM_AHEAD_SECONDS):
            return None
        return replace(self, watch_due=due)

    def is_stalled(self, now: datetime) -> bool:
        """True where its next message should have come by now."""
        return not lies_ahead(self.stalled_after, now.timestamp(), WAIT_AHEAD_SECONDS)

    def driven_on(self, now: datetime, graces: Graces) -> Self | None:
        """Stalled, and taken on by the worker that writes this."""
        if self.is_final or not self.is_stalled(now):
            return None
        return replace(self, stalled_after=now.timestamp() + graces.stalled)

    def cancel_requested(self, by: str, newest: str = "") -> Self | None:
        """A person has asked for its end. `newest` is the snapshot that it would take if it has taken none."""
        changed = replace(self, cancel_requested_by=by[:100], snapshot=self.snapshot or newest)
        return None if self.is_final else changed

    def stopping(self, problem: Problem) -> Self | None:
        """It cannot go on, but a worker may be posting."""
        return replace(self, stopped_by=problem) if self.state in SENDING and not self.is_stopping else None

    def faulted(self) -> Self | None:
        """An unforeseen error: a fault of ours."""
        return None if self.is_final else replace(self, faults=self.faults + 1)

    def succeeded(self, now: datetime) -> Self | None:
        """Brevo has confirmed all of it."""
        state: State = "succeeded_with_rejections" if self.counts.rejected else "succeeded"
        return self._ended(state, now, None) if self.state in SENDING else None

    def skipped(self, problem: Problem, now: datetime) -> Self | None:
        """There is nothing to do."""
        return self._ended("skipped", now, problem) if self.state in STAGEABLE else None

    def failed(self, problem: Problem, unanswered: int, now: datetime) -> Self | None:
        """It cannot go on. `unanswered` contacts were posted, and no answer came."""
        problem = problem.with_what_was_sent(self.counts, unanswered)
        return None if self.is_final else self._ended("failed", now, problem)

    def stopped(self, unanswered: int, now: datetime) -> Self | None:
        """Ended as was decided, once no worker stages it. An error that came first is what it ends with."""
        if not self.is_stopping or self.is_owned(now):
            return None
        if self.stopped_by:
            return self.failed(self.stopped_by, unanswered, now)
        problem = Problem("cancelled", f"Cancelled by {self.cancel_requested_by}.", "")
        problem = problem.with_what_was_sent(self.counts, unanswered)
        return None if self.is_final else self._ended("cancelled", now, problem)

    def _entered(self, state: State, now: datetime, **changes: Any) -> Self:
        """In its next state, with the time of that state's first beginning."""
        times = self.times | {state: self.times.get(state, now.isoformat(timespec="milliseconds"))}
        return replace(self, state=state, times=times, waiting="", faults=0, **changes)

    def _kept(self, now: datetime, graces: Graces) -> Self:
        at = now.timestamp()
        return replace(self, owner_until=at + graces.claim, stalled_after=at + graces.stalled)

    def _ended(self, state: State, now: datetime, problem: Problem | None) -> Self:
        return self._entered(state, now, owner="", owner_until=0.0, error=problem)


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch of a run. `number` counts from 1; `owner_until`, `not_before` and `posted_at` are POSIX seconds.

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
    not_before: float = 0.0
    process_id: int = 0
    posted_at: float = 0.0
    posts: int = 0
    sent_again: int = 0
    called_back: bool = False
    polls: int = 0
    report_tries: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    note: str = ""
    etag: str | None = None

    @property
    def staging(self) -> str:
        """The path of its staging's blobs in the container of staged bodies."""
        return f"{self.run_id}/{self.staging_id}"

    @property
    def needs_no_slot(self) -> bool:
        """True once Brevo has no import of this batch open any more, as far as is known."""
        return self.state in ("confirmed", "failed") or (self.state == "delivered" and self.called_back)

    @property
    def may_be_open(self) -> bool:
        """True where Brevo may still work on an import of this batch, as far as is known."""
        return self.is_unanswered or (self.state == "delivered" and not self.called_back)

    @property
    def is_unanswered(self) -> bool:
        """True where it was posted, and nobody knows whether Brevo has it: an import that failed is known."""
        return self.state in DELIVERABLE and self.posts > self.sent_again

    def is_owned(self, now: datetime) -> bool:
        """True while a live worker posts the batch."""
        return self.state == "delivering" and lies_ahead(self.owner_until, now.timestamp(), CLAIM_AHEAD_SECONDS)

    def is_ready(self, now: datetime) -> bool:
        """True where it is to be sent and nobody has it: its own retry goes first, until `not_before`."""
        if self.state == "staged":
            return not lies_ahead(self.not_before, now.timestamp(), WAIT_AHEAD_SECONDS)
        return self.state == "delivering" and not self.is_owned(now)

    def delivering_by(self, owner: str, now: datetime, graces: Graces) -> Self | None:
        """Claimed to be posted: as staged, or after its worker was lost."""
        if self.state not in DELIVERABLE or self.is_owned(now):
            return None
        until = now.timestamp() + graces.claim
        return replace(
            self, state="delivering", owner=owner, owner_until=until, posts=self.posts + 1, called_back=False
        )

    def renewed(self, owner: str, now: datetime, graces: Graces) -> Self | None:
        """The claim goes on."""
        return replace(self, owner_until=now.timestamp() + graces.claim) if self.owner == owner else None

    def given_back(self, owner: str, not_before: float, *, may_be_there: bool) -> Self | None:
        """The post has failed, or Brevo may have it. Others send it only where its own retry is overdue."""
        if self.owner != owner:
            return None
        posts = self.posts if may_be_there else self.posts - 1
        return replace(self, state="staged", owner="", owner_until=0.0, not_before=not_before, posts=posts)

    def delivered(self, owner: str, process_id: int, repeats: int, now: datetime) -> Self | None:
        """Brevo has taken it. `repeats`: how often the session has posted it again within this post.

        Not where another worker has sent the same body as well, and records its own process.
        """
        if self.state != "delivering" or self.owner not in (owner, ""):
            return None
        return replace(
            self,
            state="delivered",
            process_id=process_id,
            posted_at=now.timestamp(),
            posts=self.posts + repeats,
            # A call-back that has come already may be about the import whose answer was lost.
            called_back=self.called_back and not repeats,
            owner="",
            owner_until=0.0,
            polls=0,
        )

    def import_finished(self) -> Self | None:
        """Brevo has called back. Of a batch that was posted twice nobody can say which import it means."""
        is_known = self.posts <= 1 and self.state in ("delivering", "delivered")
        return replace(self, called_back=True) if is_known else None

    def polled(self, process_id: int) -> Self | None:
        """This import was polled, and is still open."""
        return replace(self, polls=self.polls + 1) if self._is_open(process_id) else None

    def report_failed(self, process_id: int) -> Self | None:
        """This import's report could not be read; it is read again."""
        return replace(self, report_tries=self.report_tries + 1) if self._is_open(process_id) else None

    def confirmed(self, process_id: int, rejected: dict[str, int], note: str) -> Self | None:
        """This import is completed, and what Brevo rejected is known, or the note says that it is not."""
        return replace(self, state="confirmed", rejected=rejected, note=note) if self._is_open(process_id) else None

    def import_failed(self, process_id: int) -> Self | None:
        """This import has failed: the batch is sent again once; the second time it has failed."""
        if not self._is_open(process_id):
            return None
        if self.sent_again:
            return replace(self, state="failed")
        return replace(self, state="staged", process_id=0, sent_again=1, called_back=False, not_before=0.0)

    def _is_open(self, process_id: int) -> bool:
        return self.state == "delivered" and self.process_id == process_id
