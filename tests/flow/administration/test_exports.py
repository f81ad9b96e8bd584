"""Exports as administrators and contributors handle them."""

import pytest

from shared.access import AccessDenied
from shared.administration import connections, exports, known, running
from shared.administration.drafts import read_draft, read_export
from shared.administration.items import ANY, InvalidInput
from shared.config.models import CronSchedule
from shared.runs.starting import start_due
from shared.storage.failures import UnreachableError
from tests.flow.administration.people import (
    ADMINISTRATOR,
    CONTRIBUTOR,
    CSV,
    VIEWER,
    code_of,
    connection_of,
    share,
    the_export,
    why,
)


def test_export_that_cannot_work_is_not_saved_and_every_fault_is_named(office):
    wrong = the_export(
        office,
        id="new",
        list_id=4711,
        mapping={"email": "Mail", "first_name": "FirstName", "attributes": {"SIZE": "X"}},
    )
    with pytest.raises(InvalidInput) as caught:
        exports.save_export(office.app, ADMINISTRATOR, wrong, None)
    fields = sorted(problem.partition(": ")[0] for problem in caught.value.problems)
    assert fields == ["list_id", "mapping.attributes.SIZE", "mapping.attributes.SIZE", "mapping.email"]
    assert code_of(exports.view_export, office.app, VIEWER, "new") == "export_unknown"


def test_export_of_an_unknown_connection_or_segment_is_not_saved(office):
    for changes, field in (({"connection": "nowhere"}, "connection"), ({"segments": ["Nobody"]}, "segments")):
        office.model_json({"name": "Gold", "attributes": [{"name": "EMail"}, {"name": "FirstName"}]})
        with pytest.raises(InvalidInput) as caught:
            exports.save_export(office.app, ADMINISTRATOR, the_export(office, id="new", **changes), None)
        assert caught.value.problems[0].startswith(f"{field}: ")


def test_export_before_its_first_snapshot_is_saved_with_a_note(office):
    saved = exports.save_export(office.app, ADMINISTRATOR, the_export(office, id="new", segments=["Later"]), None)
    assert saved.is_new
    assert "not checked yet" in saved.notes[0]


@pytest.mark.parametrize(
    ("excluded", "field", "words"),
    [
        ({"segments": ["Staff"]}, "exclude.segments", "There is no snapshot of the segment Staff"),
        ({"segments": ["Press"]}, "exclude.segments", "has no column 'EMail'"),
        ({"list_ids": [4711]}, "exclude.list_ids", "Brevo has no list 4711"),
    ],
)
def test_export_that_excludes_what_is_not_there_is_not_saved(office, excluded, field, words):
    office.segment("CustomerId,Mail\n1,a@example.com\n", name="Press")
    with pytest.raises(InvalidInput) as caught:
        exports.save_export(office.app, ADMINISTRATOR, the_export(office, id="new", exclude=excluded), None)
    (problem,) = caught.value.problems
    assert problem.startswith(f"{field}: ")
    assert words in problem


def test_export_that_excludes_what_is_there_is_saved(office):
    office.sandbox.seed(lists=[{"id": 77, "name": "Staff", "folderId": 1}])
    office.segment(CSV, name="Staff")
    excluded = {"segments": ["Staff"], "list_ids": [77]}
    assert exports.save_export(office.app, ADMINISTRATOR, the_export(office, id="new", exclude=excluded), None).is_new
    assert office.app.document().export("new").exclude.list_ids == [77]


def test_column_that_says_who_agreed_is_checked_before_an_export_is_saved(office):
    source = {
        **office.export["source"],
        "only": [{"column": "Consent", "is": ["yes"]}, {"column": "email", "is": ["x"]}],
    }
    with pytest.raises(InvalidInput) as caught:
        exports.save_export(office.app, ADMINISTRATOR, the_export(office, id="new", source=source), None)
    (problem,) = caught.value.problems
    assert problem.startswith("source.only: ")
    assert "has no column 'Consent'" in problem


def test_contributor_handles_exports_of_shared_connections_only(office):
    export = the_export(office, display_name="Mine")
    with pytest.raises(AccessDenied):
        exports.save_export(office.app, CONTRIBUTOR, export, ANY)
    with pytest.raises(AccessDenied):
        running.start_export(office.app, CONTRIBUTOR, office.export_id, "http")
    assert running.start_exports(office.app, CONTRIBUTOR, "http")[0].reason == "You may not run this export."
    share(office, "contributor")
    assert exports.save_export(office.app, CONTRIBUTOR, export, ANY).item.display_name == "Mine"
    (listed,) = exports.list_exports(office.app, CONTRIBUTOR)
    assert "edit" in listed.permissions
    assert exports.list_exports(office.app, VIEWER)[0].permissions == ["view"]
    assert running.start_export(office.app, CONTRIBUTOR, office.export_id, "http").is_new


def test_contributor_does_not_move_an_export_to_a_connection_that_is_not_shared(office):
    share(office, "contributor")
    other = connection_of(office, id="other", available_to=["administrator"])
    connections.save_connection(office.app, ADMINISTRATOR, other, None)
    with pytest.raises(AccessDenied):
        exports.save_export(office.app, CONTRIBUTOR, the_export(office, connection="other"), ANY)


def test_list_is_found_by_its_name(office):
    lists = {each.name: number for number, each in office.sandbox.world.account.lists.items()}
    name, number = next(iter(lists.items()))
    raw = {key: value for key, value in office.export.items() if key not in ("id", "list_id")}
    found = read_export(office.app, ADMINISTRATOR, {**raw, "list_name": name.upper()}, "by-name")
    assert found.list_id == number
    for wrong in ("No such list", "", 7):
        with pytest.raises(InvalidInput, match="list_name"):
            read_export(office.app, ADMINISTRATOR, {**raw, "list_name": wrong}, "by-name")


def test_list_that_is_named_may_be_any_but_an_excluded_one(office):
    office.sandbox.seed(lists=[{"id": 1, "name": "Staff", "folderId": 1}])
    raw = {name: value for name, value in office.export.items() if name not in ("id", "list_id")}
    raw["exclude"] = {"list_ids": [1]}
    name = office.sandbox.account.lists[12].name
    assert read_export(office.app, ADMINISTRATOR, {**raw, "list_name": name}, "by-name").list_id == 12
    assert read_draft(office.app, ADMINISTRATOR, {**raw, "list_name": "New one"}, "by-name").new_list == "New one"
    with pytest.raises(InvalidInput, match="own list 1"):
        read_export(office.app, ADMINISTRATOR, {**raw, "list_name": "Staff"}, "by-name")


def test_saving_runs_nothing_and_the_next_snapshot_does(office):
    exports.save_export(office.app, ADMINISTRATOR, the_export(office, id="new"), None)
    assert [(start.is_new, start.reason) for start in start_due(office.app) if start.export == "new"] == [
        (
            False,
            "The snapshot 2026-11-24T0500 was there when the export was saved, and no run has taken it since. "
            "A newer snapshot starts the next run. To run it now: segment-export run new",
        )
    ]
    office.segment(CSV, refresh="2026/11/24/0600")
    assert [start.is_new for start in start_due(office.app) if start.export == "new"] == [True]


def test_editing_a_name_leaves_a_new_snapshot_to_the_timer(office):
    assert why(office) == "waiting_for_timer"
    exports.save_export(office.app, ADMINISTRATOR, the_export(office, display_name="Renamed"), ANY)
    assert [start.is_new for start in start_due(office.app)] == [True]


def test_new_cron_line_is_not_due_for_the_past(office):
    every_minute = CronSchedule(cron="* * * * *")
    exports.schedule_export(office.app, ADMINISTRATOR, office.export_id, every_minute)
    yearly = CronSchedule(cron="0 0 1 1 *", time_zone="Europe/Bucharest")
    exports.schedule_export(office.app, ADMINISTRATOR, office.export_id, yearly)
    [start] = start_due(office.app)
    assert (start.is_new, start.reason[:20]) == (False, "It is not due before")
    assert why(office) == "not_due"
    exports.schedule_export(office.app, ADMINISTRATOR, office.export_id, "off")
    assert why(office) == "schedule_off"


def test_removed_export_sends_nothing_more(office):
    start = running.start_export(office.app, ADMINISTRATOR, office.export_id, "http")
    exports.remove_export(office.app, ADMINISTRATOR, office.export_id, ANY)
    status = office.finish(start.run_id)
    assert (status["status"], status["error"]["code"]) == ("failed", "export_unknown")
    assert office.nothing_was_sent()


def test_exports_are_searched_and_sorted(office):
    exports.duplicate_export(office.app, ADMINISTRATOR, office.export_id, "a-copy", "Zebra")
    names = [each.display_name for each in exports.list_exports(office.app, VIEWER, sort="-display_name")]
    assert names == ["Zebra", "Gold customers"]
    assert [each.id for each in exports.list_exports(office.app, VIEWER, search="ZEB")] == ["a-copy"]
    with pytest.raises(InvalidInput, match="sort"):
        exports.list_exports(office.app, VIEWER, sort="colour")


def save_another_source(office, expected):
    changed = the_export(office, source={**office.export["source"], "null_words": ["-"]})
    return exports.save_export(office.app, ADMINISTRATOR, changed, expected)


def test_save_that_is_refused_takes_no_snapshot_from_the_timer(office, monkeypatch):
    _, etag = exports.view_export(office.app, ADMINISTRATOR, office.export_id)
    note_as_known = known.note_as_known

    def noted(app, export, **how):
        found = note_as_known(app, export, **how)
        monkeypatch.setattr(known, "note_as_known", note_as_known)
        named = the_export(office, display_name="Renamed by a colleague")
        exports.save_export(office.app, ADMINISTRATOR, named, ANY)
        return found

    monkeypatch.setattr(known, "note_as_known", noted)
    assert code_of(save_another_source, office, etag) == "changed_meanwhile"
    [start] = start_due(office.app)
    assert start.is_new, start.reason


@pytest.mark.parametrize("is_written", [True, False])
def test_save_that_storage_does_not_answer_takes_the_snapshot_only_where_it_is_made(office, monkeypatch, is_written):
    blobs = office.app.storage.app_blobs
    write_if = blobs.write_if

    def unanswered(*written):
        if is_written:
            write_if(*written)
        raise UnreachableError("blob exports.json")

    monkeypatch.setattr(blobs, "write_if", unanswered)
    with pytest.raises(UnreachableError):
        save_another_source(office, ANY)
    [start] = start_due(office.app)
    assert start.is_new is not is_written, start.reason
