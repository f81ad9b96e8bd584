"""APP_SECRET that is taken away, spoiled or changed while a run is under way, and put back behind it."""

import pytest

from shared.app_secret import new_secret
from tests.flow.following import counts, numbers, refresh, run

SPOILED = {"missing": "", "too short": "c2hvcnQ=", "unresolved": "@Microsoft.KeyVault(SecretUri=x)", "another": ""}


@pytest.mark.parametrize("mode", ["full", "changes_only", "mirror"])
@pytest.mark.parametrize("how", SPOILED)
def test_run_whose_contacts_brevo_partly_rejects_is_confirmed_all_the_same(following, monkeypatch, mode, how):
    following.change(sync_mode=mode, max_removed=1)
    refresh(following, *range(4))
    run(following)
    refresh(following, *range(6), c1="Other")
    run_id = following.start().run_id
    following.work_until(lambda: following.status(run_id)["status"] == "delivering")
    with monkeypatch.context() as patch:
        patch.setenv("APP_SECRET", SPOILED[how] if how != "another" else new_secret())
        patch.setattr("local.brevo_sandbox.applying.is_email", lambda text: not text.startswith("person5"))
        status = following.finish(run_id)
    assert (status["status"], status["error"]) == ("succeeded_with_rejections", None)
    assert status["contacts_rejected_by_brevo"] == {"brevo_invalid_email": 1}
    refresh(following, *range(6), c1="Other")
    assert counts(run(following))[3] == 6, "nobody knows who was rejected: all are sent"
    assert numbers(following) == set(range(6))
