"""Ends the wait for imports that nobody confirms any more and that Brevo says nothing of.

An ended run has left them, or an open one has posted the same body again, since the answer to its first post was lost.

An import's slot stays taken until Brevo says that it is over, or until its deadline: beside one that still runs, old
values could win over the next run's. Only a person can know better, who has looked for the import in Brevo.
"""

from shared.access import Caller, require
from shared.administration import audit
from shared.administration.running import run_or_last
from shared.app import App
from shared.errors import ConfigurationError
from shared.runs.left_imports import LeftImport, left_imports, release_left
from shared.runs.run_ids import is_run_id, run_address


def look(app: App, caller: Caller, name: str) -> list[LeftImport]:
    """The imports that are waited for, of a run or of all runs of an export.

    Raises ConfigurationError for a name that neither has, and for a run that is open and waits for its own imports.
    """
    return _left(app, caller, name)[1]


def release(app: App, caller: Caller, name: str) -> list[LeftImport]:
    """Frees their slots; returns what was freed. Raises as `look`."""
    key_setting, left = _left(app, caller, name)
    release_left(app, key_setting, left)
    if left:
        audit.note(app, caller, "release imports", name, ", ".join(str(each.process or "?") for each in left))
    return left


def _left(app: App, caller: Caller, name: str) -> tuple[str, list[LeftImport]]:
    """The setting with the account's key, and the imports."""
    require(caller, "operate")
    run = run_or_last(app, caller, name)
    if run is None:
        return "", []
    found = [each for each in left_imports(app, run.key_setting) if name in (each.run, run_address(each.run)[0])]
    if is_run_id(name) and not run.is_final and not found:
        raise ConfigurationError(
            "run_open", f"The run {name} has not ended: {run.state}.", f"First: `segment-export cancel {name}`."
        )
    return run.key_setting, found
