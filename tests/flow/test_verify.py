"""Verify: how the list differs from its segment, and what a repair does about it."""

import random

import pytest

from shared.administration.running import verify_export
from shared.cli.text import status_text
from shared.errors import ConfigurationError
from shared.operating.forgetting import forget
from shared.runs.holding import approve
from shared.runs.starting import start_due
from shared.runs.status import find_run, run_status
from tests.flow.following import address, counts, leave_import, numbers, put_by_others, refresh, run, take_out
from tests.flow.verifying import ADMINISTRATOR, verify

OTHERS = 50


@pytest.fixture
def verifying(following):
    """Four people in the list, and somebody whom others have put there."""
    following.change(sync_mode="changes_only", max_removed=1)
    put_by_others(following, OTHERS)
    refresh(following, *range(4))
    run(following)
    return following


def text_of(flow, status):
    """The run as `status` shows it."""
    return status_text(run_status(flow.app, find_run(flow.app, status["run_id"])))


def found(flow, status):
    """(reason, customer, field) of what the report has of the list."""
    kinds = ("missing_in_list", "surplus_ours", "surplus_of_others", "blocked_in_list")
    rows = [row for row in flow.rejects(status["run_id"]) if row["reason"] in kinds]
    return [(row["reason"], row["customer_id"], row["field"]) for row in rows]


def contact(flow, n):
    return f"contact {flow.sandbox.account.contacts[address(n)].id}"


def test_verification_names_a_customer_as_other_reports_do(verifying):
    verifying.segment(
        "CustomerId,EMail,FirstName\n C-9\u200b,person9@example.com,Name9\n", refresh=next(verifying.days)
    )
    assert ("missing_in_list", "C-9", "") in found(verifying, verify(verifying))


def test_verification_counts_each_difference_and_names_it_without_an_address(verifying):
    take_out(verifying, 1)
    verifying.sandbox.change_contact(address(2), emailBlacklisted=True)
    refresh(verifying, *range(1, 5))
    imports = len(verifying.sandbox.imports.records())
    status = verify(verifying)
    assert status["status"] == "succeeded", status["error"]
    assert status["list_differences"] == {
        "missing_in_list": 2,
        "surplus_ours": 1,
        "surplus_of_others": 1,
        "blocked_in_list": 1,
    }
    assert found(verifying, status) == [
        ("missing_in_list", "C-1", ""),
        ("missing_in_list", "C-4", ""),
        *sorted(
            [
                ("surplus_ours", "", contact(verifying, 0)),
                ("surplus_of_others", "", contact(verifying, OTHERS)),
                ("blocked_in_list", "", contact(verifying, 2)),
            ],
            key=lambda row: int(row[2].split()[1]),
        ),
    ]
    lines = [(row["file"], row["line"]) for row in verifying.rejects(status["run_id"]) if row["customer_id"]]
    assert lines == [("Gold_1.csv", "2"), ("Gold_1.csv", "5")]
    assert "example.com" not in verifying.rejects_text(status["run_id"])
    assert len(verifying.sandbox.imports.records()) == imports
    assert (status["list_before"], status["contacts_delivered"], status["contacts_removed"]) == (4, 0, 0)


def test_list_that_is_as_it_should_be_has_no_differences_but_others(verifying):
    status = verify(verifying)
    assert status["list_differences"] == {"surplus_of_others": 1}
    assert counts(status) == (0, 0, 4, 0)
    assert "nobody is missing, and nobody" in text_of(verifying, status)
    take_out(verifying, 1)
    assert "nobody is missing" not in text_of(verifying, verify(verifying))


def test_verification_does_not_say_of_who_is_missing_that_brevo_has_them_unchanged(verifying):
    take_out(verifying, 1)
    text = text_of(verifying, verify(verifying))
    assert "missing_in_list 1" in text
    assert "unchanged" not in text
    assert "members    4" in text


def test_who_left_the_list_is_not_missing(verifying):
    verifying.change_connection(leavers="asked")
    verifying.sandbox.change_contact(address(3), leaves=[verifying.list_id])
    assert verify(verifying)["list_differences"] == {"surplus_of_others": 1, "left_list": 1}


def test_verification_says_nothing_of_its_export(verifying):
    verifying.change(schedule="with_refresh", max_shrink=0)
    before = verifying.app.store.success(verifying.export_id)
    refresh(verifying, 1)
    assert verify(verifying)["status"] == "succeeded", "no guard holds it"
    assert verifying.app.store.success(verifying.export_id) == before
    assert start_due(verifying.app)[0].is_new, "its snapshot is not exported by it"


def test_repair_sends_whom_the_list_misses_and_nobody_else(verifying):
    take_out(verifying, 1, 2)
    assert counts(run(verifying)) == (0, 0, 4, 0), "a run does not see it"
    status = verify(verifying, repair=True)
    assert (status["status"], counts(status), status["contacts_removed"]) == ("succeeded", (2, 0, 2, 2), 0)
    assert numbers(verifying) == {*range(4), OTHERS}
    assert counts(run(verifying)) == (0, 0, 4, 0)


def test_repair_of_a_mirror_removes_whom_we_have_put_there_and_is_held_by_its_guard(verifying):
    verifying.change(sync_mode="mirror", max_removed=0.1)
    take_out(verifying, 1)
    refresh(verifying, 1, 2)
    held = verify(verifying, repair=True)
    assert (held["status"], held["held_for"]["code"]) == ("held", "guard_max_removed")
    approve(verifying.app, find_run(verifying.app, held["run_id"]), "tester")
    status = verifying.finish(held["run_id"])
    assert (status["status"], counts(status), status["contacts_removed"]) == ("succeeded", (1, 0, 1, 1), 2)
    assert numbers(verifying) == {1, 2, OTHERS}


def test_repair_does_not_put_back_who_left(verifying):
    verifying.change_connection(leavers="asked")
    verifying.sandbox.change_contact(address(3), leaves=[verifying.list_id])
    status = verify(verifying, repair=True)
    assert (status["contacts_delivered"], numbers(verifying)) == (0, {*range(3), OTHERS})


def test_export_by_customer_id_is_not_verified(verifying):
    verifying.change(identify_by="customer_id")
    with pytest.raises(ConfigurationError) as refused:
        verify(verifying)
    assert refused.value.code == "verify_by_email"


def test_no_run_starts_beside_a_verification(verifying):
    verify_export(verifying.app, ADMINISTRATOR, verifying.export_id, "http")
    with pytest.raises(ConfigurationError, match="A verification of this export is active"):
        verifying.start()


def test_missing_are_found_in_their_lines_whatever_chunk_they_are_in(verifying, monkeypatch):
    monkeypatch.setattr("shared.staging.reader.CHUNK_BYTES", 2_000)
    people = list(range(600))
    refresh(verifying, *people)
    run(verifying)
    missing = sorted(random.Random(7).sample(people, 60))
    take_out(verifying, *missing)
    found = [row for row in verifying.rejects(verify(verifying)["run_id"]) if row["reason"] == "missing_in_list"]
    assert [(row["customer_id"], int(row["line"])) for row in found] == [(f"C-{n}", n + 2) for n in missing]


def test_approved_repair_that_would_send_more_than_was_shown_is_held_again(verifying):
    refresh(verifying, *range(10))
    verifying.change(sync_mode="mirror", max_removed=0.1)
    run(verifying, accept=True)
    take_out(verifying, 1)
    refresh(verifying, *range(8))
    held = verify(verifying, repair=True)
    assert (held["status"], held["contacts_new"]) == ("held", 1)
    take_out(verifying, 2, 3, 4, 5)
    approve(verifying.app, find_run(verifying.app, held["run_id"]), "tester")
    verifying.work_until(lambda: verifying.status(held["run_id"])["held_for"]["code"] != held["held_for"]["code"])
    status = verifying.status(held["run_id"])
    assert status["held_for"]["code"] == "plan_outgrown"
    assert (
        "5 contacts would be sent and 2 taken out of the list: 1 and 2 were approved." in status["held_for"]["message"]
    )
    assert len(numbers(verifying)) == 6


def test_repair_keeps_whom_an_open_import_may_bring_yet(verifying):
    verifying.change(sync_mode="mirror")
    refresh(verifying, *range(4))
    run(verifying)
    leave_import(verifying, *range(6))
    refresh(verifying, *range(4))
    assert verify(verifying, repair=True)["contacts_removed"] == 0
    put_by_others(verifying, 4)  # as if the import had been done only now
    refresh(verifying, *range(4))
    assert run(verifying)["contacts_removed"] == 1
    assert numbers(verifying) == {*range(4), OTHERS}


def test_forgotten_person_is_in_no_report_of_a_verification(verifying):
    take_out(verifying, 1)
    verifying.sandbox.change_contact(address(2), emailBlacklisted=True)
    refresh(verifying, *range(3))
    run_id = verify(verifying)["run_id"]
    reasons = {"missing_in_list": 1, "blocked_in_list": 2, "surplus_ours": 3, "surplus_of_others": OTHERS}
    before = [row["reason"] for row in verifying.rejects(run_id)]
    assert set(before) == set(reasons)
    for reason, person in reasons.items():
        erased = forget(verifying.app, ADMINISTRATOR, address(person)).erased
        assert any(text.startswith("rejected-rows: 1 rows") for text in erased), reason
        before.remove(reason)
        assert sorted(row["reason"] for row in verifying.rejects(run_id)) == sorted(before)
