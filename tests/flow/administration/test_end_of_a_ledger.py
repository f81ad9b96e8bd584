"""What an export has put into a list is not its own any more once it goes elsewhere."""

import pytest

from shared.access import Caller
from shared.administration.connections import save_connection
from shared.administration.ending import take_members_out
from shared.administration.exports import detach_export, duplicate_export, remove_export, save_export
from shared.administration.history import restore_version
from shared.administration.items import ANY, item_etag
from shared.sync.stored import LEDGERS
from tests.flow.administration.people import code_of, connection_of

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


@pytest.fixture
def two_keys(office, monkeypatch):
    """Two settings with keys of the same account; the function lets the connection name one of them."""
    monkeypatch.setenv("OTHER_KEY", office.sandbox.api_key)

    def name(setting):
        change = connection_of(office, api_key={"setting": setting})
        save_connection(office.app, ADMINISTRATOR, change, ANY)

    return name


def test_ledger_of_a_key_that_a_connection_has_had_before_is_not_believed_when_it_has_it_again(office, two_keys):
    def run_with(name, refresh):
        office.segment(f"CustomerId,EMail,FirstName\n1,ana@example.com,{name}\n", refresh=f"2026/11/{refresh}/0500")
        assert office.run()["status"] == "succeeded"
        return office.sent()["ana@example.com"]["FIRSTNAME"]

    saved(office, sync_mode="changes_only")
    assert run_with("Ana", 25) == "Ana"
    two_keys("OTHER_KEY")
    assert run_with("Anna", 26) == "Anna"
    two_keys(office.account)
    assert run_with("Ana", 27) == "Ana"


def test_ledger_stays_where_an_export_gets_another_connection_with_the_same_key(office):
    save_connection(office.app, ADMINISTRATOR, connection_of(office, id="second"), None)
    office.run()
    export = office.app.document().export(office.export_id)
    moved = save_export(office.app, ADMINISTRATOR, export.model_copy(update={"connection": "second"}), ANY)
    assert (moved.members_stay, moved.notes) == (None, ())
    assert office.app.storage.app_blobs.listing(LEDGERS, "")


def test_connection_keeps_its_key_and_no_version_comes_back_while_members_are_taken_out(office, two_keys):
    duplicate_export(office.app, ADMINISTRATOR, office.export_id, "copy")
    without_copy, *_ = office.app.configuration.history()
    office.run(export_id="copy")
    take_members_out(office.app, ADMINISTRATOR, "remove_export", "copy", "http")
    for change in (
        lambda: restore_version(office.app, ADMINISTRATOR, without_copy.id, ANY),
        lambda: two_keys("OTHER_KEY"),
    ):
        assert code_of(change) == "members_leaving"
    assert office.app.configuration.read().export("copy")
    assert len(office.app.configuration.history()) == 1


def test_restoring_tells_how_many_members_stay(office, typed):
    duplicate_export(office.app, ADMINISTRATOR, office.export_id, "copy")
    without_copy, *_ = office.app.configuration.history()
    office.run(export_id="copy")
    text = typed("history", "--restore", without_copy.id)[1]
    assert "  copy: the 2 contacts that it has put into list 12 stay there\n" in text


@pytest.mark.parametrize("how", ["saved", "restored"])
def test_export_that_is_added_again_knows_nothing_of_one_whose_end_was_cut_off(office, monkeypatch, how):
    saved(office, sync_mode="changes_only")
    export = office.app.document().export(office.export_id)
    office.run()
    with monkeypatch.context() as cut_off:
        cut_off.setattr("shared.administration.leaving.drop_ledgers", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            removed(office)
    office.sandbox.account.lists[12].members.clear()
    if how == "saved":
        save_export(office.app, ADMINISTRATOR, export, None)
    else:
        restore_version(office.app, ADMINISTRATOR, office.app.configuration.history()[0].id, ANY)
    assert office.run()["contacts_delivered"] == 2
    assert len(office.sent()) == 2


def test_repair_of_a_configuration_that_cannot_be_read_forgets_no_ledger(office):
    saved(office, display_name="Second")
    office.run()
    office.app.storage.app_blobs.write(*office.app.settings.export_config.split("/"), b"{")
    restore_version(office.app, ADMINISTRATOR, office.app.configuration.history()[0].id, ANY)
    assert office.app.storage.app_blobs.listing(LEDGERS, "")
