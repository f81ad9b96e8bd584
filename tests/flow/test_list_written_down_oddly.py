"""The list as Brevo's export has it, where that is not as it should be."""

from shared.brevo.contact_export import read_export
from tests.flow.clearing import begin
from tests.flow.following import numbers, refresh, run


def test_member_whom_brevo_writes_down_ten_times_counts_once(following, monkeypatch):
    following.change(sync_mode="mirror", max_removed=0.5, max_shrink=1)
    refresh(following, *range(6))
    run(following)
    monkeypatch.setattr("shared.runs.answers.read_export", lambda *given: list(read_export(*given)) * 10)
    refresh(following, *range(2))
    started = following.start()
    following.work_until(lambda: following.status(started.run_id)["status"] in ("held", "succeeded", "failed"))
    held = following.status(started.run_id)
    assert (held["status"], held["held_for"]["code"]) == ("held", "guard_max_removed")
    assert (held["list_before"], held["list_after"], held["contacts_to_remove"]) == (6, 2, 4)


def test_list_that_counts_more_members_than_brevo_writes_down_removes_nobody(following, monkeypatch):
    following.change(sync_mode="mirror", max_removed=1)
    refresh(following, *range(6))
    run(following)
    monkeypatch.setattr("shared.brevo.client.BrevoClient.list_size", lambda *_: 113)
    refresh(following, *range(5))
    status = following.run()
    assert status["error"]["code"] == "list_unknown"
    assert numbers(following) == set(range(6))


def test_who_clears_a_list_that_brevo_does_not_write_down_is_not_to_send_the_segment_again(following, monkeypatch):
    refresh(following, *range(6))
    run(following)
    monkeypatch.setattr("shared.brevo.client.BrevoClient.list_size", lambda *_: 113)
    error = following.finish(begin(following).run_id)["error"]
    assert (error["code"], error["advice"]) == (
        "list_unknown",
        "Try again later. Where it stays so, ask Brevo's support.",
    )
