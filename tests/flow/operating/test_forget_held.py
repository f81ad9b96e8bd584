"""Somebody is forgotten whom a held run is to take out of the list, or to put back."""

import pytest

from shared.mapping.compared import key_numbers
from shared.operating.forgetting import forget
from shared.runs.questions import digest_key
from shared.sync.stored import LEDGERS, UNDO
from tests.flow.clearing import ADMINISTRATOR, approved, begin
from tests.flow.following import address, numbers, refresh, run
from tests.flow.holding import plan


def where_the_key_is(flow, email):
    """The files, of what is no Parquet, that have it."""
    high, low = key_numbers(digest_key("ledger"), email)
    blobs = flow.app.storage.app_blobs
    return [
        blob.file
        for container in (LEDGERS, UNDO)
        for blob in blobs.listing_if_there(container, "")
        if f"{high},{low}".encode() in blobs.read(container, blob.name)
    ]


@pytest.mark.parametrize("kind", ["plan", "clear"])
def test_key_of_the_forgotten_is_in_no_list_of_a_held_run_which_can_still_be_approved(following, kind):
    following.change(sync_mode="mirror", max_removed=1)
    refresh(following, *range(6))
    run(following)
    refresh(following, *range(2, 6))
    held = following.finish((plan(following) if kind == "plan" else begin(following)).run_id)
    assert (held["status"], held["contacts_to_remove"]) == ("held", 2 if kind == "plan" else 6)
    assert len(where_the_key_is(following, address(0))) == 1
    found = forget(following.app, ADMINISTRATOR, address(0))
    assert [line for line in found.erased if line.startswith("ledgers")]
    assert where_the_key_is(following, address(0)) == []
    assert approved(following, held["run_id"])["status"] == "succeeded"
    assert numbers(following) == ({0, *range(2, 6)} if kind == "plan" else {0}), "nobody knows that they are ours"
