"""An export with `delivery: "file"`: the contacts as a file that Brevo fetches through a link."""

import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote

import pytest
import requests

from local.brevo_sandbox import file_fetching
from shared.brevo import body
from shared.brevo.probed import ProbeAnswers, save_probe
from shared.errors import ConfigurationError, TransientError
from shared.runs.batch import Batch
from shared.runs.status import find_run
from shared.runs.steps.imported import why_no_files
from shared.runs.steps.stop import request_cancel
from shared.runs.store import RunStore
from shared.staging import parts
from tests.flow.gold_file import HEAD, TWO
from tests.flow.probing import prober_of
from tests.flow.trials import run_trial, with_list

# What no JSON writer may leave as it is, and what a file of another form would need to quote.
ODD = ('Ana;"Maria"', "Ion\\", "Eva,\tÎn\u2028Z", "[x]", "}],")


def people(count):
    return HEAD + "".join(f"C-{n},person{n}@example.com,Name {n}\n" for n in range(count))


@pytest.fixture
def filed(make_flow, azurite, monkeypatch):
    """A flow by file, and the links that were given."""
    flow = make_flow()
    flow.change(delivery="file")
    flow.links = []
    blobs = flow.app.storage.app_blobs
    give = type(blobs).link

    def link(self, *arguments):
        given = give(self, *arguments)
        flow.links.append(given)
        return given

    monkeypatch.setattr(type(blobs), "link", link)
    return flow


def test_whole_segment_is_one_import_that_brevo_fetches(filed):
    filed.segment(people(3_000))
    status = filed.run()
    assert status["status"] == "succeeded"
    assert (len(filed.sent()), status["contacts_confirmed"]) == (3_000, 3_000)
    [imported] = filed.sandbox.imports.records()
    assert (imported.fetches, imported.contacts) == (1, 3_000)
    assert "fileUrl" in imported.order.fields_sent
    assert imported.order.fields_sent.isdisjoint({"emailBlacklist", "smsBlacklist"})


def test_contacts_arrive_as_they_do_in_a_body(filed):
    quoted = [text.replace('"', '""') for text in ODD]
    filed.segment(HEAD + "".join(f'C-{n},odd{n}@example.com,"{text}"\n' for n, text in enumerate(quoted)))
    filed.run()
    by_file = filed.sent()
    filed.change(delivery="body")
    filed.run()
    assert filed.sent() == by_file
    assert [each["FIRSTNAME"] for each in by_file.values()] == list(ODD)


def test_larger_segment_is_several_files(filed, monkeypatch):
    monkeypatch.setattr(parts, "LARGEST_FILE_BYTES", 40_000)
    monkeypatch.setattr(parts, "_BLOCK_BYTES", 9_000)
    filed.segment(people(1_500))
    status = filed.run()
    imports = filed.sandbox.imports.records()
    assert len(imports) > 2
    assert sum(each.contacts for each in imports) == 1_500 == len(filed.sent())
    assert status["contacts_confirmed"] == 1_500


def test_link_opens_this_blob_alone_to_read_it_until_the_import_is_confirmed(filed):
    filed.change_connection(import_deadline_hours=2)
    filed.sandbox.fail_next("POST /contacts/import", "import-stuck")
    filed.segment(TWO)
    started = filed.start()
    filed.work_until(lambda: filed.sandbox.imports.records())
    link = filed.links[-1]
    assert {each["email"] for each in requests.get(link, timeout=10).json()} == {"ana@example.com", "ion@example.com"}
    assert requests.put(link, data=b"x", headers={"x-ms-blob-type": "BlockBlob"}, timeout=10).status_code == 403
    other = link.replace("/00001.json?", "/00001.places?")
    assert requests.get(other, timeout=10).status_code == 403
    until = datetime.fromisoformat(unquote(link.partition("se=")[2].partition("&")[0]))
    assert until <= datetime.now(UTC) + timedelta(hours=2, minutes=1)
    filed.sandbox.imports.release_stuck()
    assert filed.finish(started.run_id)["status"] == "succeeded"
    assert requests.get(link, timeout=10).status_code == 404


def test_link_is_in_no_log_table_or_error(filed, caplog):
    caplog.set_level(logging.DEBUG, "shared")
    filed.sandbox.fail_next("POST /contacts/import", "import-file-unreachable")
    filed.segment(TWO)
    status = filed.run()
    signature = filed.links[-1].partition("sig=")[2].partition("&")[0]
    assert len(signature) > 20
    storage = filed.app.storage
    texts = [repr(row.values) for table in (storage.runs, storage.batches, storage.events) for row in table.rows()]
    assert not [text for text in (*texts, caplog.text, str(status)) if signature in text or "sig=" in text]


@pytest.mark.parametrize("how", ["unreachable", "refused"])
def test_contacts_of_a_file_that_brevo_cannot_have_are_sent_in_bodies(filed, how):
    filed.sandbox.change(file_url=how)
    filed.segment(people(2_000))
    status = filed.run()
    assert status["status"] == "succeeded"
    assert (len(filed.sent()), status["contacts_confirmed"], status["contacts_delivered"]) == (2_000, 2_000, 2_000)
    [said] = [event["text"] for event in status["story"] if event["kind"] == "in_bodies"]
    assert "2,000 contacts of file 1 are sent in bodies" in said
    assert any("sent in bodies" in note for note in status["notes"])
    assert filed.app.storage.app_blobs.listing_if_there("staged", status["run_id"]) == []


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
    filed.segment(people(1_000))
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


def test_file_that_is_fetched_twice_or_slowly_is_imported_once(filed):
    filed.sandbox.change(slow_seconds=0.3)
    for fault in ("import-file-twice", "import-file-slow"):
        filed.sandbox.fail_next("POST /contacts/import", fault)
        filed.segment(TWO)
        assert filed.run()["status"] == "succeeded"
    assert [each.fetches for each in filed.sandbox.imports.records()] == [2, 1]


def test_contact_of_a_file_that_brevo_rejects_is_told_with_its_line(filed, monkeypatch):
    monkeypatch.setattr("local.brevo_sandbox.applying.is_email", lambda text: not text.startswith("person1700@"))
    filed.segment(people(2_000))
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


def test_storage_on_this_machine_gives_no_file_to_brevo_itself(filed):
    filed.segment(TWO)
    run, export = find_run(filed.app, filed.run()["run_id"]), filed.app.ready_export(filed.export_id).export
    brevo = replace(filed.app.settings, brevo_base_url="https://api.brevo.com/v3")
    why = why_no_files(replace(filed.app, settings=brevo), run, export, None)
    assert "storage is on this machine" in why
    assert why_no_files(filed.app, run, export, None) is None


def test_storage_that_can_sign_no_link_has_the_contacts_sent_in_bodies(filed, monkeypatch):
    def refused(*_):
        raise ConfigurationError("link_impossible", "No link can be signed.", "")

    monkeypatch.setattr(type(filed.app.storage.app_blobs), "link", refused)
    filed.segment(TWO)
    status = filed.run()
    assert (status["status"], len(filed.sent())) == ("succeeded", 2)
    assert "Sent in bodies, not by file: No link can be signed." in status["notes"]


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
    assert filed.links == []
