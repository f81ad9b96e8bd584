"""Whom the pages of a list show twice, since others have left it meanwhile, is one member all the same."""

import pytest

from shared.administration.running import verify_export
from shared.brevo.list_members import list_members
from tests.flow.following import numbers, put_by_others, refresh, run
from tests.flow.undoing import ADMINISTRATOR


@pytest.fixture
def shown_twice(following, monkeypatch):
    """A list that is read by pages, which show each member but the last one twice."""

    def twice(*args):
        found = list(list_members(*args))
        return iter([*found, *found[:-1]])

    following.sandbox.change(export_outcome="refused_403")
    monkeypatch.setattr("shared.runs.answers.list_members", twice)
    following.change(sync_mode="mirror", max_removed=0.5, max_shrink=1)
    refresh(following, *range(10))
    run(following)
    return following


def test_guard_counts_each_of_our_members_once(shown_twice):
    refresh(shown_twice, *range(6, 10))
    status = shown_twice.run()
    assert (status["status"], status["held_for"]["code"]) == ("held", "guard_max_removed")
    assert "6 of the list's 10 members whom we have put there" in status["held_for"]["message"]
    assert (status["list_before"], status["list_after"]) == (10, 4)
    assert numbers(shown_twice) == set(range(10))


def test_story_and_verification_name_each_member_once(shown_twice):
    put_by_others(shown_twice, 50, 51)
    refresh(shown_twice, *range(1, 10))
    begun = verify_export(shown_twice.app, ADMINISTRATOR, shown_twice.export_id, "http")
    status = shown_twice.finish(begun.run_id)
    assert status["list_differences"] == {"surplus_ours": 1, "surplus_of_others": 2}
    assert status["list_before"] == 12
    (read,) = [event["text"] for event in status["story"] if event["kind"] == "list_read"]
    assert "12 members were read" in read
