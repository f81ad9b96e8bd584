"""Each day the list is what the oracle wants, in each mode, whatever happens to people, to Brevo and to the app."""

import pytest

from tests.flow.following_days import Days

MODES = ["full", "changes_only", "mirror", "mirror_exact"]


@pytest.mark.parametrize("mode", MODES)
def test_list_is_what_the_oracle_wants_on_each_of_25_days(following, monkeypatch, mode):
    days = Days(following, monkeypatch, mode, 1)
    days.pass_by(25)
    assert days.happened["killed"], days.happened
    assert days.happened["failed"], days.happened


@pytest.mark.full
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(2, 8))
@pytest.mark.parametrize("mode", MODES)
def test_list_is_what_the_oracle_wants_on_each_of_90_days(following, monkeypatch, mode, seed):
    days = Days(following, monkeypatch, mode, seed)
    days.pass_by(90)
    assert not {"killed", "failed", "cancelled", "skipped", "refused"} - days.happened.keys(), days.happened
    if mode == "mirror":
        assert days.happened["removed"], days.happened
    if mode == "mirror_exact":
        assert not {"guard_first_mirror_exact", "approved", "rejected"} - days.happened.keys(), days.happened
