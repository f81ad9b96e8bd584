"""Each day the list is what the oracle wants, in each mode, whatever happens to people, to Brevo and to the app."""

import pytest

from tests.flow.following_days import Days
from tests.sizes import thinned

# Each with a seed by which much happens in a week.
MODES = {"mirror": 7, "mirror_exact": 6, "changes_only": 3, "full": 7}


@pytest.mark.parametrize(("mode", "seed"), thinned(MODES.items(), 4), ids=MODES)
def test_list_is_what_the_oracle_wants_on_each_day_of_a_week(following, monkeypatch, mode, seed):
    days = Days(following, monkeypatch, mode, seed)
    days.pass_by(7)
    assert days.happened["killed"], days.happened
    assert days.happened["failed"], days.happened
    assert days.happened["removed"] or mode == "full", days.happened


@pytest.mark.full
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(1, 8))
@pytest.mark.parametrize("mode", MODES)
def test_list_is_what_the_oracle_wants_on_each_of_90_days(following, monkeypatch, mode, seed):
    days = Days(following, monkeypatch, mode, seed)
    days.pass_by(90)
    assert not {"killed", "failed", "cancelled", "skipped", "refused"} - days.happened.keys(), days.happened
    if mode == "mirror":
        assert days.happened["removed"], days.happened
    if mode == "mirror_exact":
        assert not {"guard_first_mirror_exact", "approved", "rejected"} - days.happened.keys(), days.happened
