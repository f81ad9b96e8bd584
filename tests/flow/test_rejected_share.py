"""Which share of the contacts Brevo may refuse before a run is stopped: of all that it was sent so far."""

import pytest

from tests.flow.following import address, refresh
from tests.flow.holding import approved, plan

BY_DEFAULT = 0.5
IS_EMAIL = "local.brevo_sandbox.applying.is_email"


@pytest.mark.parametrize("mode", ["changes_only", "mirror"])
def test_contact_that_brevo_refuses_each_day_fails_no_run_of_those_that_changed(following, monkeypatch, mode):
    monkeypatch.setattr(IS_EMAIL, lambda text: not text.startswith("person7@"))
    following.change(sync_mode=mode, max_rejected=BY_DEFAULT)
    refresh(following, *range(10))
    first = following.run()
    assert first["status"] == "succeeded_with_rejections"
    assert first["contacts_rejected_by_brevo"] == {"brevo_invalid_email": 1}
    refresh(following, *range(1, 10))
    second = following.run()
    assert second["status"] == "succeeded_with_rejections", second["error"]
    assert (address(0) in following.sent()) == (mode == "changes_only")


def test_run_of_changes_fails_where_brevo_refuses_too_many_of_the_segment(following, monkeypatch):
    following.change(sync_mode="changes_only", max_rejected=BY_DEFAULT)
    refresh(following, *range(4))
    following.run()
    monkeypatch.setattr(IS_EMAIL, lambda text: int(text.removeprefix("person").split("@")[0]) < 4)
    refresh(following, *range(9))
    status = following.run()
    assert status["error"]["code"] == "guard_rejected_by_brevo"
    assert status["error"]["message"].startswith("Brevo rejected 5 of the 9 contacts that it was sent so far")


def test_approval_accepts_no_rejections_that_nobody_was_shown(following, monkeypatch):
    following.change(max_rejected=BY_DEFAULT)
    monkeypatch.setattr(IS_EMAIL, lambda text: False)
    refresh(following, *range(6))
    held = following.finish(plan(following).run_id)
    approved(following, held["run_id"])
    assert following.finish(held["run_id"])["error"]["code"] == "guard_rejected_by_brevo"
