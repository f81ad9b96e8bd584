"""The versions that the configuration had before its last changes, and putting one of them back.

Both work while the configuration cannot be read: putting a version back is its repair.
"""

import hashlib
from dataclasses import dataclass

from pydantic import BaseModel

from shared.access import Caller, require
from shared.administration import audit
from shared.administration.items import ANY, changed_meanwhile, item_etag
from shared.administration.known import known_once_saved
from shared.administration.leaving import forget_lists, leaving
from shared.administration.paging import slice_of
from shared.app import App
from shared.config.document import readable_part
from shared.config.models import Connection, Document, Export
from shared.errors import ConfigurationError, TransientError, did_you_mean, shown
from shared.runs.clearing import members_of, staying_words
from shared.runs.status import Timestamp


@dataclass(frozen=True, slots=True)
class ConfigurationVersion:
    """A change of the configuration. `version` names what was before it, and `version_before` the blob with it."""

    version: str
    at: Timestamp
    who: str
    what: str
    version_before: str


@dataclass(frozen=True, slots=True)
class Restored:
    """The configuration after an older version was put back.

    `taken_back` says what is another one than before, such as "export high-value: is back", or "is as it was
    (schedule)". `consent_missing` names connections to connect again. `notes` say how many contacts exports that are
    gone, or are at another list, have put into theirs, where that is known.
    """

    version: str
    connections: int
    exports: int
    taken_back: list[str]
    consent_missing: list[str]
    notes: list[str]


def list_versions(
    app: App, caller: Caller, *, limit: int | None = None, after: str = ""
) -> tuple[list[ConfigurationVersion], str, str]:
    """A page of the last changes, newest first; where the next page begins; and the ETag of the configuration now."""
    require(caller, "view_audit")
    page, more = slice_of(app.configuration.history(), limit, after)
    versions = [ConfigurationVersion(each.id, each.changed_at, each.changed_by, each.what, each.blob) for each in page]
    return versions, more, _as_it_is(app, app.configuration.read_bytes())[1]


def restore_version(app: App, caller: Caller, version: str, expected: str) -> tuple[Restored, str]:
    """Makes an older version the newest one; and its ETag. `expected`: the configuration's ETag, or ANY.

    Runs nothing: what an export that changes by it would start on counts as known. Consent is never given by it: a
    connection keeps the consent that it has now, where it names the same key. Of a configuration that is no JSON nobody
    can say what consent it had, so there is none after it.
    Raises ConfigurationError for an unknown version, a stale ETag, a local file, and while a run takes members of an
    export out of a list that the export would leave.
    """
    require(caller, "restore_configuration")
    app.configuration.require_writable()
    older = app.configuration.version(version)
    if older is None:
        known = [each.id for each in app.configuration.history()]
        raise ConfigurationError(
            "version_unknown",
            f"There is no version {shown(version)!r} of the configuration{did_you_mean(version, known)}.",
            "`segment-export history` and GET /api/history list them; the last 50 are kept.",
        )

    now, left = Document(), list[Export]()

    def change(data: bytes | None) -> Document:
        nonlocal now, left
        now, etag, is_whole = _as_it_is(app, data)
        if expected not in (ANY, etag):
            raise changed_meanwhile("configuration")
        restored = older.model_copy(update={"connections": [_with_consent(each, now) for each in older.connections]})
        left = leaving(app, now, restored, now.exports)
        if is_whole:  # of one that comes back, a run may have ended behind its removal, or that was cut off
            forget_lists(app, [each for each in restored.exports if now.export(each.id) is None])
        for export in restored.exports:
            note_as_known(now, restored, export)
        return restored

    with known_once_saved(app) as note_as_known:
        after = app.configuration.replace(caller.name, _what(version), change)
    audit.note(app, caller, "restore configuration", version)
    missing = [each.id for each in after.connections if each.consent is None]
    differences = _taken_back(now, after)
    notes = [note for export in left if (note := _staying_note(app, now, export))]
    forget_lists(app, left)
    return Restored(version, len(after.connections), len(after.exports), differences, missing, notes), item_etag(after)


def _what(version: str) -> str:
    return f"restore version {version}"


def is_last_change(app: App, caller: Caller, version: str) -> bool:
    """True where the last change was that the caller has put this version back."""
    newest = next(iter(app.configuration.history(1)), None)
    return newest is not None and (newest.changed_by, newest.what) == (caller.name, _what(version))


def _staying_note(app: App, before: Document, export: Export) -> str:
    """How many contacts stay in the list that the export has left; empty where there are none or that is not known."""
    try:
        staying = members_of(app, before, export)
    except TransientError:  # the version is back all the same
        staying = None
    return f"{export.id}: the {staying_words(staying, export.list_id)}" if staying else ""


def _taken_back(before: Document, after: Document) -> list[str]:
    """What differs, item by item."""
    found = []
    for kind in ("connection", "export", "notification"):
        old, new = ({each.id: each for each in getattr(document, f"{kind}s")} for document in (before, after))
        found += [
            f"{kind} {name}: {_what_differs(old.get(name), new.get(name))}"
            for name in sorted(old.keys() | new.keys())
            if old.get(name) != new.get(name)
        ]
    return found


def _what_differs(old: BaseModel | None, new: BaseModel | None) -> str:
    if old is None or new is None:
        return "is back" if old is None else "is gone"
    fields = [name for name in type(new).model_fields if getattr(old, name) != getattr(new, name)]
    return f"is as it was ({', '.join(fields)})"


def _as_it_is(app: App, data: bytes | None) -> tuple[Document, str, bool]:
    """The configuration, its ETag, and that it is whole; else what can be read of it, and an ETag of its bytes."""
    try:
        now = app.configuration.parsed(data)
    except ConfigurationError:
        broken = data or b""
        return readable_part(broken), hashlib.sha256(broken).hexdigest()[:16], False
    return now, item_etag(now), True


def _with_consent(older: Connection, now: Document) -> Connection:
    current = now.connection(older.id)
    consent = current.consent if current and current.api_key == older.api_key else None
    return older.model_copy(update={"consent": consent})
