"""What is known of a person outside of runs: in the configuration, in the segments, and at Brevo.

Of these only the configuration is ours to change; of the others it is said where they are and how they are deleted.
"""

import json
from collections.abc import Callable

from shared.access import Caller
from shared.app import App
from shared.brevo.single_contacts import find_single
from shared.config.models import Document, Export
from shared.config.store import plain
from shared.errors import ConfigurationError, ExportError, described
from shared.operating.person import Forgotten, Person
from shared.segments.reading import SegmentStream
from shared.segments.snapshot import Snapshot, own_snapshot
from shared.staging.excluded import find_excluded
from shared.storage.blobs import Blobs

_NOBODY = "a forgotten person"
_NOT_THERE = ("snapshot_missing", "container_missing", "exclude_missing")


def erase_in_configuration(app: App, caller: Caller, person: Person, found: Forgotten) -> None:
    """Consent stays given, by somebody who is no longer named; the versions before are rewritten as well."""
    document = app.configuration.read()
    if person.is_in(_text(document)):
        try:
            document = app.configuration.change(caller.name, "forget a person", lambda now: _unnamed(now, person))
            found.erased.append("configuration: who has given consent")
        except ConfigurationError as error:
            found.remains.append(f"configuration: {error}")
            return
    if person.is_in(_text(document)):
        found.remains.append("configuration: a name or text of an export or connection holds it; change it there")
    rewritten = app.configuration.rewrite_history(lambda data: person.replaced_in(data, _NOBODY.encode()))
    if rewritten:
        found.erased.append(f"configuration: {rewritten:,} of its earlier versions")


def search_segments(app: App, person: Person, found: Forgotten) -> None:
    """The newest snapshot of each export: what is still there is sent again. Customer Insights writes these files.

    Behind them the excluded segments, whose people are not sent.
    """
    searched: set[str] = set()
    exports = app.configuration.read().exports
    for export in exports:
        _search(app, person, export, own_snapshot, searched, found)
    for export in exports:
        _search(app, person, export, find_excluded, searched, found)


def _search(
    app: App,
    person: Person,
    export: Export,
    find: Callable[[Blobs, Export], Snapshot | None],
    searched: set[str],
    found: Forgotten,
) -> None:
    excluded = ", an excluded segment" if find is find_excluded else ""
    again = "" if excluded else ", or the next run sends them again"
    blobs = app.storage.segment_blobs
    try:
        snapshot = find(blobs, export)
        for file in (file for part in snapshot.segments for file in part.files) if snapshot else ():
            name = f"{export.source.container}/{file.blob.name}"
            if name not in searched and person.is_in_any(SegmentStream(blobs, export.source, file)):
                found.remains.append(
                    f"segments: {name}{excluded}, which Customer Insights writes: delete the person at their source "
                    f"and refresh{again}; older snapshots were not searched"
                )
            searched.add(name)
    except Exception as error:  # noqa: BLE001 - the other exports are searched all the same
        if not isinstance(error, ExportError) or error.code not in _NOT_THERE:
            found.not_done.append(f"segments of {export.id}: {described(error)}")


def ask_brevo(app: App, person: Person, found: Forgotten, numbers: dict[str, int]) -> None:
    """Each account once. The contact is not deleted: that also ends what the person has agreed to there.

    Its number goes into `numbers`, by the setting of the account's key.
    """
    asked: set[str] = set()
    if not person.is_valid:
        return
    for connection in app.configuration.read().connections:
        key_setting = connection.api_key.setting
        if key_setting in asked:
            continue
        asked.add(key_setting)
        try:
            contact = find_single(app.brevo(key_setting).session, person.address)
        except Exception as error:  # noqa: BLE001 - the other accounts are asked all the same
            found.not_done.append(f"Brevo, connection {connection.id}: {described(error)}")
            continue
        if contact is not None:
            numbers[key_setting] = contact.id
            lists = f"lists {', '.join(map(str, contact.lists))}" if contact.lists else "no list"
            found.remains.append(
                f"Brevo, connection {connection.id}: contact {contact.id}, in {lists}: delete it there under "
                f"Contacts, or by DELETE /contacts/{contact.id} of Brevo's API"
            )


def _unnamed(document: Document, person: Person) -> Document:
    connections = [
        each.model_copy(update={"consent": each.consent.model_copy(update={"agreed_by": _NOBODY})})
        if each.consent and person.is_in(each.consent.agreed_by.encode())
        else each
        for each in document.connections
    ]
    return document.model_copy(update={"connections": connections})


def _text(document: Document) -> bytes:
    return json.dumps(plain(document), ensure_ascii=False).encode()
