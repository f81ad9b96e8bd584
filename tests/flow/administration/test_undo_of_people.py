"""Undo as people ask for it: who may, what the audit trail has, and what the terminal prints."""

import pytest

from shared.access import AccessDenied
from shared.administration import running
from shared.administration.audit import read_audit
from shared.administration.exports import list_exports, save_export
from shared.administration.items import ANY
from tests.flow.administration.people import ADMINISTRATOR, CONTRIBUTOR, VIEWER, the_export


@pytest.fixture
def mirrored(office):
    """The id of a run that has put two people into a list of its own."""
    save_export(office.app, ADMINISTRATOR, the_export(office, sync_mode="mirror"), ANY)
    return office.finish(running.start_export(office.app, ADMINISTRATOR, office.export_id, "http").run_id)["run_id"]


def test_undo_is_in_the_trail_once(office, mirrored):
    started = running.undo_run(office.app, ADMINISTRATOR, mirrored, "http")
    again = running.undo_run(office.app, ADMINISTRATOR, mirrored, "http")
    assert (started.is_new, again.is_new, again.run_id) == (True, False, started.run_id)
    entries = [(each.what, each.target, each.detail) for each in read_audit(office.app, ADMINISTRATOR)[0]]
    assert entries.count(("undo run", mirrored, started.run_id)) == 1


@pytest.mark.parametrize("caller", [CONTRIBUTOR, VIEWER])
def test_who_may_not_run_the_export_does_not_undo_it(office, mirrored, caller):
    with pytest.raises(AccessDenied):
        running.undo_run(office.app, caller, mirrored, "http")


def test_terminal_undoes_a_run_once_it_is_approved(office, mirrored, typed):
    status, text, _ = typed("undo", mirrored, "--wait")
    undo = text.split()[0]
    assert status == 3
    for line in (
        f"kind       undo of {mirrored}",
        "taken out  0 of 2 contacts whom the run had added",
        f"to do it: segment-export approve {undo} until ",
    ):
        assert line in text
    (shown,) = list_exports(office.app, ADMINISTRATOR)
    assert (shown.last_run.run_id, shown.why_not_running.code) == (mirrored, "held")
    assert typed("approve", undo, "--wait")[0] == 0
    assert office.sent() == {}
    (shown,) = list_exports(office.app, ADMINISTRATOR)
    assert f"The run {mirrored} was undone." in shown.why_not_running.text
    status, _, words = typed("undo", mirrored)
    assert (status, f"{undo} has undone it" in words) == (2, True)


def test_terminal_verifies_a_list_and_the_trail_has_it(office, mirrored, typed):
    office.sandbox.account.lists[12].members.popitem()
    status, text, _ = typed("verify", office.export_id, "--wait")
    assert (status, "list       missing_in_list 1" in text) == (0, True)
    assert f"row by row: segment-export rejects {text.split()[0]}" in text
    assert typed("verify", office.export_id, "--repair", "--wait")[0] == 0
    assert len(office.sent()) == 2
    entries = [each.what for each in read_audit(office.app, ADMINISTRATOR)[0]]
    assert {"verify export", "repair export"} <= set(entries)
