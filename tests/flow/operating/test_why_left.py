"""Why a person who has left the list is not in it: whether a run puts them back."""

import pytest

from shared.operating.person import person_of
from shared.operating.why import why
from tests.flow.following import address, numbers, refresh, run
from tests.flow.operating.tools import ADMINISTRATOR


def answered(flow):
    answer = why(flow.app, ADMINISTRATOR, flow.export_id, person_of(address(1)))
    assert answer.verdict == "left_list"
    return answer


def leave(flow):
    flow.sandbox.change_contact(address(1), leaves=[flow.list_id])


def test_person_whom_the_last_run_left_out_comes_with_the_next_one_once_leavers_are_put_back(following):
    following.change_connection(leavers="asked")
    following.sandbox.seed(contacts=[{"email": address(1), "lists": [following.list_id]}])
    leave(following)
    refresh(following, *range(4))
    assert run(following)["contacts_left_out"] == {"left_list": 1}
    assert "nobody is put back who has left" in answered(following).sentence
    following.change(put_back_leavers=True)
    assert answered(following).sentence == "The person has left list 12, and the export puts back who has left."


@pytest.mark.parametrize(("mode", "words"), [("full", "--wait"), ("changes_only", "--repair")])
def test_person_who_left_after_the_run_is_put_back_where_leavers_are(following, mode, words):
    following.change(put_back_leavers=True, sync_mode=mode)
    refresh(following, *range(4))
    run(following)
    leave(following)
    assert words in answered(following).advice


def test_person_may_be_put_back_where_nobody_is_asked_who_left(following):
    refresh(following, *range(4))
    run(following)
    leave(following)
    assert "may put them back" in answered(following).sentence
    run(following)
    assert 1 in numbers(following)


def test_who_had_left_and_was_made_again_in_brevo_is_sent_by_the_next_run(following):
    following.change_connection(leavers="asked")
    following.sandbox.seed(contacts=[{"email": address(1), "lists": [following.list_id]}])
    leave(following)
    refresh(following, 0, 1)
    assert run(following)["contacts_left_out"] == {"left_list": 1}
    account = following.sandbox.account
    account.delete(account.contacts[address(1)])
    following.sandbox.seed(contacts=[{"email": address(1), "lists": []}])
    answer = why(following.app, ADMINISTRATOR, following.export_id, person_of(address(1)))
    assert answer.verdict == "new_since_last_run"
    assert "had left" in answer.sentence
