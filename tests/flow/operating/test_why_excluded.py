"""Why says of a person whom an export leaves out now that it does, whether they are in its list or not."""

import pytest

from tests.flow.operating.persons import SEGMENT, answered
from tests.flow.operating.tools import ANA

STAFF = 77


def exclude_by(flow, by):
    if by == "segment Staff":
        flow.segment(f"CustomerId,EMail\nS-1, {ANA.upper()}\n", name="Staff")
        flow.change(exclude={"segments": ["Staff"]})
    else:
        flow.sandbox.seed(lists=[{"id": STAFF, "name": "Staff", "folderId": 1}])
        flow.sandbox.seed(contacts=[{"email": ANA, "lists": [STAFF]}])
        flow.change(exclude={"list_ids": [STAFF]})


@pytest.mark.parametrize("by", ["segment Staff", "list 77"])
def test_person_whom_no_run_will_send_is_not_told_to_wait_for_one(flow, by):
    flow.segment(SEGMENT)
    exclude_by(flow, by)
    answer = answered(flow)
    assert (answer.verdict, answer.reason) == ("rejected", "excluded")
    assert answer.sentence == f"The person is in the segment, and the export excludes them: they are in {by}."


@pytest.mark.parametrize("by", ["segment Staff", "list 77"])
def test_person_whom_the_last_run_excluded_and_no_other_will_is_not_sent_to_correct_a_value(flow, by):
    flow.segment(SEGMENT)
    exclude_by(flow, by)
    assert flow.run()["contacts_left_out"] == {"excluded": 1}
    flow.segment("CustomerId,EMail\nS-2,other@example.com\n", name="Staff", refresh="2026/11/25/0500")
    if by == "list 77":
        flow.sandbox.change_contact(ANA, removedFrom=[STAFF])
    answer = answered(flow)
    assert (answer.verdict, answer.reason) == ("new_since_last_run", None)
    assert (
        answer.sentence == "The last run left out the person, whom the export excluded, and does not exclude any more."
    )
    assert "Wait for its next run" in answer.advice
    assert flow.run()["contacts_left_out"] == {}
    assert answered(flow).verdict == "in_list"


@pytest.mark.parametrize("by", ["segment Staff", "list 77"])
def test_member_whom_the_export_excludes_now_is_told_so(flow, by):
    flow.segment(SEGMENT)
    flow.run()
    exclude_by(flow, by)
    answer = answered(flow)
    assert (answer.verdict, answer.reason) == ("in_list", "excluded")
    assert answer.sentence == f"The person is in list 12, though the export excludes them: they are in {by}."
    assert "sync_mode" in answer.advice


def test_excluded_segment_that_is_not_there_hides_no_other_source(flow):
    flow.segment(SEGMENT)
    flow.run()
    flow.change(exclude={"segments": ["Staff"]})
    answer = answered(flow)
    assert answer.verdict == "in_list"
    assert any("could not be read: An excluded segment is not there" in line for line in answer.evidence)


@pytest.mark.parametrize(("row", "reason"), [(f"C-1,{ANA},Ana,no", "filtered"), (f"C-1,{ANA},Ana", "malformed_row")])
def test_member_whose_row_is_not_sent_any_more_is_told_so(flow, row, reason):
    head = "CustomerId,EMail,FirstName,Agreed\n"
    flow.change(source={**flow.export["source"], "only": {"column": "Agreed", "is": ["yes"]}})
    flow.segment(f"{head}C-1,{ANA},Ana,yes\nC-2,ben@example.com,Ben,yes\n")
    flow.run()
    flow.segment(f"{head}{row}\nC-2,ben@example.com,Ben,yes\n", refresh="2026/11/25/0500")
    answer = answered(flow)
    assert (answer.verdict, answer.reason) == ("in_list", reason)
    assert answer.sentence == f"The person is in list 12, though their row is not sent: {reason}."
    assert "sync_mode" in answer.advice
