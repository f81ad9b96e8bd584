"""The audit trail: who did what when. Table `audit`, one partition, newest first.

It holds no person's name or address: the person who gave consent stands in the configuration document only.
"""

import secrets
from dataclasses import asdict, dataclass, fields

from shared.access import Caller, require
from shared.app import App
from shared.runs.status import Timestamp
from shared.storage.tables import Row, pass_over

_PARTITION = "audit"
_LATEST = 10**16
# What a line is found by, as a pattern.
KEY = "[0-9]{16}-[0-9a-f]{6}"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line of the trail; `at` is UTC in ISO 8601."""

    at: Timestamp
    who: str
    what: str
    target: str
    detail: str


def note(app: App, caller: Caller, what: str, target: str, detail: str = "") -> None:
    """Adds a line."""
    now = app.storage.clock.now()
    key = f"{_LATEST - int(now.timestamp() * 1e6):016}-{secrets.token_hex(3)}"
    entry = AuditEntry(now.isoformat(timespec="milliseconds"), caller.name, what, target, detail[:1000])
    app.storage.audit.put(Row(_PARTITION, key, asdict(entry)))


def note_start(app: App, caller: Caller, what: str, export_id: str, run_id: str, *, accept: bool) -> None:
    """Adds a line for a run that was started, and one where its guards are let through beforehand."""
    note(app, caller, what, export_id, run_id)
    if accept:
        note(app, caller, "let through guards", export_id, run_id)


def read_audit(app: App, caller: Caller, *, after: str = "", limit: int = 50) -> tuple[list[AuditEntry], str]:
    """A page of the trail, newest first, and the key that the next page comes after; empty on the last one."""
    require(caller, "view_audit")
    rows = list(app.storage.audit.query(_PARTITION, f"{after}!" if after else "", limit=limit + 1, on_other=pass_over))
    more = rows[limit - 1].key if len(rows) > limit else ""
    names = [part.name for part in fields(AuditEntry)]
    return [AuditEntry(*(row.values.get(name, "") for name in names)) for row in rows[:limit]], more
