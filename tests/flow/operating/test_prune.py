"""The operator's prune over Azurite: what is past its time is deleted."""

import json
import uuid
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from shared.administration import start_keys
from shared.operating.pruning import prune_ledgers
from shared.runs.answers import LEAVERS
from shared.runs.batch import Batch
from shared.runs.rows import run_row
from shared.runs.run_ids import run_address
from shared.runs.state import Run
from shared.runs.store import OPEN
from shared.staging.rejected import REJECTED
from shared.storage.forms import FORMS
from shared.storage.tables import Row
from shared.sync.stored import LEDGERS


def old_run(office, days, state="succeeded", open_too=False):
    """A run of so many days ago, with a batch, events and blobs."""
    app = office.app
    at = datetime.now(UTC) - timedelta(days=days)
    run_id = f"{office.export_id}-{at:%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:6]}"
    run = Run(run_id, office.export_id, office.account, 12, "timer", "timer", state=state, staging_id="abcd")
    app.storage.runs.put(run_row(run))
    if open_too:
        app.storage.runs.put(Row(OPEN, run_id, {"key_setting": office.account}))
    app.store.write_batches([Batch(run_id, "abcd", number, 1, 1) for number in (1, 2)])
    for number in range(3):
        app.storage.events.put(Row(run_id, f"2026-{number}", {"kind": "queued"}))
    app.storage.app_blobs.write("staged", f"{run_id}/abcd/00001.json", b"{}")
    app.storage.app_blobs.write(REJECTED, f"{run_id}/abcd-00001.csv", b"")
    return run_id


def kept(office, run_id):
    """What is left of a run: its row, batches, events, staged and rejected blobs."""
    storage = office.app.storage
    return (
        storage.runs.get(*run_address(run_id)) is not None,
        len(list(storage.batches.query(run_id))),
        len(list(storage.events.query(run_id))),
        len(storage.app_blobs.listing("staged", f"{run_id}/")),
        len(storage.app_blobs.listing(REJECTED, f"{run_id}/")),
    )


def test_prune_deletes_answers_on_who_left_once_they_are_a_day_old(office, typed, monkeypatch):
    office.app.storage.app_blobs.write(LEAVERS, "K/12/1.txt", b"")
    assert json.loads(typed("prune", "--json")[1])["leavers_blobs"] == 0
    monkeypatch.setattr("shared.operating.pruning.LEAVERS_DAYS", 0)
    assert json.loads(typed("prune", "--json")[1])["leavers_blobs"] == 1
    assert office.app.storage.app_blobs.listing(LEAVERS, "") == []


def test_prune_deletes_what_is_past_its_time_and_only_that(office, typed):
    young, days, weeks, years, open_run = (
        old_run(office, 1),
        old_run(office, 3),
        old_run(office, 31),
        old_run(office, 401),
        old_run(office, 500, "confirming", open_too=True),
    )
    everything = (True, 2, 3, 1, 1)
    dry = typed("prune", "--dry-run", "--json")
    assert [kept(office, run_id) for run_id in (young, days, weeks, years, open_run)] == [everything] * 5
    counts = json.loads(typed("prune", "--json")[1])
    assert (dry[0], json.loads(dry[1])) == (0, counts)
    assert (counts["staged_blobs"], counts["rejected_rows_blobs"]) == (3, 2)
    assert (counts["runs"], counts["batches"], counts["events"]) == (1, 2, 3)
    assert kept(office, young) == everything
    assert kept(office, days) == (True, 2, 3, 0, 1)
    assert kept(office, weeks) == (True, 2, 3, 0, 0)
    assert kept(office, years) == (False, 0, 0, 0, 0)
    assert kept(office, open_run) == everything, "an open run may still send what it has staged"
    assert set(json.loads(typed("prune", "--json")[1]).values()) == {0}
    assert "prune" in typed("audit")[1]
    assert typed("prune", "--days", "20")[1].startswith("deleted: ")
    assert kept(office, weeks)[0] is False
    office.app.store.drop_open(open_run)
    typed("prune")


def test_prune_leaves_what_an_open_run_of_another_release_has_staged(office, typed, monkeypatch):
    """As after a roll-back: everything is to go on once that release is back."""
    with monkeypatch.context() as newer:
        newer.setattr("shared.storage.forms.FORMS", {**FORMS, "runs": 99})
        open_run = old_run(office, 40, "confirming", open_too=True)
    typed("prune")
    assert len(office.app.storage.app_blobs.listing("staged", f"{open_run}/")) == 1
    assert len(office.app.storage.app_blobs.listing(REJECTED, f"{open_run}/")) == 1
    for container in ("staged", REJECTED):
        office.app.storage.app_blobs.delete_below(container, f"{open_run}/")


def test_prune_leaves_the_active_run_that_has_fallen_off_the_list_of_open_runs(office, typed):
    """The export's row `active` alone decides what is open."""
    run_id = old_run(office, 500, "delivering")
    active = Row(run_address(run_id)[0], "active", {"run_id": run_id})
    office.app.storage.runs.put(active)
    assert set(json.loads(typed("prune", "--json")[1]).values()) == {0}
    assert kept(office, run_id) == (True, 2, 3, 1, 1)
    office.app.storage.runs.delete(active)
    typed("prune")
    assert kept(office, run_id) == (False, 0, 0, 0, 0)


def test_prune_leaves_blobs_that_are_no_runs(office, typed):
    names = ("readme.txt", "gold-99999999T999999-abcdef/abcd/00001.json")
    for name in names:
        office.app.storage.app_blobs.write("staged", name, b"x")
    typed("prune")
    for name in names:
        assert office.app.storage.app_blobs.read("staged", name) == b"x"
        office.app.storage.app_blobs.delete("staged", name)


def test_prune_deletes_earlier_configurations_by_their_age(office, typed):
    typed("connect", "brevo-eu", "--agree", "Ana")
    container, _ = office.app.settings.export_config.split("/")
    old = "history/exports/20200101T000000.000000-abcdef.json"
    office.app.storage.app_blobs.write(container, old, b"{}")
    assert json.loads(typed("prune", "--json")[1])["earlier_configurations"] == 1
    assert len(office.app.configuration.history()) == 1


def test_keys_of_yesterday_are_forgotten_and_those_of_today_kept(office):
    requests = office.app.storage.requests
    for key, hours in (("old", 25), ("new", 23)):
        requests.put(Row(office.export_id, key, {"run_id": "r", "wish": "{}", "at": office.app.now() - hours * 3600}))
    assert start_keys.forget_old_keys(office.app, dry_run=True) == 1
    assert start_keys.forget_old_keys(office.app) == 1
    assert [row.key for row in requests.query(office.export_id)] == ["new"]


@pytest.mark.parametrize("days", ["0", "-1", "soon", "1e9", "99999999999"])
def test_days_that_are_none_are_wrong_use(typed, days):
    status, output, errors = typed("prune", "--days", days)
    assert (status, output) == (2, "")
    assert "Invalid value for '--days'" in errors


def test_prune_deletes_what_is_kept_of_lists_that_no_export_has_any_more(office, typed):
    """Such as of an export that somebody took out of the document itself."""
    blobs, account, export_id = office.app.storage.app_blobs, office.account, office.export_id
    mine = f"{account}/{office.list_id}/{export_id}/ledger.parquet"
    left = [
        f"{account}/{office.list_id}/gone/ledger.parquet",
        f"{account}/99/{export_id}/ledger.parquet",
        f"OTHER_KEY/{office.list_id}/{export_id}/ledger.parquet",
    ]
    by_tomorrow = partial(prune_ledgers, office.app, -1)
    by_tomorrow(dry_run=False)  # what other tests have left in this storage
    for name in (mine, "probe", *left):
        blobs.write(LEDGERS, name, b"x")
    assert json.loads(typed("prune", "--json")[1])["ledger_blobs"] == 0
    assert by_tomorrow(dry_run=True) == 3
    assert by_tomorrow(dry_run=False) == 3
    names = {blob.name for blob in blobs.listing(LEDGERS, "")}
    assert names.intersection((mine, *left)) == {mine}
    for name in (mine, "probe"):
        blobs.delete(LEDGERS, name)
