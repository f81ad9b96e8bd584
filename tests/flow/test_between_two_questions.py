"""Between the questions who left and who is in the list, somebody signs up again."""

import pytest

from shared.runs import answers
from tests.flow.following import address, counts, numbers, refresh, run


@pytest.mark.parametrize("mode", ["mirror", "mirror_exact"])
def test_who_signs_up_again_between_the_two_questions_is_not_taken_out(following, monkeypatch, mode):
    following.change(sync_mode=mode, max_removed=1)
    following.change_connection(leavers="asked")
    refresh(following, *range(4))
    run(following, accept=True)
    following.sandbox.change_contact(address(1), leaves=[following.list_id])
    request = answers.request_export

    def asked(session, list_id, who):
        if who == "allContacts":
            following.sandbox.change_contact(address(1), joins=[following.list_id])
        return request(session, list_id, who)

    monkeypatch.setattr(answers, "request_export", asked)
    refresh(following, *range(4))
    status = run(following)
    assert (status["contacts_left_out"], status["contacts_removed"]) == ({"left_list": 1}, 0)
    assert numbers(following) == set(range(4))
    refresh(following, *range(4))
    assert counts(run(following)) == (1, 0, 3, 1)
    refresh(following, 0, 2, 3)
    assert run(following)["contacts_removed"] == 1, "they are ours still"
