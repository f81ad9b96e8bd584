"""Claims: one owner at a time for a piece of work, which a live owner renews and a dead one loses."""

import logging
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from shared.app import App
from shared.errors import ExportError, TransientError, place_of
from shared.runs.batch import Batch
from shared.runs.graces import Graces
from shared.runs.queue import LONGEST_STEP_WAIT_SECONDS, next_try_seconds
from shared.runs.state import Run

_log = logging.getLogger(__name__)


class StillClaimedError(TransientError):
    """Another worker, `owner`, has the work. Its claim ends after `retry_after_seconds` unless it is renewed."""

    def __init__(self, owner: str, seconds: float) -> None:
        super().__init__(
            "claimed", "Another worker is at this step.", "The run goes on by itself.", retry_after_seconds=seconds
        )
        self.owner = owner


class Stopping(Exception):
    """The run's end is decided."""


@dataclass
class Claim:
    """A claim that is held. `check` is to be called between pieces of work.

    `taken_at` is when it was taken, in POSIX seconds. `may_be_there` is set by a post while nobody knows whether Brevo
    has taken the batch; `rows` and `contacts` by a staging, as far as it has come.
    """

    owner: str = field(default_factory=lambda: secrets.token_hex(8))
    lost: bool = False
    stopping: bool = False
    taken_at: float = 0.0
    may_be_there: bool = False
    rows: int = 0
    contacts: int = 0

    def check(self) -> None:
        """Raises TransientError when another worker has the work now, Stopping when the run's end is decided."""
        if self.stopping:
            raise Stopping
        if self.lost:
            raise TransientError(
                "claim_lost",
                "Another worker has taken over.",
                "The run goes on by itself.",
            )


def is_still_open(app: App, run: Run) -> bool:
    """Whether the run has not ended, and its end is not decided, by its row as it stands now."""
    now = app.store.load(run.run_id)
    return now is not None and not (now.is_final or now.is_stopping)


def still_staging(app: App, run: Run, claim: Claim) -> Callable[[], None]:
    """What a worker asks before it changes anything beside the run that it stages. As `looking_again`."""

    def is_ours() -> bool:
        now = app.store.load(run.run_id)
        return now is not None and now.is_staged_by(claim.owner)

    return looking_again(app, is_ours, claim.taken_at)


def looking_again(app: App, is_wanted: Callable[[], bool], seen_at: float = 0.0) -> Callable[[], None]:
    """What a worker asks just before it changes something, at Brevo above all: whether that is still wanted.

    `is_wanted` looks into storage. Where the last look is so long ago that a claim would have ended, which is so for a
    worker that stood still, it looks again. The function raises TransientError where it is not wanted any more.
    `seen_at`: when storage last said so, in POSIX seconds.
    """

    def check() -> None:
        nonlocal seen_at
        while app.now() - seen_at > app.graces.claim:
            began = app.now()
            _check(is_wanted)
            seen_at = began

    return check


def looking_each_time(is_wanted: Callable[[], bool]) -> Callable[[], None]:
    """The same where no claim keeps a run from ending meanwhile: what others do then is not to be undone behind it."""
    return partial(_check, is_wanted)


def _check(is_wanted: Callable[[], bool]) -> None:
    if not is_wanted():
        raise TransientError("claim_lost", "The run has gone on without this worker.", "It goes on by itself.")


@contextmanager
def claimed_run(app: App, run: Run, snapshot: str) -> Iterator[tuple[Run, Claim]]:
    """The run in state `staging`, with the snapshot that it takes, claimed while the block runs.

    The write that ends its staging ends the claim too.

    Raises StillClaimedError while another owner is alive, with the time until its claim ends, and TransientError where
    another worker has taken another snapshot since the run was read: which is the newest is to be decided again.
    """
    claim, known = Claim(taken_at=app.now()), run

    def renew() -> None:
        now = app.store.update(
            run.run_id, lambda run: run.renewed(claim.owner, app.time(), app.graces, claim.rows, claim.contacts)
        )
        claim.stopping = now.is_stopping
        claim.lost = now.owner != claim.owner

    def take(now: Run) -> Run | None:
        taken = _taken(app, claim, now, partial(now.staging_by, snapshot))
        if taken is not None and now.snapshot not in (known.snapshot, snapshot):
            raise TransientError("claim_lost", "The run has moved on meanwhile.", "It goes on by itself.")
        return taken

    run = app.store.update(known, take)
    if run.owner != claim.owner:
        raise TransientError("claim_lost", "The run has gone on without this message.", "It goes on by itself.")
    try:
        with _renewing(renew, app.graces.renewal):
            yield run, claim
    except BaseException:
        app.store.update(run.run_id, lambda run: run.released(claim.owner))
        raise


@contextmanager
def claimed_batch(app: App, run: Run, batch: Batch, attempt: int) -> Iterator[tuple[Batch, Claim] | None]:
    """The batch in state `delivering`, claimed while the block runs; None where it is delivered already.

    A block that fails gives the batch back as `staged`. Raises StillClaimedError while another owner is alive, with the
    time until its claim ends, and TransientError where the batch is no more as it was read. `attempt` is how often this
    step has failed before.
    """
    claim = Claim(taken_at=app.now())

    def change(to: Callable[[Batch], Batch | None], known: Batch | None = None) -> Batch:
        return app.store.update_batch(run, batch.number, to, known)

    def renew() -> None:
        claim.lost = change(lambda now: now.renewed(claim.owner, app.time(), app.graces)).owner != claim.owner

    def take(now: Batch) -> Batch | None:
        taken = _taken(app, claim, now, now.delivering_by)
        if taken is not None and now.etag != batch.etag:
            # What was decided before was decided on another batch: its slot may have been freed and taken since.
            raise TransientError("claim_lost", "The batch has moved on meanwhile.", "It goes on by itself.")
        return taken

    batch = change(take, batch)
    if batch.owner != claim.owner:
        yield None
        return
    try:
        with _renewing(renew, app.graces.renewal):
            yield batch, claim
    except Exception as error:
        # This step's own retry goes first. Only when that is overdue, its worker is lost and others send the batch.
        not_before = app.now() + next_try_seconds(attempt, error, LONGEST_STEP_WAIT_SECONDS) + app.graces.retry
        change(lambda now: now.given_back(claim.owner, not_before, may_be_there=claim.may_be_there))
        raise


def _taken[T: (Run, Batch)](
    app: App, claim: Claim, now: T, take: Callable[[str, datetime, Graces], T | None]
) -> T | None:
    """The run or batch as this worker has it; None where it has it already, or the work is done."""
    if now.owner == claim.owner:
        return None  # the answer to our own write was lost, not the write
    if now.is_owned(app.time()):
        raise StillClaimedError(now.owner, now.owner_until - app.now() + 1)
    return take(claim.owner, app.time(), app.graces)


@contextmanager
def _renewing(renew: Callable[[], None], every_seconds: float) -> Iterator[None]:
    ended = threading.Event()

    def work() -> None:
        while not ended.wait(every_seconds):
            try:
                renew()
            except ExportError:
                continue  # storage is away for a moment: the claim outlasts that, or is lost, and `check` says so
            except Exception as error:  # noqa: BLE001 - the next turn renews it all the same
                _log.error("a claim was not renewed: %s", place_of(error))

    renewer = threading.Thread(target=work, name="claim-renewer", daemon=True)
    renewer.start()
    try:
        yield
    finally:
        ended.set()
        renewer.join()
