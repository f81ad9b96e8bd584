"""One configuration document, several people."""

import threading
import uuid
from datetime import date

from shared.administration import connections, exports, leaving
from shared.administration.audit import read_audit
from shared.administration.items import ANY
from shared.config.models import Consent, Export
from shared.config.store import DocumentStore
from shared.errors import TransientError
from tests.flow.administration.people import ADMINISTRATOR, CSV, VIEWER, code_of, connection_of, the_export


def test_stale_etag_changes_nothing(office):
    _, etag = exports.view_export(office.app, VIEWER, office.export_id)
    exports.save_export(office.app, ADMINISTRATOR, the_export(office, display_name="First"), etag)
    second = the_export(office, display_name="Second")
    assert code_of(exports.save_export, office.app, ADMINISTRATOR, second, etag) == "changed_meanwhile"
    assert code_of(exports.save_export, office.app, ADMINISTRATOR, second, None) == "already_there"
    assert code_of(exports.remove_export, office.app, ADMINISTRATOR, office.export_id, etag) == "changed_meanwhile"
    assert exports.view_export(office.app, VIEWER, office.export_id)[0].display_name == "First"


def test_administrators_who_save_at_once_lose_no_change(office):
    names = [f"copy-{number}" for number in range(6)]
    threads = [
        threading.Thread(target=exports.duplicate_export, args=(office.app, ADMINISTRATOR, office.export_id, name))
        for name in names
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {each.id for each in exports.list_exports(office.app, VIEWER)} == {office.export_id, *names}
    history = office.app.configuration.history()
    assert len(history) == 6
    assert {version.changed_by for version in history} == {"function key"}


def test_first_connection_makes_the_document(office):
    store = DocumentStore(
        f"new-{uuid.uuid4().hex[:8]}/a/b.json", office.app.storage.app_blobs, office.app.storage.clock
    )
    assert store.read().connections == []
    store.change("ana", "add", lambda document: document.model_copy(update={"connections": [connection_of(office)]}))
    assert store.read().connections[0].consent == Consent(agreed_by="admin", agreed_on=date(2026, 11, 1))
    assert store.history() == []


def test_local_file_is_read_only_and_says_so(flow):
    flow.segment(CSV)
    new = Export.model_validate({**flow.export, "id": "new"})
    for call in (
        lambda: exports.save_export(flow.app, ADMINISTRATOR, new, None),
        lambda: exports.detach_export(flow.app, ADMINISTRATOR, flow.export_id),
        lambda: exports.remove_export(flow.app, ADMINISTRATOR, flow.export_id, ANY),
        lambda: connections.connect(flow.app, ADMINISTRATOR, "brevo-eu", "Ana"),
    ):
        assert code_of(call) == "configuration_read_only"
    assert connections.connect(flow.app, ADMINISTRATOR, "brevo-eu").connected


def test_change_is_saved_and_finished_where_old_versions_cannot_be_deleted_now(office, monkeypatch):
    def away(*_):
        raise TransientError("storage_unreachable", "Storage is away.")

    drop_ledgers, dropped = leaving.drop_ledgers, []
    monkeypatch.setattr(leaving, "drop_ledgers", lambda blobs, name: (dropped.append(name), drop_ledgers(blobs, name)))
    monkeypatch.setattr(DocumentStore, "_kept", away)
    elsewhere = the_export(office, list_id=13)
    assert exports.save_export(office.app, ADMINISTRATOR, elsewhere, ANY).item.list_id == 13
    assert dropped == [office.export_id]
    monkeypatch.undo()
    assert office.app.configuration.read().exports[0].list_id == 13
    assert [each.what for each in office.app.configuration.history()] == [f"edit export {office.export_id}"]
    assert read_audit(office.app, ADMINISTRATOR, limit=1)[0][0].what == "edit export"
