"""An export that gets another list: nobody was sent there yet, which is said, and saving it starts nothing."""

import pytest

from shared.administration import connections, exports, history
from shared.administration.items import ANY
from shared.errors import ConfigurationError
from shared.runs.starting import start_due
from tests.flow.administration.people import ADMINISTRATOR, CSV, code_of, connection_of, the_export, why


@pytest.fixture
def moving(office):
    """An office whose export has sent to list 12; there is list 14 beside it."""
    office.sandbox.seed(lists=[{"id": 14, "name": "Other", "folderId": 1}])
    office.run()
    assert why(office) == "no_new_snapshot"
    return office


def move(office, **change):
    exports.save_export(office.app, ADMINISTRATOR, the_export(office, list_id=14, **change), ANY)


def newly_started(office):
    return [each for each in start_due(office.app) if each.is_new]


def test_what_was_sent_to_the_list_before_does_not_count_as_sent_to_the_new_one(moving):
    move(moving)
    assert (why(moving), newly_started(moving), moving.sandbox.members(14)) == ("snapshot_not_run", [], {})
    exports.save_export(moving.app, ADMINISTRATOR, the_export(moving, list_id=14, display_name="Renamed"), ANY)
    assert why(moving) == "snapshot_not_run"
    moving.run()
    assert (why(moving), len(moving.sandbox.members(14))) == ("no_new_snapshot", 2)


def test_the_same_where_an_older_version_brings_the_list_before_back(moving):
    move(moving)
    moving.run()
    history.restore_version(moving.app, ADMINISTRATOR, moving.app.configuration.history()[0].id, ANY)
    assert (why(moving), newly_started(moving)) == ("snapshot_not_run", [])


def test_export_that_is_detached_and_connected_again_does_not_count_as_sent(moving):
    exports.detach_export(moving.app, ADMINISTRATOR, moving.export_id)
    move(moving)
    assert (why(moving), newly_started(moving)) == ("snapshot_not_run", [])


def test_snapshot_that_waits_for_the_timer_goes_to_the_new_list(moving):
    moving.segment(CSV, refresh="2026/11/25/0500")
    move(moving)
    assert why(moving) == "waiting_for_timer"
    (started,) = newly_started(moving)
    moving.finish(started.run_id)
    assert (why(moving), len(moving.sandbox.members(14))) == ("no_new_snapshot", 2)


def test_save_that_is_refused_changes_nothing_of_it(moving):
    assert code_of(exports.save_export, moving.app, ADMINISTRATOR, the_export(moving, list_id=14), "of-before")
    assert why(moving) == "no_new_snapshot"


@pytest.fixture
def rekeyed(moving, monkeypatch):
    """Its connection, once it is called, has the key of another setting, and so of another account."""
    monkeypatch.setenv("OTHER_KEY", moving.sandbox.api_key)
    change = connection_of(moving, api_key={"setting": "OTHER_KEY"})
    return lambda expected=ANY: connections.save_connection(moving.app, ADMINISTRATOR, change, expected)


def test_what_was_sent_with_the_key_before_does_not_count_as_sent_with_the_new_one(moving, rekeyed):
    rekeyed()
    assert (why(moving), newly_started(moving)) == ("snapshot_not_run", [])
    moving.run()
    assert why(moving) == "no_new_snapshot"
    history.restore_version(moving.app, ADMINISTRATOR, moving.app.configuration.history()[0].id, ANY)
    connections.save_connection(moving.app, ADMINISTRATOR, connection_of(moving), ANY)
    assert (why(moving), newly_started(moving)) == ("snapshot_not_run", [])


def test_connection_that_is_not_saved_with_the_new_key_leaves_what_was_sent(moving, rekeyed, monkeypatch):
    assert code_of(rekeyed, "of-before")

    def fail(*_):
        raise ConfigurationError("storage_denied", "Storage denied access.")

    monkeypatch.setattr("shared.config.store.DocumentStore._keep", fail)
    assert code_of(rekeyed) == "storage_denied"
    assert why(moving) == "no_new_snapshot"
