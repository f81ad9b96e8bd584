"""Why a person who is blocked in Brevo gets nothing: docs/marketer.md says so whether they are in the list or not."""

import pytest

from shared.brevo.single_contacts import take_out_of_list
from tests.flow.operating.persons import SEGMENT, answered, brevo
from tests.flow.operating.tools import ANA, HEAD

_VERDICT = "blocked_in_brevo"


def block(flow):
    flow.sandbox.seed(contacts=[{"email": ANA, "lists": [], "emailBlacklisted": True}])


def test_blocked_person_is_not_asked_to_wait_for_the_first_run(flow):
    flow.segment(SEGMENT)
    block(flow)
    answer = answered(flow)
    assert answer.verdict == _VERDICT
    assert "not in list 12" in answer.sentence
    assert "segment-export run" not in answer.advice


def test_blocked_person_is_not_asked_to_wait_for_the_next_run(flow):
    flow.segment(f"{HEAD}C-2,ben@example.com,Ben\n")
    flow.run()
    flow.segment(SEGMENT, refresh="2026/11/25/0500")
    block(flow)
    assert answered(flow).verdict == _VERDICT


@pytest.mark.parametrize("mode", ["full", "changes_only"])
def test_blocked_person_whom_somebody_has_taken_out_of_the_list_is_blocked_first_of_all(flow, mode):
    flow.change(sync_mode=mode)
    flow.segment(SEGMENT)
    flow.run()
    take_out_of_list(brevo(flow), 12, ANA)
    flow.sandbox.change_contact(ANA, emailBlacklisted=True)
    assert answered(flow).verdict == _VERDICT
