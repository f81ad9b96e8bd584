"""What people do with runs: start, let through, cancel."""

from dataclasses import replace

import pytest

from shared.access import AccessDenied
from shared.administration import exports, running
from shared.administration.audit import read_audit
from shared.administration.items import ANY
from shared.runs.status import find_run
from shared.runs.steps.stop import request_cancel
from shared.storage.failures import UnreachableError
from tests.flow.administration.people import ADMINISTRATOR, CONTRIBUTOR, code_of, share, the_export, why


def test_start_with_the_same_key_starts_once(office):
    first = running.start_export(office.app, ADMINISTRATOR, office.export_id, "http", key="k")
    office.finish(first.run_id)
    again = running.start_export(office.app, ADMINISTRATOR, office.export_id, "http", key="k")
    assert (again.run_id, again.is_new) == (first.run_id, False)
    other = {"key": "k", "accept": True}
    assert code_of(running.start_export, office.app, ADMINISTRATOR, office.export_id, "http", **other) == (
        "idempotency_key_used"
    )
    assert running.start_export(office.app, ADMINISTRATOR, office.export_id, "http", key="l").is_new


def start_with_key(office):
    return running.start_export(office.app, ADMINISTRATOR, office.export_id, "http", key="monday")


def check_newest(office, start):
    assert start.is_new
    [shown] = exports.list_exports(office.app, ADMINISTRATOR)
    assert (shown.why_not_running, shown.last_run.run_id) == (None, start.run_id)


def test_start_that_was_refused_is_the_newest_run_once_it_is_repeated_with_its_key(office):
    verification = running.verify_export(office.app, ADMINISTRATOR, office.export_id, "http")
    assert code_of(start_with_key, office) == "run_active"
    request_cancel(office.app, find_run(office.app, verification.run_id), "tester")
    assert office.run()["status"] == "succeeded"
    check_newest(office, start_with_key(office))


def test_start_that_broke_off_is_the_newest_run_once_it_is_repeated_later_with_its_key(office, monkeypatch):
    def broken(*_, **__):
        raise UnreachableError("table runs")

    with monkeypatch.context() as meanwhile, pytest.raises(UnreachableError):
        meanwhile.setattr(running, "start_on_demand", broken)
        start_with_key(office)
    requests = office.app.storage.requests
    [row] = requests.query(office.export_id)
    requests.put(replace(row, values={**row.values, "at": office.app.now() - 601}))
    assert office.run()["status"] == "succeeded"
    check_newest(office, start_with_key(office))


def test_key_of_a_start_that_found_an_active_run_stands_for_that_run(office):
    active = running.start_export(office.app, ADMINISTRATOR, office.export_id, "http")
    assert running.start_export(office.app, ADMINISTRATOR, office.export_id, "http", key="k").run_id == active.run_id
    office.finish(active.run_id)
    assert running.start_export(office.app, ADMINISTRATOR, office.export_id, "http", key="k").run_id == active.run_id


def test_guard_that_stopped_a_run_is_told_and_letting_it_through_is_in_the_trail(office):
    exports.save_export(office.app, ADMINISTRATOR, the_export(office, max_profiles=1), ANY)
    office.finish(running.start_export(office.app, ADMINISTRATOR, office.export_id, "http").run_id)
    assert why(office) == "held"
    started = running.start_export(office.app, ADMINISTRATOR, office.export_id, "http", accept=True)
    assert office.finish(started.run_id)["status"] == "succeeded"
    entries, _ = read_audit(office.app, ADMINISTRATOR, limit=200)
    assert ("let through guards", started.run_id) in [(each.what, each.detail) for each in entries]
    with pytest.raises(AccessDenied):
        read_audit(office.app, CONTRIBUTOR)


def test_letting_through_guards_is_refused_where_a_run_is_active_that_does_not(office, typed):
    active = running.start_export(office.app, ADMINISTRATOR, office.export_id, "http").run_id
    for words in (["--accept"], ["--accept", "--wait"]):
        status, output, errors = typed("run", office.export_id, *words)
        assert (status, output) == (2, "")
        assert f"Nothing was started: the run {active} is active (queued), and its guards still count." in errors
        assert f"`segment-export cancel {active}`; then run the export again with --accept." in errors
    assert ("let through guards", active) not in trail(office)
    status, _, errors = typed("run", office.export_id, "--now")
    assert (status, "It goes on without --now." in errors) == (0, True)
    office.finish(active)


def test_letting_through_guards_twice_finds_the_run_that_does(office):
    first = running.start_export(office.app, ADMINISTRATOR, office.export_id, "http", accept=True)
    again = running.start_export(office.app, ADMINISTRATOR, office.export_id, "http", accept=True)
    assert (again.run_id, again.is_new) == (first.run_id, False)
    office.finish(first.run_id)


def trail(office):
    return [(each.what, each.detail) for each in read_audit(office.app, ADMINISTRATOR, limit=200)[0]]


def test_terminal_cancels_the_open_run_of_an_export(office, typed):
    assert typed("cancel", office.export_id)[0] == 2
    assert f"No run of {office.export_id} is open." in typed("cancel", office.export_id)[2]
    run_id = running.start_export(office.app, ADMINISTRATOR, office.export_id, "http").run_id
    status, output, _ = typed("cancel", office.export_id)
    assert (status, output.split()[0]) == (0, run_id)
    assert office.finish(run_id)["status"] == "cancelled"
    errors = typed("cancel", office.export_id)[2]
    assert f"Its last run, {run_id}, has ended: cancelled." in errors
    assert "The run has ended already: cancelled." in typed("cancel", run_id)[2]
    assert "neither a run nor an export 'gol'" in typed("cancel", "gol")[2]


def test_cancel_takes_the_connection_of_the_export(office):
    start = running.start_export(office.app, ADMINISTRATOR, office.export_id, "http")
    with pytest.raises(AccessDenied):
        running.cancel_run(office.app, CONTRIBUTOR, start.run_id)
    running.cancel_run(office.app, ADMINISTRATOR, start.run_id)
    assert office.finish(start.run_id)["status"] == "cancelled"


def test_two_callers_with_the_same_key_start_a_run_each(office):
    share(office, "contributor")
    mine = running.start_export(office.app, ADMINISTRATOR, office.export_id, "http", key="monday")
    office.finish(mine.run_id)
    theirs = running.start_export(office.app, CONTRIBUTOR, office.export_id, "http", key="monday", accept=True)
    assert theirs.is_new
    assert theirs.run_id != mine.run_id
    office.finish(theirs.run_id)
    for caller, how, run_id in ((ADMINISTRATOR, {}, mine.run_id), (CONTRIBUTOR, {"accept": True}, theirs.run_id)):
        again = running.start_export(office.app, caller, office.export_id, "http", key="monday", **how)
        assert (again.run_id, again.is_new) == (run_id, False)
