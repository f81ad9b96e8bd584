"""Claims: one owner at a time for a piece of work, which a live owner renews and a dead one loses."""

import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from shared.errors import ExportError, TransientError
from shared.runs.app import App
from shared.runs.messages import LONGEST_STEP_WAIT_SECONDS, drive_by, next_try_seconds
from shared.runs.model import Batch, Run


class StillClaimedError(TransientError):
    """Another worker, `owner`, has the work. Its claim ends after `retry_after_seconds` unless it is renewed."""

    def __init__(self, owner: str, seconds: float) -> None:
        super().__init__(
            "claimed", "Another worker is at this step.", "The run goes on by itself.", retry_after_seconds=seconds
        )
        self.owner = owner


class Cancelled(Exception):
    """A person has asked for the run's end."""


@dataclass
class Claim:
    """A claim that is held. `check` is to be called between pieces of work."""

    owner: str = field(default_factory=lambda: secrets.token_hex(8))
    lost: bool = False
    cancelled: bool = False

    def check(self) -> None:
        """Raises TransientError when another worker has the work now, Cancelled when a person ends the run."""
        if self.cancelled:
            raise Cancelled
        if self.lost:
            raise TransientError(
                "claim_lost",
                "Another worker has taken over.",
                "The run goes on by itself.",
            )


@contextmanager
def claimed_run(app: App, run_id: str) -> Iterator[tuple[Run, Claim]]:
    """The run in state `staging`, claimed while the block runs.

    Raises StillClaimedError while another owner is alive, with the time until its claim ends.
    """
    claim = Claim()

    def take(run: Run) -> Run | None:
        if run.state not in ("queued", "staging"):
            return None
        _refuse_while_owned(app, run)
        run = run.entered("staging", app.storage.clock.now())
        return _held(app, replace(run, owner=claim.owner))

    def renew() -> None:
        run = app.store.update(run_id, lambda run: _held(app, run) if run.owner == claim.owner else None)
        claim.cancelled = bool(run.cancel_requested_by)
        claim.lost = run.owner != claim.owner

    run = app.store.update(run_id, take)
    if run.owner != claim.owner:
        raise TransientError("claim_lost", "The run has gone on without this message.", "It goes on by itself.")
    try:
        with _renewing(renew, app.graces.renewal):
            yield run, claim
    finally:
        app.store.update(
            run_id, lambda run: replace(run, owner="", owner_until=0.0) if run.owner == claim.owner else None
        )


@contextmanager
def claimed_batch(app: App, run: Run, batch: Batch, attempt: int) -> Iterator[Claim | None]:
    """The batch in state `delivering`, claimed while the block runs; None where it is delivered already.

    A block that fails gives the batch back as `staged`. Raises StillClaimedError while another owner is alive, with the
    time until its claim ends. `attempt` is how often this step has failed before.
    """
    claim = Claim()

    def take(now: Batch) -> Batch | None:
        if now.state not in ("staged", "delivering"):
            return None
        if now.state == "delivering":
            _refuse_while_owned(app, now)
        return replace(
            now,
            state="delivering",
            owner=claim.owner,
            owner_until=app.now() + app.graces.claim,
            posts=now.posts + 1,
            called_back=False,
        )

    def renew() -> None:
        def change(now: Batch) -> Batch | None:
            return replace(now, owner_until=app.now() + app.graces.claim) if now.owner == claim.owner else None

        claim.lost = app.store.update_batch(run, batch.number, change).owner != claim.owner

    if app.store.update_batch(run, batch.number, take, known=batch).owner != claim.owner:
        yield None
        return
    try:
        with _renewing(renew, app.graces.renewal):
            yield claim
    except Exception as error:
        # This step's own retry goes first. Only when that is overdue, its worker is lost and others send the batch.
        until = app.now() + next_try_seconds(attempt, error, LONGEST_STEP_WAIT_SECONDS) + app.graces.retry
        app.store.update_batch(
            run,
            batch.number,
            lambda now: replace(now, state="staged", owner="", owner_until=until) if now.owner == claim.owner else None,
        )
        raise


def _held(app: App, run: Run) -> Run:
    return replace(run, owner_until=app.now() + app.graces.claim, drive_by=drive_by(app))


def _refuse_while_owned(app: App, claimed: Run | Batch) -> None:
    rest = claimed.owner_until - app.now()
    if claimed.owner and rest > 0:
        raise StillClaimedError(claimed.owner, rest + 1)


@contextmanager
def _renewing(renew: Callable[[], None], every_seconds: float) -> Iterator[None]:
    ended = threading.Event()

    def work() -> None:
        while not ended.wait(every_seconds):
            try:
                renew()
            except ExportError:
                continue  # storage is away for a moment: the claim outlasts that, or is lost and told so

    renewer = threading.Thread(target=work, name="claim-renewer", daemon=True)
    renewer.start()
    try:
        yield
    finally:
        ended.set()
        renewer.join()
