"""Day after day in an account that others change as well, each customer's row does what docs/configure.md says."""

import random

import pytest

from shared.staging import reader
from tests.flow.customers import asks_who_left, probed
from tests.flow.excluding import fast
from tests.flow.living_account import OTHER, SEGMENTS, LivingAccount
from tests.sizes import thinned

DAYS = 8
FORMS = (("attributes", "attributes"), ("field", "top_level"), ("field", "both"))


@pytest.mark.parametrize("world", thinned(range(10), 10))
@pytest.mark.parametrize("sync_mode", ["full", "changes_only"])
def test_each_row_does_what_the_docs_say(flow, monkeypatch, sync_mode, world):
    seed = random.randrange(10**9)
    chance = random.Random(seed)
    form, takes = chance.choice(FORMS)
    shared_phone = chance.choice(["skip_contact", "drop_phone", "merge"])
    flow.sandbox.change(ext_id=takes, shared_phone=shared_phone, repeated_email_keeps=chance.choice(["first", "last"]))
    probed(flow, ext_id=form)
    flow.change(
        identify_by="customer_id",
        sync_mode=sync_mode,
        segments=SEGMENTS,
        mapping={"email": "EMail", "first_name": "FirstName", "phone": "Phone"},
        exclude={"segments": ["Staff"], "list_ids": [OTHER]},
    )
    asks_who_left(flow)
    fast(flow, OTHER)
    monkeypatch.setattr(reader, "CHUNK_BYTES", chance.choice([200, 1_000, reader.CHUNK_BYTES]))
    days = LivingAccount(flow, chance)
    try:
        days.pass_by(DAYS)
    except AssertionError as error:
        raise AssertionError(f"seed {seed}, day {days.day}, {sync_mode}") from error
