"""How an export ends whose members are to leave its list first: a run takes them out before it goes."""

from typing import Literal

from shared.access import Caller, Operation
from shared.administration import audit
from shared.administration.exports import find_export
from shared.administration.items import check_expected
from shared.administration.running import require_for_export
from shared.app import App
from shared.config.document import ready_export
from shared.runs.clearing import check_clearable, has_members, impossible
from shared.runs.holding import replace_outdated
from shared.runs.kinds import Trigger
from shared.runs.starting import Start, start_run
from shared.runs.status import active_run
from shared.runs.undoing import Clear

Members = Literal["stay", "remove"]


def take_members_out(
    app: App,
    caller: Caller,
    operation: Operation,
    export_id: str,
    trigger: Trigger,
    *,
    expected: str | None = None,
    accept: bool = False,
) -> Start | None:
    """Starts the run that takes the export's members out of its list, or finds it under way; None: nobody is left.

    To be asked again, once that run has succeeded, before the `operation` that ends the export. `expected` is the ETag
    that the caller has seen of it; `accept` approves beforehand what a guard would hold.

    Raises AccessDenied, ConfigurationError where the export is another one or its members are not known, and
    TransientError.
    """
    require_for_export(app, caller, operation, export_id)
    require_for_export(app, caller, "run_export", export_id)
    document = app.document()
    export = find_export(document, export_id)
    if expected is not None:
        check_expected(f"export {export_id}", export, expected)
    if export.connection is None:
        if operation == "detach_export":
            return None
        raise impossible(export_id, "it is detached, and whom it has put there is not known any more")
    ready = ready_export(document, export_id)
    check_clearable(ready)
    there, new_run_id = active_run(app, export_id), ""
    if there is not None and there.kind == "clear":
        new_run_id = replace_outdated(app, there, ready, trigger)
        if not new_run_id:
            held = " The run is held: approve it, or cancel it." if there.is_held else ""
            return Start(export_id, there.run_id, reason=f"Its members are being taken out already.{held}")
    if there is None and not has_members(app, ready):
        return None
    start = start_run(app, ready, trigger, caller.name, accept=accept, run_id=new_run_id, instead=Clear())
    if start.is_new:
        audit.note_start(app, caller, "take members out", export_id, start.run_id, accept=accept)
    return start
