"""Files that Brevo cannot import, or not as they are: what becomes of their contacts, and what is said of it."""

import pytest

from local.brevo_sandbox import file_fetching
from shared.brevo import body
from shared.brevo.probed import ProbeAnswers, save_probe
from shared.errors import TransientError
from shared.runs.batch import Batch
from shared.runs.status import find_run
from shared.runs.steps.stop import request_cancel
from shared.runs.store import RunStore
from tests.flow.gold_file import TWO, many, read_from_memory
from tests.flow.probing import prober_of
from tests.flow.trials import run_trial, with_list


@pytest.fixture
def filed(make_flow, monkeypatch):
    """A flow by file, whose sandbox reads files from its storage in memory."""
    flow = make_flow()
    flow.change(delivery="file")
    read_from_memory(flow, monkeypatch)
    return flow


def test_bodies_in_the_place_of_a_file_fail_the_run_where_they_fail_too(filed):
    filed.sandbox.change(file_url="unreachable")
    filed.sandbox.fail_next("POST /contacts/import", "import-failed", times=3)
    filed.segment(TWO)
    status = filed.run()
    assert (status["status"], status["error"]["code"]) == ("failed", "import_failed")


def split_up_to(filed, monkeypatch, most, started):
    """Works until so many bodies have taken a file's place, and storage does not answer for the next; the run then."""
    add, added = RunStore.add_batch, []

    def add_batch(self, batch):
        if len(added) == most:
            raise TransientError("storage_unreachable", "Storage did not answer.")
        added.append(batch)
        add(self, batch)

    monkeypatch.setattr(RunStore, "add_batch", add_batch)

    def is_cut_off():
        run = find_run(filed.app, started.run_id)
        is_splitting = any(batch.state == "splitting" for batch in filed.app.store.batches(run))
        return is_splitting and len(added) == most and run.waiting

    filed.work_until(is_cut_off)
    return find_run(filed.app, started.run_id)


@pytest.mark.parametrize(("how", "reported"), [("unreachable", " 1,000 contacts may have been sent"), ("refused", "")])
def test_run_that_is_cancelled_in_the_middle_of_a_split_counts_each_contact_once(filed, monkeypatch, how, reported):
    monkeypatch.setattr(body, "LARGEST_BODY_BYTES", 18_000)
    filed.sandbox.change(file_url=how)
    filed.segment(many(1_000))
    run = split_up_to(filed, monkeypatch, 3, filed.start())
    ended = request_cancel(filed.app, run, "tester")
    assert ended.state == "cancelled"
    assert "may have been sent" in ended.error.message if reported else "Nothing was sent." in ended.error.message
    assert reported in ended.error.message


SPLITTING = {"state": "splitting", "posts": 1, "sent_again": 1}
SPLIT = SPLITTING | {"state": "split"}
REFUSED = {"state": "splitting"}
UNSENT = {"was_in_file": True}
SENT = UNSENT | {"state": "delivered", "posts": 1, "process_id": 7, "called_back": True}


@pytest.mark.parametrize(
    ("batches", "unanswered"),
    [
        ([(1_000, SPLITTING), (400, UNSENT), (300, SENT)], 700),
        ([(1_000, SPLIT), (400, UNSENT), (600, SENT)], 400),
        ([(1_000, SPLIT), (400, UNSENT), (600, SENT), (800, SPLITTING), (500, UNSENT)], 1_200),
        ([(1_000, REFUSED), (400, {}), (300, {"posts": 1})], 300),
        ([(1_000, REFUSED), (400, {}), (800, SPLITTING)], 800),
        ([(1_000, REFUSED), (1_000, {}), (800, SPLITTING), (500, UNSENT)], 800),
    ],
)
def test_contacts_that_may_be_there_count_once_whatever_holds_them(filed, batches, unanswered):
    filed.sandbox.fail_next("POST /contacts/import", "import-stuck")
    filed.segment(TWO)
    started = filed.start()
    filed.work_until(lambda: find_run(filed.app, started.run_id).state == "confirming")
    run = find_run(filed.app, started.run_id)
    for number, (contacts, values) in enumerate(batches, start=2):
        filed.app.store.add_batch(Batch(run.run_id, run.staging_id, number, contacts, 100, **values))
    ended = request_cancel(filed.app, run, "tester")
    assert f" {unanswered:,} contacts may have been sent" in ended.error.message


def test_run_whose_contacts_are_put_into_bodies_says_so(filed, monkeypatch):
    filed.sandbox.change(file_url="unreachable")
    filed.segment(TWO)
    started, add, reported = filed.start(), RunStore.add_batch, []

    def add_batch(self, batch):
        reported.append(filed.status(started.run_id)["waiting_for"])
        add(self, batch)
        reported.append(filed.status(started.run_id)["waiting_for"])

    monkeypatch.setattr(RunStore, "add_batch", add_batch)
    filed.finish(started.run_id)
    text = "The contacts of 1 file that Brevo could not import are being written as bodies."
    assert reported[-2:] == [text, f"{text} 1 more import is still to be posted."]


def test_notes_of_a_run_that_is_cancelled_before_its_bodies_are_sent_do_not_say_that_they_were(filed, monkeypatch):
    filed.sandbox.change(file_url="unreachable")
    filed.segment(TWO)
    run = split_up_to(filed, monkeypatch, 0, filed.start())
    note = "1 file that Brevo could not import: the contacts {} sent in bodies."
    assert note.format("are") in filed.status(run.run_id)["notes"]
    request_cancel(filed.app, run, "tester")
    status = filed.status(run.run_id)
    assert (status["status"], len(filed.sent())) == ("cancelled", 0)
    assert note.format("were to be") in status["notes"]
    assert note.format("were") not in status["notes"]


def test_contact_of_a_file_that_brevo_rejects_is_told_with_its_line(filed, monkeypatch):
    monkeypatch.setattr("local.brevo_sandbox.applying.is_email", lambda text: not text.startswith("p1700@"))
    filed.segment(many(2_000))
    status = filed.run()
    assert status["contacts_rejected_by_brevo"] == {"brevo_invalid_email": 1}
    assert filed.places(status["run_id"]) == [("Gold_1.csv", 1_702, "brevo_invalid_email")]


def test_number_that_another_contact_has_is_left_out_as_with_bodies(filed):
    filed.sandbox.seed(contacts=[{"email": "other@example.com", "attributes": {"SMS": "40722123456"}}])
    filed.change(mapping={"email": "EMail", "phone": "P"})
    filed.segment("CustomerId,EMail,P\nC-1,ana@example.com,0722123456\nC-2,ion@example.com,\n", name="Gold")
    status = filed.run()
    assert set(filed.sent()) == {"ana@example.com", "ion@example.com"}
    assert status["warnings"] == {"brevo_duplicate_phone": 1}


@pytest.mark.parametrize(("answer", "fetches"), [("as_sent", 1), ("changed", 0), ("not_taken", 0), (None, 1)])
def test_account_that_was_probed_gets_files_only_where_it_reads_them_as_they_are(filed, answer, fetches):
    save_probe(filed.app.storage.accounts, filed.account, ProbeAnswers(takes_files=answer))
    filed.segment(TWO)
    status = filed.run()
    assert [each.fetches for each in filed.sandbox.imports.records()] == [fetches]
    assert any("the last probe has shown" in note for note in status["notes"]) == (not fetches)


@pytest.mark.parametrize(
    ("mood", "answer"), [("fetched", "as_sent"), ("unreachable", "not_taken"), ("refused", "not_taken")]
)
def test_probe_finds_out_whether_the_account_takes_files(filed, mood, answer):
    filed.sandbox.change(file_url=mood)
    assert prober_of(filed).answers()["takes_files"] == answer
    assert filed.app.storage.app_blobs.listing_if_there("staged", "probe") == []


def test_probe_finds_out_that_the_account_changes_the_texts_of_a_file(filed, monkeypatch):
    fetched = file_fetching._fetched
    monkeypatch.setattr(file_fetching, "_fetched", lambda *how: fetched(*how).replace(b";", b","))
    assert prober_of(filed).answers()["takes_files"] == "changed"


def test_trial_sends_its_few_customers_in_a_body(filed):
    with_list(filed, TWO)
    assert run_trial(filed)["status"] == "succeeded"
    assert [each.fetches for each in filed.sandbox.imports.records()] == [0]
    assert all("fileUrl" not in each.order.fields_sent for each in filed.sandbox.imports.records())
