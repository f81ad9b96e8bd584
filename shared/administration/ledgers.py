"""What is kept of an export's list between runs, as people see it and take it away."""

from dataclasses import dataclass

from shared.access import Caller, may
from shared.administration import audit
from shared.administration.running import require_for_export
from shared.app import App
from shared.json_text import ALL_FIELDS_SENT
from shared.sync.stored import LEDGERS, UNDO, drop_ledgers, export_of


@dataclass(frozen=True, slots=True)
class Reset:
    """The export whose ledger is forgotten, and whether there was one."""

    __pydantic_config__ = ALL_FIELDS_SENT

    export: str
    was_kept: bool


def reset_ledger(app: App, caller: Caller, export_id: str) -> Reset:
    """Forgets what was sent: the next run sends all contacts and, but with mirror_exact, removes nobody.

    A run that is under way does what it has begun, and keeps none. Raises AccessDenied, and ConfigurationError for an
    unknown export.
    """
    if not _is_left(app, caller, export_id):
        require_for_export(app, caller, "reset_ledger", export_id)
    found = drop_ledgers(app.storage.app_blobs, export_id, all_numbers=False)
    audit.note(app, caller, "reset ledger", export_id)
    return Reset(export_id, found)


def _is_left(app: App, caller: Caller, export_id: str) -> bool:
    """Whether something is kept of an export that is gone, which is an administrator's to forget.

    Somebody took it out of the document itself, or its removal was cut off.
    """
    if not may(caller.role, "operate", shared=False) or app.document().export(export_id) is not None:
        return False
    blobs = app.storage.app_blobs
    kept = (blob for container in (LEDGERS, UNDO) for blob in blobs.listing_if_there(container, ""))
    return any(export_of(blob) == export_id for blob in kept)
