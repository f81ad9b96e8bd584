"""Ends the wait for imports that an ended run has left and that Brevo says nothing of.

An import's slot stays taken until Brevo says that it is over, or until its deadline: beside one that still runs, old
values could win over the next run's. Only a person can know better, who has looked for the import in Brevo.
"""

from shared.access import Caller, require
from shared.administration import audit
from shared.app import App
from shared.errors import ConfigurationError
from shared.runs.slots import LeftImport, left_imports, release_left
from shared.runs.status import find_run


def look(app: App, caller: Caller, run_id: str) -> list[LeftImport]:
    """The imports that the next runs wait for. Raises ConfigurationError for an unknown run and an open one."""
    require(caller, "operate")
    run = find_run(app, run_id)
    if not run.is_final:
        raise ConfigurationError(
            "run_open", f"The run {run_id} has not ended: {run.state}.", f"First: `segment-export cancel {run_id}`."
        )
    return [each for each in left_imports(app, run.key_setting) if each.run == run_id]


def release(app: App, caller: Caller, run_id: str) -> list[LeftImport]:
    """Frees their slots; returns what was freed. Raises as `look`."""
    look(app, caller, run_id)
    freed = release_left(app, find_run(app, run_id))
    if freed:
        audit.note(app, caller, "release imports", run_id, ", ".join(str(each.process or "?") for each in freed))
    return freed
