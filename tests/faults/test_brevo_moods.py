"""Each mood of Brevo: every contact arrives in the end, or the run ends as failed with a reason and an advice."""

import os
from typing import Any

import pytest

from local.brevo_sandbox import Faults
from shared.runs.holding import approve
from shared.runs.starting import start_run
from shared.runs.status import find_run
from tests.faults.brevo_routes import IMPORT, PROCESSES, check_all_sent
from tests.faults.conftest import check_failed
from tests.sizes import thinned

PREFLIGHT = ("GET /contacts/lists/{listId}", "GET /contacts/attributes", "GET /account")
PASSING = {
    "429 with headers": "429",
    "429 without headers": "429-bare",
    "500": "500",
    "502": "502",
    "503": "503",
    "524": "524",
    "a reset in mid-body": "reset",
    "a truncated answer": "truncated",
    "HTML in place of JSON with status 200": "html-200",
    "HTML in place of JSON with status 502": "html-502",
    "HTML in place of JSON with status 403": "html-403",
}


# The work was accepted though the answer does not say so: each such answer is a repeat.
ACCEPTED = {
    "500 after the work was accepted": "500-after",
    "524 after the work was accepted": "524-after",
    "a reset after the work was accepted": "reset-after",
    "a truncated answer": "truncated",
    "a 202 without processId": "no-process-id",
}


def named(moods: dict[str, str]) -> Any:
    return pytest.mark.parametrize("kind", thinned(moods.values(), 2), ids=moods.keys())


# Moods that pass


@pytest.mark.parametrize("times", [1, 6], ids=["once", "longer than the tries of one call"])
@named(PASSING)
def test_run_rides_out_at_the_import(story, kind, times):
    wanted = story.people(5)
    story.sandbox.fail_next(IMPORT, kind, times)
    check_all_sent(story, story.run(), wanted, 1 + times * (kind == "truncated"))
    assert story.sandbox.log.count(IMPORT) == 1 + times


@named(PASSING)
def test_run_rides_out_at_every_other_call(story, kind):
    wanted = story.people(5)
    for route in (*PREFLIGHT, PROCESSES):
        story.sandbox.fail_next(route, kind, 5)
    check_all_sent(story, story.run(), wanted)


@named(ACCEPTED)
def test_batch_is_sent_again_and_harmlessly_after(story, kind):
    wanted = story.people(5)
    story.sandbox.fail_next(IMPORT, kind, 1)
    check_all_sent(story, story.run(), wanted, most_imports=2)


def test_time_out_is_tried_again(story, monkeypatch):
    monkeypatch.setattr("shared.brevo.session.READ_SECONDS", 0.2)
    story.sandbox.change(slow_seconds=1.0)
    wanted = story.people(5)
    story.sandbox.fail_next(IMPORT, "slow")
    story.sandbox.fail_next(PROCESSES, "slow")
    check_all_sent(story, story.run(), wanted, most_imports=2)


def test_every_other_call_failing_in_any_way_loses_no_contact(story, three_batches):
    wanted = story.people(600)
    story.sandbox.storm(Faults(rate=0.5, seed=7))
    status = story.run()
    assert status["status"] == "succeeded"
    assert story.sent() == wanted


def test_limit_that_resets_in_an_hour_is_waited_for_in_the_queue(story):
    wanted = story.people(5)
    story.sandbox.change(fault_reset_seconds=3600)
    story.sandbox.fail_next(IMPORT, "429")
    before = story.kept.clock.seconds()
    check_all_sent(story, story.run(), wanted)
    assert story.sandbox.log.count(IMPORT) == 2, "it was asked again before the limit was reset"
    assert story.kept.clock.seconds() - before > 3600


def test_account_that_fails_for_hours_fails_the_run_with_the_last_reason(story, monkeypatch):
    monkeypatch.setattr("shared.runs.steps.dispatch.GIVE_UP_SECONDS", 3600.0)
    story.people(5)
    story.sandbox.storm(Faults(rate=1.0, kinds=("503",)))
    status = story.run(hours=24)
    check_failed(status, "brevo_failing")
    assert "Nothing was sent." in status["error"]["message"]
    assert story.sandbox.log.count("GET /contacts/lists/{listId}") < 1000


# Moods that a person must fix


@pytest.mark.parametrize("route", [PREFLIGHT[0], IMPORT])
@pytest.mark.parametrize(
    ("kind", "code", "advice"),
    [
        ("401-ip", "brevo_address_blocked", "fixed outbound address"),
        ("402", "brevo_no_credits", "account's plan"),
        ("403", "brevo_forbidden", "permissions"),
    ],
    ids=["a blocked IP address", "402", "403"],
)
def test_run_fails_at_once_and_says_what_to_do_about(story, kind, code, advice, route):
    story.people(5)
    story.sandbox.fail_next(route, kind)
    said = check_failed(story.run(), code)
    assert advice in said
    assert "Nothing was sent." in said
    assert ("203.0.113.7" in said) == (kind == "401-ip"), "the address that is to be let in"
    assert story.sandbox.log.count(route) == 1
    assert story.left_behind() == []


def test_wrong_key_fails_the_run_before_anything_is_sent(story):
    story.people(5)
    story.sandbox.change(api_key="another")
    assert "setting that the connection names" in check_failed(story.run(), "brevo_key_refused")
    assert story.imports() == 0


def test_key_that_is_rotated_in_mid_run_is_read_again_and_the_run_goes_on(story, three_batches, monkeypatch):
    wanted = story.people(600)
    started = story.start()

    def rotate(text: str) -> None:
        if story.imports() == 1:
            story.sandbox.change(api_key="rotated")
        if "key_read_again" in text:
            monkeypatch.setenv(story.account, "rotated")

    story.on_message = rotate
    story.work()
    check_all_sent(story, story.status(started.run_id), wanted, most_imports=3)
    assert sum("read again" in event["text"] for event in story.status(started.run_id)["story"]) >= 1


UNRESOLVED = "@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/secrets/x)"


@pytest.mark.parametrize("hours", [0.5, 5])
def test_run_that_sends_waits_for_a_key_that_the_vault_does_not_give_just_then(
    story, three_batches, monkeypatch, hours
):
    wanted, key = story.people(600), os.environ[story.account]
    started = story.start()
    waits = []

    def unresolved(text: str) -> None:
        if story.imports() == 1 and not waits:
            monkeypatch.setenv(story.account, UNRESOLVED)
            waits.append(story.kept.clock.seconds())
        elif waits and story.kept.clock.seconds() > waits[0] + hours * 3600:
            monkeypatch.setenv(story.account, key)

    story.on_message = unresolved
    story.work(hours=hours / 2)
    assert "did not resolve" in story.status(started.run_id)["waiting"]
    story.work()
    check_all_sent(story, story.status(started.run_id), wanted, most_imports=3)


@pytest.mark.parametrize("hours", [0.5, 5])
def test_approved_run_waits_for_a_key_that_the_vault_does_not_give_just_then(story, three_batches, monkeypatch, hours):
    wanted, key = story.people(600), os.environ[story.account]
    app = story.app
    planned = start_run(app, app.ready_export(story.export["id"]), "terminal", "ana", kind="plan")
    story.work()
    assert story.status(planned.run_id)["status"] == "held"
    approve(app, find_run(app, planned.run_id), "ana")
    monkeypatch.setenv(story.account, UNRESOLVED)
    story.work(hours=hours)
    assert "did not resolve" in story.status(planned.run_id)["waiting"]
    assert story.imports() == 0
    monkeypatch.setenv(story.account, key)
    story.work()
    check_all_sent(story, story.status(planned.run_id), wanted, most_imports=3)


def test_run_whose_key_the_vault_does_not_give_any_more_fails_after_hours(story, three_batches, monkeypatch):
    story.people(600)
    started = story.start()
    story.on_message = lambda text: monkeypatch.setenv(story.account, UNRESOLVED) if story.imports() else None
    story.work()
    assert "identity may read it" in check_failed(story.status(started.run_id), "key_vault_reference")
    assert story.left_behind() == []


def test_key_that_is_withdrawn_in_mid_run_fails_the_run_and_says_what_was_sent(story, three_batches):
    story.people(600)
    started = story.start()

    def withdraw(text: str) -> None:
        if story.imports() == 1:
            story.sandbox.change(api_key="rotated")

    story.on_message = withdraw
    story.work()
    said = check_failed(story.status(started.run_id), "brevo_key_refused")
    assert "Put a valid key" in said
    assert "Brevo accepted 257 of 600 contacts and confirmed none." in said
    assert story.left_behind() == []


def test_list_that_is_deleted_in_mid_run_fails_the_run_and_says_what_was_sent(story, three_batches):
    story.people(600)
    started = story.start()

    def delete(text: str) -> None:
        if story.imports() == 1:
            story.sandbox.imports.wait_until_idle(60)
            story.sandbox.account.lists.pop(12, None)

    story.on_message = delete
    story.work()
    said = check_failed(story.status(started.run_id), "brevo_refused")
    assert "invalid_parameter" in said
    assert "Brevo accepted 257 of 600 contacts and confirmed 257." in said
