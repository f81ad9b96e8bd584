"""Undo on the pages: what it would do is asked first, and where it cannot be done the reason stands in its place."""

import pytest

from shared.runs.questions import Question
from shared.runs.status import find_run
from shared.storage.tables import Row
from tests.flow.following import DAYS, refresh, run


@pytest.fixture
def mirroring(browser):
    """The browser, with an export that mirrors its segment, and an account that answers at once."""
    flow = browser.flow
    for prefix in ("list-", "left-", "back-"):
        row = Row(flow.account, f"{prefix}{flow.list_id}", Question(seconds=0.01).values())
        flow.app.storage.accounts.put(row)
    flow.days = iter(DAYS)
    for blob in flow.app.storage.segment_blobs.listing(flow.export["source"]["container"], ""):
        flow.app.storage.segment_blobs.delete(flow.export["source"]["container"], blob.name)
    browser.configure(sync_mode="mirror", max_removed=1)
    return browser


def test_undo_asks_first_with_its_numbers_and_starts_by_the_second_form_alone(mirroring):
    flow = mirroring.flow
    refresh(flow, *range(6))
    run(flow)
    refresh(flow, *range(2, 9))
    status = run(flow)
    page = mirroring.open(f"/runs/{status['run_id']}")
    assert f'href="/api/pages/runs/{status["run_id"]}/undo"' in page.html
    assert "cannot be undone" not in page.text
    asked = mirroring.open(f"/runs/{status['run_id']}/undo")
    assert "At most 3 members leave the list: whom this run had added." in asked.text
    assert "At most 2 come back: whom it had removed." in asked.text
    assert "is excluded by now or does not agree any more is not put back" in asked.text
    assert flow.app.store.active(flow.export_id) is None
    there = mirroring.send(f"/runs/{status['run_id']}/undo").to
    assert find_run(flow.app, there.rsplit("/", 1)[1]).undo_of == status["run_id"]


def test_run_that_did_not_read_the_list_says_why_it_cannot_be_undone(mirroring):
    flow = mirroring.flow
    mirroring.configure(sync_mode="changes_only")
    refresh(flow, *range(6))
    run_id = run(flow)["run_id"]
    page = mirroring.open(f"/runs/{run_id}")
    assert "/undo" not in page.html
    assert "cannot be undone: it did not read the list before, as runs that follow the segment do" in page.text
    assert "else take people out in Brevo" in page.text
    assert mirroring.open(f"/runs/{run_id}/undo").status == 409


def test_older_run_says_which_one_has_changed_the_list_since(mirroring):
    flow = mirroring.flow
    refresh(flow, *range(6))
    first = run(flow)
    refresh(flow, *range(2, 9))
    second = run(flow)
    page = mirroring.open(f"/runs/{first['run_id']}")
    assert f"the newer run {second['run_id']} has changed the list" in page.text


def test_viewer_is_neither_asked_nor_told(mirroring):
    flow = mirroring.flow
    refresh(flow, *range(6))
    status = run(flow)
    mirroring.role = "viewer"
    page = mirroring.open(f"/runs/{status['run_id']}")
    assert "undo" not in page.text.lower().replace("sandbox", "")
    assert mirroring.open(f"/runs/{status['run_id']}/undo").status == 403


@pytest.mark.parametrize(
    ("mode", "other", "words"),
    [
        ("mirror_exact", "mirror", "Removed is everybody who is not in the segment"),
        ("mirror", "mirror_exact", "Removed are those whom this export has put into the list"),
    ],
)
def test_run_that_was_held_is_not_said_to_remove_whom_another_mode_would(mirroring, mode, other, words):
    flow = mirroring.flow
    refresh(flow, *range(6))
    run(flow)
    mirroring.configure(sync_mode=mode, max_removed=0.1)
    refresh(flow, *range(2, 9))
    run_id = flow.run_is_held("guard_first_mirror_exact" if mode == "mirror_exact" else "guard_max_removed")["run_id"]
    assert words in mirroring.open(f"/runs/{run_id}").text
    mirroring.configure(sync_mode=other, max_removed=0.1)
    shown = mirroring.open(f"/runs/{run_id}").text
    assert "2 to be removed from the list" in shown or "to be removed from the list 2" in shown
    assert "Removed is everybody" not in shown
    assert "Removed are those" not in shown
