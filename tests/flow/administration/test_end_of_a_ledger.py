"""What an export has put into a list is not its own any more once it goes elsewhere."""

import pytest

from shared.access import Caller
from shared.administration.exports import detach_export, duplicate_export, remove_export, save_export
from shared.administration.history import restore_version
from shared.administration.items import ANY, item_etag
from shared.sync.stored import LEDGERS

ADMINISTRATOR = Caller("tester", "administrator")


def saved(flow, **change):
    export = flow.app.document().export(flow.export_id)
    save_export(flow.app, ADMINISTRATOR, export.model_copy(update=change), item_etag(export))


def removed(flow):
    remove_export(flow.app, ADMINISTRATOR, flow.export_id, item_etag(flow.app.document().export(flow.export_id)))


@pytest.mark.parametrize(
    ("end", "is_kept"),
    [
        (lambda flow: saved(flow, list_id=14), False),
        (lambda flow: detach_export(flow.app, ADMINISTRATOR, flow.export_id), False),
        (lambda flow: removed(flow), False),
        (lambda flow: saved(flow, sync_mode="mirror"), True),
    ],
    ids=["another list", "detached", "removed", "another mode"],
)
def test_ledger_goes_with_what_it_is_about(office, end, is_kept):
    office.sandbox.seed(lists=[{"id": 14, "name": "Other", "folderId": 1}])
    assert office.run()["status"].startswith("succeeded")
    assert office.app.storage.app_blobs.listing(LEDGERS, "")
    end(office)
    assert bool(office.app.storage.app_blobs.listing(LEDGERS, "")) == is_kept


def test_terminal_resets_an_export_and_says_what_follows(office, typed):
    office.run()
    text = "its next run sends all contacts and, but with mirror_exact, removes nobody"
    assert typed("reset", office.export_id) == (0, f"{office.export_id} is reset: {text}\n", "")
    assert "nothing was kept of it" in typed("reset", office.export_id)[1]
    assert '"was_kept": false' in typed("reset", office.export_id, "--json")[1]


def test_ledger_of_an_export_goes_with_it_where_a_restore_takes_it_away(office):
    duplicate_export(office.app, ADMINISTRATOR, office.export_id, "copy")
    duplicate_export(office.app, ADMINISTRATOR, office.export_id, "copy-2")
    before = office.app.configuration.history()
    assert office.run(export_id="copy-2")["status"].startswith("succeeded")
    restore_version(office.app, ADMINISTRATOR, before[0].id, ANY)
    assert office.app.configuration.read().export("copy-2") is None
    assert [each.name for each in office.app.storage.app_blobs.listing(LEDGERS, "") if "/copy-2/" in each.name] == []
