"""Day after day nobody is put back, unblocked or merged away, in each mood of an account."""

import pytest

from tests.flow.customers import asks_who_left, probed
from tests.flow.days import Days
from tests.sizes import thinned

BY_EACH = {
    "as the vendor's pages say": {},
    "a new address lifts no block": {"new_address_lifts_block": False},
    "an import puts nobody back": {"reimport_puts_back_leavers": False},
    "a shared number is dropped": {"shared_phone": "drop_phone"},
    "a shared number merges": {"shared_phone": "merge"},
    "the last of two rows counts": {"repeated_email_keeps": "last"},
}
BY_CUSTOMER = {
    "EXT_ID as a field": {"ext_id": "top_level"},
    "EXT_ID in both forms": {"ext_id": "both"},
    "two contacts are reported": {"ext_id_and_email_of_two": "report"},
    "a new address is reported": {"new_address": "report"},
    "a new address is ignored": {"new_address": "ignored"},
}
MOODS = [("email", name) for name in BY_EACH] + [("customer_id", name) for name in BY_EACH | BY_CUSTOMER]
HARM = ("put back", "unblocked", "merged away", "second contact", "second contact though blocked or gone")
in_days = pytest.mark.parametrize("days", [pytest.param(2, id="2"), pytest.param(60, id="60", marks=pytest.mark.full)])


def days_of(flow, identify_by, **mood):
    """A flow in this mood of its account, as a probe has found it."""
    flow.sandbox.change(**mood)
    form = "field" if mood.get("ext_id") == "top_level" else "attributes"
    numbers = "contacts_merged" if mood.get("shared_phone") == "merge" else "contact_skipped"
    lifts = mood.get("new_address_lifts_block", True)
    probed(flow, ext_id=form, new_address_lifts_block=lifts, shared_number=numbers)
    flow.change(identify_by=identify_by, mapping={"email": "EMail", "phone": "Phone"})
    flow.change(max_shrink=1)
    return Days(flow, f"{identify_by}{sorted(mood.items())}")


@in_days
@pytest.mark.parametrize(("identify_by", "mood"), thinned(MOODS, 4))
def test_nobody_is_put_back_unblocked_or_merged_away(flow, mood, identify_by, days):
    passing = days_of(flow, identify_by, **(BY_EACH | BY_CUSTOMER)[mood])
    asks_who_left(flow)
    passing.pass_by(days)
    assert {kind: passing.harm[kind] for kind in HARM} == dict.fromkeys(HARM, 0)


@in_days
@pytest.mark.parametrize("identify_by", ["email", "customer_id"])
def test_same_days_do_harm_without_the_safety(flow, monkeypatch, identify_by, days):
    monkeypatch.setattr("shared.runs.steps.reading.read_known", lambda *_, **__: (None, ""))
    passing = days_of(flow, identify_by)
    passing.pass_by(days)
    wanted = {"email": {"put back"}, "customer_id": {"put back", "unblocked", "merged away"}}[identify_by]
    assert wanted <= {kind for kind, count in passing.harm.items() if count}, passing.harm
