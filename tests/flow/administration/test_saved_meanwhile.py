"""Somebody saves an export while a run of it is under way."""

import pytest

from shared.administration import connections, exports, running
from shared.administration.items import ANY
from shared.runs.starting import start_due, start_for_segment
from shared.runs.steps import stage
from tests.flow.administration.people import ADMINISTRATOR, CSV, connection_of, the_export, why


@pytest.mark.parametrize("what", ["list", "key"])
@pytest.mark.parametrize("kind", ["plan", "verify"])
def test_run_that_waits_shows_nothing_of_another_list_or_account(office, monkeypatch, what, kind):
    office.sandbox.seed(lists=[{"id": 14, "name": "Other", "folderId": 1}])
    begin = running.start_plan if kind == "plan" else running.verify_export
    start = begin(office.app, ADMINISTRATOR, office.export_id, "http")
    if what == "list":
        exports.save_export(office.app, ADMINISTRATOR, the_export(office, list_id=14), ANY)
    else:
        monkeypatch.setenv("BREVO_API_KEY_NEW", office.sandbox.api_key)
        changed = connection_of(office, api_key={"setting": "BREVO_API_KEY_NEW"})
        connections.save_connection(office.app, ADMINISTRATOR, changed, ANY)
    requests = len(office.sandbox.log.entries())
    status = office.finish(start.run_id)
    assert (status["status"], status["error"]["code"]) == ("failed", "export_changed"), status
    assert (status["list_id"], status["list_name"], len(office.sandbox.log.entries())) == (12, None, requests)


def silver(office, day):
    office.segment("CustomerId,EMail,FirstName\n3,eva@example.com,Eva\n", "Silver", refresh=f"2026/11/{day:02}/0500")


def choose_silver(office):
    exports.save_export(office.app, ADMINISTRATOR, the_export(office, segments=["Silver"]), ANY)


def while_it_is_read(monkeypatch, act):
    """Does this once, just before the next run reads its segment."""
    read = stage.write_staging

    def acted(*arguments):
        monkeypatch.setattr(stage, "write_staging", read)
        act()
        return read(*arguments)

    monkeypatch.setattr(stage, "write_staging", acted)


@pytest.mark.parametrize("failed_before", [False, True])
@pytest.mark.parametrize("day", [1, 30])
def test_segment_that_is_chosen_while_another_is_read_is_not_said_to_be_exported(
    office, monkeypatch, day, failed_before
):
    silver(office, day)
    if failed_before:
        office.sandbox.fail_next("POST /contacts/import", "403")
        assert office.run()["status"] == "failed"
    while_it_is_read(monkeypatch, lambda: choose_silver(office))
    assert office.run()["status"] == "succeeded"
    assert (set(office.sent()), why(office)) == ({"ana@example.com", "ben@example.com"}, "snapshot_not_run")
    assert not [each for each in start_due(office.app) if each.is_new]
    office.run()
    assert (len(office.sent()), why(office)) == (3, "no_new_snapshot")


def test_snapshot_that_came_before_the_schedule_was_switched_on_beside_a_run_is_not_said_to_be_exported(
    office, monkeypatch
):
    def switched():
        office.segment(CSV, refresh="2026/11/25/0500")
        for schedule in ("off", "with_refresh"):
            exports.schedule_export(office.app, ADMINISTRATOR, office.export_id, schedule)

    while_it_is_read(monkeypatch, switched)
    assert office.run()["status"] == "succeeded"
    assert why(office) == "snapshot_not_run"


def test_run_by_an_event_takes_the_older_segment_that_is_chosen_before_it_is_read(office):
    office.run()
    office.segment(CSV, refresh="2026/11/25/0500")
    silver(office, 1)
    (start,) = start_for_segment(office.app, "Gold")
    choose_silver(office)
    assert office.finish(start.run_id)["status"] == "succeeded"
    assert (len(office.sent()), why(office)) == (3, "no_new_snapshot")
    assert not [each for each in start_due(office.app) if each.is_new]
    silver(office, 2)
    (start,) = start_for_segment(office.app, "Silver")
    assert start.is_new


def test_save_that_ends_a_run_which_waits_starts_nothing_by_itself(office):
    office.sandbox.seed(lists=[{"id": 14, "name": "Other", "folderId": 1}])
    silver(office, 30)
    start = office.start()
    exports.save_export(office.app, ADMINISTRATOR, the_export(office, segments=["Silver"], list_id=14), ANY)
    assert office.finish(start.run_id)["error"]["code"] == "export_changed"
    assert not [each for each in start_due(office.app) if each.is_new]
