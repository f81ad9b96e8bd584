"""Doctor looks at whom an export excludes: before a run fails for it, and while nobody new is excluded any more."""

import pytest

from shared.brevo.probed import ProbeAnswers, save_probe
from tests.flow.operating.night import HOUR, PEOPLE, has_all

STAFF = "CustomerId,EMail\nS-1,staff@example.com\n"


@pytest.fixture
def excluding(night):
    night.flow.segment(PEOPLE)
    night.change(exclude={"segments": ["Staff"]})
    return night


def test_excluded_segment_that_is_not_there_is_named_before_a_run_fails(excluding):
    line = excluding.line(f"{excluding.export}, excluded segments")
    has_all(line, "There is no snapshot of the segment Staff", "Correct exclude.segments")
    excluding.flow.segment(STAFF, name="Staff")
    excluding.run()
    excluding.doctor(0)


def test_excluded_segment_without_the_column_of_addresses_is_named(excluding):
    excluding.flow.segment("CustomerId,Mail\nS-1,staff@example.com\n", name="Staff")
    line = excluding.line(f"{excluding.export}, excluded segments")
    has_all(line, "Staff_1.csv has no column 'EMail'")


def test_excluded_segment_that_lacks_a_file_is_waited_for(excluding):
    for number in (1, 3):
        excluding.flow.segment(STAFF, name="Staff", partition=number)
    line = excluding.line(f"{excluding.export}, excluded segments", "warn")
    has_all(line, "there is no number 2", "waits for files until")


def test_excluded_segment_that_is_refreshed_no_more_is_overdue(excluding):
    for day in range(19, 28):
        excluding.flow.segment(STAFF, name="Staff", refresh=f"2025/11/{day}/0500")
    excluding.run()
    excluding.doctor(0)
    excluding.skip(80 * HOUR)
    line = excluding.line(f"{excluding.export}, excluded segments", "warn")
    has_all(line, "Staff/2025/11/27/0500", "a new one is overdue")


def test_excluded_list_that_brevo_does_not_have_is_named(night):
    night.flow.segment(PEOPLE)
    night.change(exclude={"list_ids": [4711]})
    has_all(
        night.line(f"{night.export}, excluded lists"), "Brevo has no list 4711, which is excluded", "Correct exclude"
    )
    night.flow.sandbox.seed(lists=[{"id": 4711, "name": "Staff", "folderId": 1}])
    night.run()
    night.doctor(0)


def test_column_that_only_the_second_segment_lacks_is_named(night):
    night.flow.segment(PEOPLE)
    night.flow.segment("CustomerId,Mail\nS-1,a@example.com\n", name="Silver")
    night.change(segments=["Gold", "Silver"])
    has_all(night.line(f"{night.export}, snapshot"), "Silver_1.csv has no column 'EMail'")


@pytest.mark.parametrize("by", ["connection", "probe"])
def test_account_that_does_not_say_who_is_in_an_excluded_list_is_named_where_nobody_asks_who_left(night, by):
    night.flow.segment(PEOPLE)
    night.flow.sandbox.seed(lists=[{"id": 4711, "name": "Staff", "folderId": 1}])
    night.change(exclude={"list_ids": [4711]})
    assert night.flow.connections[0]["leavers"] == "not_asked"
    if by == "probe":
        night.configure(connections=[{**night.flow.connection, "leavers": "asked"}])
        answers = ProbeAnswers("2025-11-20T08:00:00+00:00", puts_back_leavers=False)
        save_probe(night.flow.app.storage.accounts, night.flow.connection["api_key"]["setting"], answers)
    night.flow.sandbox.change(export_outcome="refused_403")
    line = night.line(f"{night.export}, excluded lists")
    has_all(line, "no run can ask who is in an excluded list", "exclude.list_ids")
    night.run()
    has_all(night.line(f"{night.export}, last run"), "failed: Brevo does not say who is in list 4711")
    night.flow.sandbox.change(export_outcome="completed")


def test_lists_that_several_exports_exclude_are_asked_for_once(night):
    """Of a hundred exports with the same list of staff, doctor would take the account's pace from the runs."""
    night.flow.segment(PEOPLE)
    night.flow.sandbox.seed(lists=[{"id": 4711, "name": "Staff", "folderId": 1}])
    night.change(exclude={"list_ids": [4711]})
    night.configure(exports=[{**night.flow.export, "id": f"gold-{number}"} for number in range(20)])
    night.doctor(0)
    asked = night.flow.sandbox.log
    assert 1 <= asked.count("POST /contacts/export") <= 8, "at most as many as ask at the same time"
    assert 2 <= asked.count("GET /contacts/lists/{listId}") <= 16
