"""An export that is not there any more, or goes to another list, keeps nobody in the list that it had."""

import pytest

from shared.runs.steps import reading
from shared.sync.stored import LEDGERS, drop_ledgers
from tests.flow.following import address, numbers, refresh, run


def silver(flow, *people, refresh="2026/11/01/0500"):
    rows = "".join(f"C-{n},{address(n)},Name{n}\n" for n in people)
    flow.segment(f"CustomerId,EMail,FirstName\n{rows}", name="Silver", refresh=refresh)


def both(flow):
    other = flow.add_export("other", sync_mode="full", segments=["Silver"])
    silver(flow, 1)
    flow.change(sync_mode="mirror", max_removed=1)
    refresh(flow, *range(4))
    run(flow, export_id=other)
    run(flow)


def end_other(flow, how):
    """As a change of a local file does it, by which no ledger is dropped."""
    if how == "removed":
        flow.exports.pop()
    else:
        flow.exports[-1]["list_id"] = 13
    flow.save()


@pytest.mark.parametrize("how", ["removed", "goes to another list"])
def test_export_that_is_gone_from_the_file_keeps_nobody_in_the_list(following, how):
    both(following)
    end_other(following, how)
    refresh(following, 0, 2, 3)
    run(following)
    assert numbers(following) == {0, 2, 3}


def test_export_that_is_gone_stops_no_removal_after_a_new_secret(following, monkeypatch):
    both(following)
    end_other(following, "removed")
    monkeypatch.setenv("APP_SECRET", "c2V2ZW50ZWVuLWJ5dGVzLWFuZC1maWZ0ZWVuLW1vcmU=")
    refresh(following, *range(4))
    run(following)  # everybody is sent, and known again
    refresh(following, 0, 1, 3)
    run(following)
    assert numbers(following) == {0, 1, 3}


@pytest.mark.parametrize("how", ["removed", "goes to another list"])
def test_export_that_ends_while_its_run_is_staged_leaves_nothing(following, monkeypatch, how):
    other = following.add_export("other", segments=["Silver"])
    following.change(sync_mode="mirror", max_removed=1)
    refresh(following, *range(6))
    run(following)
    write_down = reading.write_down

    def late(*arguments):
        monkeypatch.setattr(reading, "write_down", write_down)
        end_other(following, how)
        drop_ledgers(following.app.storage.app_blobs, other)
        write_down(*arguments)

    monkeypatch.setattr(reading, "write_down", late)
    silver(following, *range(6))
    status = following.finish(following.start(other).run_id)
    assert (status["status"], status["contacts_delivered"]) == ("failed", 0)
    names = [each.name for each in following.app.storage.app_blobs.listing_if_there(LEDGERS, "")]
    assert [name for name in names if f"/{other}/" in name] == []
    refresh(following, *range(5))
    run(following)
    assert numbers(following) == set(range(5))


def test_export_whose_ledger_was_reset_keeps_whom_it_has_put_there_until_it_has_run_again(following):
    both(following)
    other = following.exports[-1]["id"]
    drop_ledgers(following.app.storage.app_blobs, other)
    refresh(following, 0, 2, 3)
    notes = run(following)["notes"]
    assert notes == [f"Whom {other} has put into this list is not known. Nobody is removed until it has run again."]
    assert numbers(following) == set(range(4))
    silver(following, 2, refresh="2026/11/02/0500")
    run(following, export_id=other)
    assert run(following)["notes"] == []
    assert numbers(following) == {0, 2, 3}
