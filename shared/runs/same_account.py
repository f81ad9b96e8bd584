"""The account of a run that is under way: its key's setting may meanwhile hold the key of another account.

That account has other contacts below the same numbers, and other lists: what was found out for the one is not for the
other. Asking whose a key is costs one of the scarce calls, so only a key that was not seen before is asked about: while
a secret is rotated, some workers have the old one, and some the new one.
"""

from collections.abc import Callable
from dataclasses import replace

from shared.app import App
from shared.brevo.checks import account_of
from shared.brevo.client import BrevoClient
from shared.brevo.session import Traffic
from shared.errors import ConfigurationError
from shared.runs.state import Run

_MOST_KEYS = 4


def brevo_of(app: App, run: Run, still_wanted: Callable[[], object] = bool) -> BrevoClient:
    """A client for the account of the run, as `App.brevo` gives it.

    Raises ConfigurationError also where the key opens another account than that of the run's staging, TransientError
    while Brevo does not say whose it is. Runs that an earlier release has staged do not say.
    """
    brevo = app.brevo(run.key_setting, still_wanted)
    _check_same_account(app, run, brevo)
    return brevo


def _check_same_account(app: App, run: Run, brevo: BrevoClient) -> None:
    mark = brevo.session.key_mark
    if not run.key_mark or mark in run.key_mark.split():
        return
    # Counted by itself: what the step has sent is known by its own client's traffic.
    session = replace(brevo.session, traffic=Traffic())
    account = account_of(BrevoClient(session), must_answer=True).id
    if account and run.account and account != run.account:
        raise ConfigurationError(
            "account_changed",
            f"The key in {run.key_setting} opens another Brevo account than the one that the run was staged for.",
            "Nothing more is sent by it. Put the key of the right account there, and run the export again.",
        )

    def noted(now: Run) -> Run | None:
        counted, marks = now.with_traffic(session.traffic.requests), dict.fromkeys((mark, *now.key_mark.split()))
        return replace(counted, key_mark=" ".join(list(marks)[:_MOST_KEYS])) if counted else None

    app.store.update(run.run_id, noted)
