"""Each mood of Brevo: every contact arrives in the end, or the run ends as failed with a reason and an advice."""

import socket
import threading
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import requests

from local.brevo_sandbox import Faults
from tests.faults.conftest import check_failed

IMPORT = "POST /contacts/import"
PROCESSES = "GET /processes"
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
    return pytest.mark.parametrize("kind", moods.values(), ids=moods.keys())


def check_all_sent(story, status, wanted, most_imports=1):
    assert status["status"] == "succeeded", status["error"]
    assert story.sent() == wanted
    assert status["contacts_confirmed"] == len(wanted)
    assert story.imports() <= most_imports
    assert story.left_behind() == []


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
    monkeypatch.setattr("shared.brevo.session._READ_SECONDS", 0.2)
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


# Moods that a person must mend


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
    told = check_failed(story.run(), code)
    assert advice in told
    assert "Nothing was sent." in told
    assert "203.0.113.7" not in told
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


def test_key_that_is_withdrawn_in_mid_run_fails_the_run_and_says_what_was_sent(story, three_batches):
    story.people(600)
    started = story.start()

    def withdraw(text: str) -> None:
        if story.imports() == 1:
            story.sandbox.change(api_key="rotated")

    story.on_message = withdraw
    story.work()
    told = check_failed(story.status(started.run_id), "brevo_key_refused")
    assert "Put a valid key" in told
    assert "already has 257 of 600 contacts (257 of them not confirmed)" in told
    assert story.left_behind() == []


def test_list_that_is_deleted_in_mid_run_fails_the_run_and_says_what_was_sent(story, three_batches):
    story.people(600)
    started = story.start()

    def delete(text: str) -> None:
        if story.imports() == 1:
            story.sandbox.imports.wait_until_idle(10)
            story.sandbox.account.lists.pop(12, None)

    story.on_message = delete
    story.work()
    told = check_failed(story.status(started.run_id), "brevo_refused")
    assert "invalid_parameter" in told
    assert "already has 257 of 600" in told


# Imports that go wrong after they were taken


def test_import_that_stays_queued_fails_the_run_at_its_deadline_with_what_is_known(story):
    story.people(5)
    story.connection["import_deadline_hours"] = 2
    story.save()
    story.sandbox.fail_next(IMPORT, "import-stuck")
    started = story.kept.clock.seconds()
    told = check_failed(story.run(), "import_overdue")
    assert "in 2 hours (process 78)" in told
    assert "Brevo already has 5 of 5 contacts (5 of them not confirmed)" in told
    assert "Look at the import in Brevo" in told
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
    told = check_failed(story.status(run_id), "run_overdue")
    assert "more than 8 days" in told
    assert "Brevo already has 5 of 5 contacts" in told


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
    told = check_failed(story.run(), "import_failed")
    assert "twice (process 79)" in told
    assert "Ask Brevo's support" in told
    assert story.imports() == 2


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
    monkeypatch.setattr(type(story.sandbox.imports), "records", lambda board: [])
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


# Answers of other shapes


def answer_with(monkeypatch, change):
    """Lets `change` replace each process as /processes shows it."""
    from local.brevo_sandbox import endpoints_imports

    true_process = endpoints_imports._process
    monkeypatch.setattr(
        endpoints_imports, "_process", lambda world, record: change(dict(true_process(world, record)), record)
    )


def told_of_import(monkeypatch, told):
    answer_with(monkeypatch, lambda process, record: process | {"info": {"import": told}})


@pytest.mark.parametrize("told", [3, "3", 3.0, [3], [1, 2]], ids=repr)
def test_mere_counts_are_counted(story, monkeypatch, told):
    story.people(5)
    told_of_import(monkeypatch, {"invalid_emails": told})
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
    "told",
    [-1, -(10**30), "-4", 0, "", None, True, False, {}, {"url": "x"}, [], [None], [[]], [{"a": 1}], "a\x00b"],
    ids=repr,
)
def test_count_that_is_none_rejects_nobody(story, monkeypatch, told):
    wanted = story.people(5)
    told_of_import(monkeypatch, {"invalid_emails": told, "unheard_of": told})
    check_all_sent(story, story.run(), wanted)


@pytest.mark.parametrize("told", [float("inf"), float("nan"), "9" * 5000], ids=["Infinity", "NaN", "5,000 digits"])
def test_count_that_is_no_number_of_contacts_does_not_stop_the_run(story, monkeypatch, told):
    story.people(5)
    told_of_import(monkeypatch, {"invalid_emails": told})
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


@pytest.mark.parametrize("info", [None, {}, {"import": None}, {"import": []}], ids=repr)
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
    assert story.sent() == wanted
    if looks == 1:
        assert status["contacts_rejected_by_brevo"] == {"brevo_duplicate_phone": 1}
        assert status["notes"] == []
    else:
        check_told_in_notes(status, "Brevo does not say whether it rejected contacts.")


@pytest.mark.parametrize(
    "garbage", [{"status": None}, {"info": "x"}, {"info": []}, {"id": "abc"}, {"id": None}, {"status": 5}], ids=repr
)
def test_somebody_elses_odd_process_does_not_hide_ours(story, monkeypatch, garbage):
    foreign_imports(story, 1)
    wanted = story.people(5)
    answer_with(monkeypatch, lambda process, record: process | garbage if record.id == 78 else process)
    check_all_sent(story, story.run(hours=0.1), wanted, most_imports=2)


def test_process_number_over_two_to_the_31_is_kept(story, monkeypatch):
    monkeypatch.setattr("local.brevo_sandbox.importing.FIRST_PROCESS_ID", 2**31 + 5)
    wanted = story.people(5)
    check_all_sent(story, story.run(hours=0.1), wanted)


# Reports


def with_a_rejected_contact(story):
    """Five people, one of them with another contact's number; the addresses of the others."""
    story.sandbox.seed(contacts=[{"email": "owner@example.com", "attributes": {"SMS": "+40722123456"}}])
    rows = [f"C-{n},person{n}@example.com,{'+40722123456' if n == 1 else ''}\n" for n in range(5)]
    story.segment(f"CustomerId,EMail,Telephone\n{''.join(rows)}")
    story.save(mapping={"email": "EMail", "phone": "Telephone"})
    return {f"person{n}@example.com" for n in range(5) if n != 1}


def check_told_in_notes(status, *words):
    assert status["status"].startswith("succeeded"), status["error"]
    [note] = status["notes"]
    for word in (*words, "Which contacts of batch 1 Brevo rejected is not known."):
        assert word in note
    assert "http" not in note


def test_readable_report_names_the_row(story):
    wanted = with_a_rejected_contact(story)
    status = story.run()
    assert status["contacts_rejected_by_brevo"] == {"brevo_duplicate_phone": 1}
    assert story.sent() == wanted
    assert [(row["line"], row["customer_id"]) for row in story.rejects(status["run_id"])] == [("3", "C-1")]


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        ("report-404", "answers with 404"),
        ("report-500", "answers with 500"),
        ("report-other-host", "host that is not allowed"),
        ("report-redirect", "answers with 302"),
    ],
    ids=["404", "500", "another host", "a redirect to an inner address"],
)
def test_report_that_cannot_be_had_is_told_in_the_notes_and_the_run_ends(story, kind, word):
    wanted = with_a_rejected_contact(story)
    story.sandbox.fail_next(IMPORT, kind)
    status = story.run()
    check_told_in_notes(status, word)
    assert story.sent() == wanted
    assert story.sandbox.world.canary_visits == 0
    assert story.sandbox.log.count("GET /reports/{token}") <= 3


def test_endless_report_is_left_after_its_limit(story, monkeypatch):
    monkeypatch.setattr("shared.brevo.reports.LARGEST_BYTES", 2_000_000)
    with_a_rejected_contact(story)
    story.sandbox.fail_next(IMPORT, "report-endless")
    check_told_in_notes(story.run(), "larger than 2,000,000 bytes")


def test_report_of_strangers_rejects_none_of_ours_and_is_told_in_the_notes(story):
    story.sandbox.change(endless_report_bytes=1_000_000)
    wanted = with_a_rejected_contact(story)
    story.sandbox.fail_next(IMPORT, "report-endless")
    status = story.run()
    assert status["contacts_rejected_by_brevo"] == {}
    assert "name no contact of batch 1" in status["notes"][0]
    assert story.sent() == wanted


def test_report_with_wrong_columns_rejects_nobody_and_is_told_in_the_notes(story):
    wanted = with_a_rejected_contact(story)
    story.sandbox.fail_next(IMPORT, "report-wrong-columns")
    status = story.run()
    assert status["status"] == "succeeded"
    assert status["contacts_rejected_by_brevo"] == {}
    assert "name no contact of batch 1" in status["notes"][0]
    assert story.sent() == wanted


def test_more_reports_than_are_read_are_told_in_the_notes(story, monkeypatch):
    story.people(3)
    told_of_import(monkeypatch, {"invalid_emails": [f"{story.sandbox.origin}/reports/x"] * 101})
    check_told_in_notes(story.run(), "more than 100 reports")
    assert story.sandbox.log.count("GET /reports/{token}") == 0


class Inner:
    """A server inside the network that nobody may be led to; counts who connects."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.visits = 0
        threading.Thread(target=self._count, daemon=True).start()

    def _count(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.visits += 1
            connection.close()

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def inner():
    server = Inner()
    yield server
    server.close()


HOSTILE_LINKS = [
    "http://127.0.0.1:{inner}/latest/meta-data",
    "http://localhost:{inner}/",
    "http://[::1]:{inner}/",
    "http://0.0.0.0:{inner}/",
    "http://2130706433:{inner}/",
    "http://0x7f.1:{inner}/",
    "http://127.1:{inner}/",
    "https://127.0.0.1:{inner}/",
    "file:///etc/passwd",
    "file://127.0.0.1/etc/passwd",
    "ftp://127.0.0.1:{inner}/",
    "gopher://127.0.0.1:{inner}/",
    "//127.0.0.1:{inner}/",
    "/inner/metadata",
    "http://brevo.com/report.csv",
    "https://brevo.com:{inner}/",
    "https://brevo.com@127.0.0.1:{inner}/",
    "https://user:secret@brevo.com/report.csv",
    "http://127.0.0.1:{api}@127.0.0.1:{inner}/",
    "http://127.0.0.1:{inner}/#@127.0.0.1:{api}/",
    "http://127.0.0.1:{inner}?@127.0.0.1:{api}/",
    "https://evilbrevo.com/report.csv",
    "https://brevo.com.evil.invalid/report.csv",
    "https://amazonaws.com.evil.invalid/",
    "https://xn--brvo-hpa.com/",
    "https://\u0131brevo.invalid/",
    "http://localhost:{api}/inner/metadata",
    "http://127.0.0.1:99999/",
    "http://[127.0.0.1/",
    "http://",
    "javascript:alert(1)",
    "data:text/csv,EMAIL",
    " \t\n",
    "x" * 10_000,
]
# urlsplit and requests disagree on the host of the first; the others hold user info for the API's own host.
SLY_LINKS = [
    "http://127.0.0.1:{inner}\\@127.0.0.1:{api}/reports/x",
    "http://user:secret@127.0.0.1:{api}/inner/metadata",
    "http://user@127.0.0.1:{api}/inner/metadata",
]


def follow_nothing(story, monkeypatch, inner, link):
    api = story.sandbox.world.port
    wanted = story.people(3)
    told_of_import(monkeypatch, {"invalid_emails": link.replace("{inner}", str(inner.port)).replace("{api}", str(api))})
    status = story.run()
    assert status["status"] == "succeeded"
    assert story.sent() == wanted
    assert inner.visits == 0
    assert story.sandbox.world.canary_visits == 0
    assert story.sandbox.log.count("GET /reports/{token}") == 0


@pytest.mark.parametrize("link", HOSTILE_LINKS, ids=lambda link: link.strip()[:60])
def test_hostile_report_link_is_not_followed(story, monkeypatch, inner, link):
    follow_nothing(story, monkeypatch, inner, link)


@pytest.mark.parametrize("link", SLY_LINKS)
def test_sly_report_link_is_not_followed(story, monkeypatch, inner, link):
    follow_nothing(story, monkeypatch, inner, link)
