"""Imports that go wrong after Brevo took them, and answers of other shapes."""

from dataclasses import replace
from datetime import timedelta

import pytest
import requests

from shared.runs.left_imports import left_imports
from tests.faults.brevo_routes import (
    IMPORT,
    PROCESSES,
    answer_with,
    check_all_sent,
    check_told_in_notes,
    lose_first_answer,
    told_of_import,
    with_a_rejected_contact,
)
from tests.faults.conftest import check_failed
from tests.sizes import thinned

# Imports that go wrong after they were taken


def test_import_that_stays_queued_fails_the_run_at_its_deadline_with_what_is_known(story):
    story.people(5)
    story.connection["import_deadline_hours"] = 2
    story.save()
    story.sandbox.fail_next(IMPORT, "import-stuck")
    started = story.kept.clock.seconds()
    said = check_failed(story.run(), "import_overdue")
    assert "in 2 hours (process 78)" in said
    assert "Brevo accepted 5 contacts and confirmed none." in said
    assert "Look at the import in Brevo" in said
    pages = 2  # of the account's processes, in each look
    assert story.sandbox.log.count(PROCESSES) <= 80 * pages, "it is looked at ever more rarely"
    assert story.kept.clock.seconds() - started > 2 * 3600
    assert story.left_behind() == []


def test_run_that_sends_for_longer_than_its_bodies_are_kept_fails_and_is_told(story):
    story.people(5)
    story.connection["import_deadline_hours"] = 168
    story.save()
    story.sandbox.fail_next(IMPORT, "import-stuck")
    run_id = story.start().run_id
    story.work(hours=1)
    ago = (story.app.time() - timedelta(hours=193)).isoformat()
    story.app.store.update(run_id, lambda run: replace(run, times={**run.times, "delivering": ago}))
    story.work(hours=12)
    said = check_failed(story.status(run_id), "run_overdue")
    assert "more than 8 days" in said
    assert "Brevo accepted 5 contacts and confirmed none." in said


@pytest.mark.parametrize("kind", ["import-failed", "import-cancelled", "import-partial"])
def test_import_that_fails_once_is_sent_again(story, kind):
    wanted = story.people(5)
    story.sandbox.fail_next(IMPORT, kind)
    status = story.run()
    check_all_sent(story, status, wanted, most_imports=2)
    assert any(event["kind"] == "import_failed" for event in status["story"])


@pytest.mark.parametrize("kind", ["import-failed", "import-cancelled"])
def test_import_that_fails_twice_fails_the_run_with_its_process_number(story, kind):
    story.people(5)
    story.sandbox.fail_next(IMPORT, kind, 2)
    said = check_failed(story.run(), "import_failed")
    assert "twice (process 79)" in said
    assert "ask its support with the process number" in said
    assert story.imports() == 2


def test_import_that_fails_twice_keeps_no_other_batch_from_the_list(story, three_batches):
    """Mostly one of its contacts is to blame, and Brevo does not say which: the next run has it, too."""
    wanted = story.people(600)
    story.sandbox.fail_next(IMPORT, "import-failed", 2)
    status = story.run()
    said = check_failed(status, "import_failed")
    assert "import of batch 1, twice" in said
    assert story.imports() == 4
    assert story.sent() < wanted
    assert status["contacts_confirmed"] == len(story.sent()) > len(wanted) / 2
    assert f"confirmed {len(story.sent())}" in said


def test_second_batch_that_fails_twice_ends_the_run_at_once(story, three_batches):
    """An account that is full takes none of them."""
    story.people(600)
    story.sandbox.fail_next(IMPORT, "import-failed", 9)
    said = check_failed(story.run(), "import_failed")
    assert "twice" in said
    assert story.imports() == 4


def test_account_that_is_full_is_said_in_the_words_that_brevo_has_for_the_import(story, monkeypatch):
    """Brevo takes the import, and finds only then that the plan has no room for its contacts."""
    story.people(5)
    story.sandbox.change(process_details=True)
    story.sandbox.fail_next(IMPORT, "import-failed", 2)
    monkeypatch.setattr(
        "local.brevo_sandbox.importing.FAILED_ERROR",
        "Your plan is limited to 10000 contacts; ana.pop@example.com and 40722123456 do not fit.",
    )
    status = story.run()
    said = check_failed(status, "import_failed")
    assert "Your plan is limited to 10000 contacts; … and … do not fit." in said
    assert "see the plan" in said
    [again] = [event["text"] for event in status["story"] if event["kind"] == "import_failed"]
    assert "(Your plan is limited to 10000 contacts; … and … do not fit)" in again
    assert status["notes"] == []


def foreign_imports(story, count):
    body = {"jsonBody": [{"email": "somebody@example.org"}], "listIds": [13]}
    with requests.Session() as session:
        for _ in range(count):
            session.post(
                f"{story.sandbox.base_url}/contacts/import",
                json=body,
                headers={"api-key": story.sandbox.api_key},
                timeout=10,
            )
    story.sandbox.wait_until_idle()


def test_process_that_others_have_pushed_off_the_pages_is_found_by_its_number(story):
    wanted = story.people(5)
    started = story.start()

    def push(text: str) -> None:
        if story.imports() == 1:
            foreign_imports(story, 230)

    story.on_message = push
    story.work()
    check_all_sent(story, story.status(started.run_id), wanted, most_imports=231)
    assert story.sandbox.log.count("GET /processes/{processId}") >= 1


def test_process_that_brevo_does_not_know_any_more_fails_the_run_at_its_deadline(story, monkeypatch):
    story.people(5)
    story.connection["import_deadline_hours"] = 1
    story.save()
    monkeypatch.setattr(story.sandbox.world.processes, "all", list)
    started = story.start()
    story.work()
    check_failed(story.status(started.run_id), "import_overdue")


@pytest.mark.parametrize("kind", ["500", "html-200", "429-bare"])
def test_import_of_which_nothing_can_be_learned_fails_the_run_at_its_deadline(story, kind):
    story.people(5)
    story.connection["import_deadline_hours"] = 0.1
    story.save()
    story.sandbox.fail_next(PROCESSES, kind, 10_000)
    check_failed(story.run(hours=0.4), "import_overdue")


@pytest.mark.parametrize("said", [3, "3", 3.0, [3], [1, 2]], ids=repr)
def test_mere_counts_are_counted(story, monkeypatch, said):
    story.people(5)
    told_of_import(monkeypatch, {"invalid_emails": said})
    status = story.run()
    assert status["contacts_rejected_by_brevo"] == {"brevo_invalid_email": 3}
    assert status["contacts_confirmed"] == 2


def test_count_larger_than_the_batch_is_cut_to_the_batch(story, monkeypatch):
    story.people(5)
    told_of_import(monkeypatch, {"invalid_emails": 4, "duplicate_phone_id": 10**9, "duplicate_ext_id": 7})
    status = story.run()
    assert sum(status["contacts_rejected_by_brevo"].values()) == 5
    assert status["contacts_confirmed"] == 0


@pytest.mark.parametrize(
    "said",
    thinned([-1, -(10**30), 0, "", None, False, {}, [], [None], [[]]], 3),
    ids=repr,
)
def test_count_that_is_none_rejects_nobody(story, monkeypatch, said):
    wanted = story.people(5)
    told_of_import(monkeypatch, {"invalid_emails": said, "unheard_of": said})
    check_all_sent(story, story.run(), wanted)


@pytest.mark.parametrize("said", thinned([True, {"url": "x"}, [{"a": 1}], [None, True]], 2), ids=repr)
def test_what_is_neither_a_count_nor_a_link_is_not_taken_for_nobody(story, monkeypatch, said):
    wanted = story.people(5)
    told_of_import(monkeypatch, {"invalid_emails": said})
    check_told_in_notes(story.run(), "does not say whether it rejected contacts")
    assert story.sent() == wanted


def test_rejections_of_a_kind_that_is_not_known_yet_are_counted(story, monkeypatch):
    story.people(5)
    told_of_import(monkeypatch, {"duplicate_pager_id": 1, "invalid_names": [1], "imported": 5, "unheard_of": 5})
    status = story.run()
    assert status["contacts_rejected_by_brevo"] == {"brevo_other": 2}
    assert status["contacts_confirmed"] == 3


@pytest.mark.parametrize("said", ["-4", "a\x00b"], ids=repr)
def test_text_that_is_no_count_is_a_report_that_cannot_be_read(story, monkeypatch, said):
    wanted = story.people(5)
    told_of_import(monkeypatch, {"invalid_emails": said, "unheard_of": said})
    check_told_in_notes(story.run(), "on a host that is not allowed")
    assert story.sent() == wanted


@pytest.mark.parametrize("said", [float("inf"), float("nan"), "9" * 5000], ids=["Infinity", "NaN", "5,000 digits"])
def test_count_that_is_no_number_of_contacts_does_not_stop_the_run(story, monkeypatch, said):
    story.people(5)
    told_of_import(monkeypatch, {"invalid_emails": said})
    assert story.run()["status"].startswith("succeeded")
    assert story.errors == []


@pytest.mark.parametrize(
    "change",
    [
        {"name": 5},
        {"status": "COMPLETED"},
    ],
    ids=repr,
)
def test_process_of_another_shape_is_read(story, monkeypatch, change):
    wanted = story.people(5)
    answer_with(monkeypatch, lambda process, record: process | change)
    status = story.run()
    check_all_sent(story, status, wanted)
    assert status["notes"] == []


@pytest.mark.parametrize("info", thinned([None, {}, {"import": None}, {"import": []}], 3), ids=repr)
@pytest.mark.parametrize("looks", [1, 100], ids=["once", "for ever"])
def test_process_that_does_not_show_its_reports_is_looked_at_again_and_then_told_in_the_notes(
    story, monkeypatch, info, looks
):
    wanted = with_a_rejected_contact(story)
    shown = iter([{"info": info}] * looks)

    def without_reports(process, record):
        return process | next(shown, {}) if process["status"] == "completed" else process

    answer_with(monkeypatch, without_reports)
    status = story.run()
    assert story.sent() == (wanted | {"person1@example.com"} if looks == 1 else wanted)
    if looks == 1:
        assert status["warnings"] == {"brevo_duplicate_phone": 1}
        assert status["notes"] == []
    else:
        check_told_in_notes(status, "Brevo does not say whether it rejected contacts.")


@pytest.mark.parametrize(
    "garbage",
    thinned([{"status": None}, {"info": "x"}, {"info": []}, {"id": "abc"}, {"id": None}, {"status": 5}], 3),
    ids=repr,
)
def test_somebody_elses_odd_process_does_not_hide_ours(story, monkeypatch, garbage):
    foreign_imports(story, 1)
    wanted = story.people(5)
    answer_with(monkeypatch, lambda process, record: process | garbage if record.id == 78 else process)
    check_all_sent(story, story.run(hours=0.1), wanted, most_imports=2)


def test_process_number_over_two_to_the_31_is_kept(story, monkeypatch):
    monkeypatch.setattr("local.brevo_sandbox.processes.FIRST_PROCESS_ID", 2**31 + 5)
    wanted = story.people(5)
    check_all_sent(story, story.run(hours=0.1), wanted)


@pytest.mark.parametrize("garbage", [{"status": None}, {"info": "x"}])
def test_somebody_elses_odd_process_does_not_hide_ours_behind_a_lost_answer(story, monkeypatch, garbage):
    foreign_imports(story, 1)
    wanted = story.people(5)
    answer_with(monkeypatch, lambda process, record: process | garbage if record.id == 78 else process)
    story.sandbox.fail_next(IMPORT, "524-after")
    check_all_sent(story, story.run(), wanted, most_imports=3)


def test_lost_import_that_others_have_pushed_off_the_first_page_is_still_waited_for(story, monkeypatch):
    """Its number is not known, so it is over where Brevo works on none: not on the newest fifty alone."""
    answers = lose_first_answer(monkeypatch)
    story.sandbox.fail_next(IMPORT, "import-stuck")
    story.people(3)
    first = story.start().run_id

    def push(text: str) -> None:
        if len(answers) == 2 and story.imports() == 2:
            foreign_imports(story, 60)

    story.on_message = push
    story.work(hours=0.5)
    assert story.status(first)["status"] == "succeeded"
    assert [(each.run, each.process) for each in left_imports(story.app, story.account)] == [(first, 0)]
    second = story.start().run_id
    story.work(hours=0.5)
    assert "an import of the run" in story.status(second)["waiting"]


@pytest.mark.parametrize("name", ["SEARCH_EXPORT_USERS", "CAMPAIGN_PROCESSING", "TRANS-GLOBAL-CALC"])
def test_other_work_of_the_account_does_not_keep_the_slot_of_a_lost_import(story, monkeypatch, name):
    """An account that sends campaigns has always one under way, and an export may hang: neither is an import."""
    other = {"id": 78, "name": name, "status": "processing"}
    foreign_imports(story, 1)
    answer_with(monkeypatch, lambda process, record: other if record.id == 78 else process)
    story.sandbox.fail_next(IMPORT, "524-after")
    wanted = story.people(5)
    check_all_sent(story, story.run(), wanted, most_imports=3)
    assert left_imports(story.app, story.account) == []


@pytest.mark.parametrize("name", [None, 7, "IMPORTUSER", "importuser", "SYNCHRONISATION"])
def test_work_that_may_be_an_import_keeps_the_slot_of_a_lost_one(story, monkeypatch, name):
    other = {"id": 78, "name": name, "status": "processing"}
    foreign_imports(story, 1)
    answer_with(monkeypatch, lambda process, record: other if record.id == 78 else process)
    story.sandbox.fail_next(IMPORT, "524-after")
    story.people(5)
    status = story.run()
    assert [each.run for each in left_imports(story.app, story.account)] == [status["run_id"]]
