"""How a staging ends: the run is held or goes on, unless another worker has staged it meanwhile."""

import logging
from typing import Never, Protocol

from shared.app import App
from shared.errors import TransientError
from shared.runs.claim import Claim, Stopping
from shared.runs.measuring import ended_line
from shared.runs.problem import Problem, no_rows
from shared.runs.queue import schedule_confirm, send_news
from shared.runs.state import Run
from shared.runs.steps import end
from shared.segments.snapshot import Snapshot

_log = logging.getLogger(__name__)


class Result(Protocol):
    """What a staging has found."""

    @property
    def staging_id(self) -> str:
        """The id of this try."""

    def noted_in(self, run: Run) -> Run:
        """The run with the result, as it is shown."""


def hold(app: App, run: Run, claim: Claim, result: Result, why: Problem, settings: str, hours: float) -> None:
    """Lets the run wait for a person. `run` is as it was claimed. Raises as `raise_lost` where it is not ours now."""
    # Goes first, so that no lost worker takes the news along: where the run is not held, it tells nobody.
    send_news(app, run, app.graces.notice_watch)

    def change(now: Run) -> Run | None:
        return result.noted_in(now).held(claim.owner, why, settings, hours, app.time())

    held = app.store.update(run, change)
    if held.rejected_id != result.staging_id or not held.is_held:
        raise_lost(held, claim)
    _log.info("%s", ended_line(held))
    send_news(app, held)


def raise_lost(run: Run, claim: Claim) -> Never:
    """Raises TransientError where another worker has taken over, Stopping at the run's end."""
    if run.is_stopping and run.owner == claim.owner:
        raise Stopping
    raise overtaken()


def overtaken() -> TransientError:
    """The error of a worker whose run another one has staged."""
    return TransientError("claim_lost", "Another worker has staged this run.")


def send_what_was_lost(app: App, run: Run) -> None:
    """For a run that is staged already: its worker may have been lost before it sent the first messages."""
    if run.state == "delivering" and run.confirm_number == 1:
        schedule_confirm(app, run, 0)


def skip_empty(app: App, run: Run, snapshot: Snapshot) -> None:
    """Ends a run of a snapshot without any rows."""
    end.skip(app, run, no_rows(part.segment for part in snapshot.segments), still=lambda now: now.owner == run.owner)
