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
    """The imports that are waited for, of a run or of all runs of an export, whatever their kind and account.

    Raises ConfigurationError for a name that neither has, and for a run that is open and waits for its own imports.
    """
    return [each for left in _left(app, caller, name).values() for each in left]


def release(app: App, caller: Caller, name: str) -> list[LeftImport]:
    """Frees their slots; returns what was freed. Raises as `look`."""
    found = _left(app, caller, name)
    for key_setting, left in found.items():
        release_left(app, key_setting, left)
    freed = [each for left in found.values() for each in left]
    if freed:
        audit.note(app, caller, "release imports", name, ", ".join(str(each.process or "?") for each in freed))
    return freed


def _left(app: App, caller: Caller, name: str) -> dict[str, list[LeftImport]]:
    """The imports, by the setting with their account's key."""
    require(caller, "operate")
    run = run_or_last(app, caller, name)
    if is_run_id(name) and run is not None:
        found = _left_by(app, name, {run.key_setting})
        if not run.is_final and not any(found.values()):
            raise ConfigurationError(
                "run_open", f"The run {name} has not ended: {run.state}.", f"First: `segment-export cancel {name}`."
            )
        return found
    return _left_by(app, name, {each.key_setting for each in app.store.latest(name)})


def _left_by(app: App, name: str, key_settings: set[str]) -> dict[str, list[LeftImport]]:
    return {
        setting: [each for each in left_imports(app, setting) if name in (each.run, run_address(each.run)[0])]
        for setting in sorted(key_settings)
    }
