"""The operator's forget over the sandbox: nothing of a person is left."""

import hashlib
import json
import logging
from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from local.brevo_sandbox import file_fetching
from shared.operating import forgetting
from shared.runs.answers import LEAVERS
from shared.runs.batch import Batch
from shared.runs.status import find_run
from shared.runs.steps import stop
from shared.staging import parts
from shared.staging.rejected import REJECTED
from shared.storage.failures import NotFound
from tests.flow.clearing import ADMINISTRATOR
from tests.flow.customers import rows
from tests.flow.holding import plan
from tests.flow.operating.tools import ANA, HEAD, everything_stored

ANA_SHA256 = hashlib.sha256(ANA.encode()).hexdigest()


@pytest.fixture
def office(office_in_memory):
    return office_in_memory


def test_address_that_nobody_has_is_told_and_is_0(office, typed):
    status, output, errors = typed("forget", "Nobody.Here@example.com")
    assert (status, errors) == (0, "")
    assert "Nothing of this person is stored" in output
    assert "nobody" not in output.replace("Nobody has", "").lower()
    assert b"nobody.here" not in everything_stored(office)


@pytest.mark.parametrize("text", ["", " ", "ana", "@", "@@", "a" * 400 + "@example.com", "a\x00b@example.com"])
def test_what_is_no_address_is_2_and_is_not_repeated(office, typed, text):
    status, output, errors = typed("forget", "-", typed_in=f"{text}\n")
    assert (status, output) == (2, "")
    assert errors.startswith("segment-export: That is no e-mail address.")
    assert not text.strip() or text not in errors.replace("address", "").replace("That is no", "") or len(text) < 4


def test_answers_on_who_left_are_deleted_whoever_is_in_them(office, typed):
    office.app.storage.app_blobs.write(LEAVERS, "K/12/1.txt", b"0123456789abcdef0123456789abcdef\n")
    status, output, _ = typed("forget", ANA)
    assert status == 0, output
    assert "leavers: Brevo's answers on who left a list" in output
    assert office.app.storage.app_blobs.listing(LEAVERS, "") == []


def test_person_is_erased_from_rejected_rows_by_address_and_by_customer_id(office, typed, caplog):
    office.segment(
        f"{HEAD}C-1,Ana.Pop@example.com,Ana\nC-2,ANA.POP@example.com,Twice\nC-3,mariana.pop@example.com.ro,M\n"
    )
    run_id = office.run()["run_id"]
    office.segment(f"{HEAD}C-2,,Ana\nC-9,,Other\nC-4,ben@example.com,B\n", refresh="2026/11/25/0500")
    second = office.run()["run_id"]
    assert [row["email_sha256"] for row in office.rejects(run_id)] == [ANA_SHA256]
    caplog.set_level(logging.DEBUG)
    caplog.clear()
    status, output, _ = typed("forget", "Ana.Pop@Example.com")
    assert status == 0, output
    assert "rejected-rows: 2 rows in 2 reports" in output
    assert office.rejects(run_id) == []
    assert [row["customer_id"] for row in office.rejects(second)] == ["C-9"]
    assert f"Brevo, connection brevo-eu: contact {office.sandbox.account.contacts[ANA].id}, in lists 12" in output
    assert "DELETE /contacts/" in output
    assert ANA in office.sandbox.members(12), "it is not ours to delete"
    assert "segments:" not in output, "the newest snapshot does not have them"
    stored = everything_stored(office)
    assert ANA.encode() not in stored
    assert ANA_SHA256.encode() not in stored
    ours = "\n".join(record.getMessage() for record in caplog.records if not record.name.startswith("azure"))
    for text in (output, ours):
        assert ANA not in text.lower()
        assert ANA_SHA256 not in text
    assert "forget a person" in typed("audit")[1]
    again = typed("forget", "-", typed_in=f"{ANA}\n")
    assert (again[0], "erased" in again[1]) == (0, False)


def test_segments_that_still_have_the_person_are_named(office, typed):
    office.segment(f"{HEAD}C-1,{ANA},Ana\n")
    office.segment(f"{HEAD}C-3,mariana.pop@example.com,M\nC-4,ana.pop@example.com.ro,X\n", partition=2)
    office.segment(f"{HEAD}C-5,{ANA.upper()},Ana\n", partition=3, ending=".csv.gz")
    office.segment(f"{HEAD}C-6,{ANA.replace('.com', '\uff0ecom')},Ana\nC-7,ana.pop@b\u00fccher.com,X\n", partition=4)
    office.segment(f"{HEAD}C-8,mariana.pop@example\uff0ecom,M\nC-9,ana.pop@b\u00fccher.com,X\n", partition=5)
    status, output, _ = typed("forget", ANA)
    assert status == 0
    assert [line.split("/")[-1].split(",")[0] for line in output.splitlines() if "segments:" in line] == [
        "Gold_1.csv",
        "Gold_3.csv.gz",
        "Gold_4.csv",
    ]
    assert "delete the person at their source and refresh, or the next run sends them again" in output


def test_segment_that_cannot_be_read_is_not_done_and_is_1(office, typed):
    office.segment(b"\x1f\x8bbroken", ending=".csv.gz")
    status, output, _ = typed("forget", ANA)
    assert status == 1
    assert "NOT DONE  segments" in output


def test_account_that_cannot_be_asked_is_not_done_and_is_1(office, typed, monkeypatch):
    monkeypatch.setenv(office.account, "wrong")
    status, output, _ = typed("forget", ANA, "--json")
    assert status == 1
    assert "does not accept the API key" in json.loads(output)["not_done"][0]


def test_run_that_has_the_person_in_a_staged_body_is_cancelled_and_its_bodies_are_gone(office, typed):
    office.sandbox.fail_next("POST /contacts/import", "import-stuck")
    office.segment(f"{HEAD}C-1,{ANA},Ana\nC-2,ben@example.com,Ben\n")
    office.app.storage.app_blobs.write(
        REJECTED, f"{office.export_id}-x/report.csv", b"Gold,f,2,missing_email,EMail,C-1,\n"
    )
    run_id = office.start().run_id
    office.work_until(lambda: office.status(run_id)["status"] == "confirming")
    assert ANA.encode() in everything_stored(office)
    status, output, _ = typed("forget", ANA)
    assert status == 0, output
    assert f"staged: all bodies of the run {run_id}, which is cancelled: run {office.export_id} again" in output
    assert "rejected-rows: 1 rows in 1 reports" in output, "found by the customer id beside the body"
    found = office.status(run_id)
    assert found["status"] == "cancelled"
    assert "Cancelled by terminal ana." in found["error"]["message"]
    assert ANA.encode() not in everything_stored(office)
    assert not office.app.storage.app_blobs.listing("staged", f"{run_id}/")


@pytest.fixture
def by_file(office, monkeypatch):
    """The office's export by files of a few contacts, with storage that the sandbox can fetch from."""
    monkeypatch.setattr(parts, "LARGEST_FILE_BYTES", 4_000)
    monkeypatch.setattr(parts, "_BLOCK_BYTES", 2_000)

    def fetched(link, limit):
        try:
            return office.app.storage.app_blobs.read(*urlsplit(link).path.removeprefix("/").split("/", 1))
        except NotFound:
            raise file_fetching.NotFetched("404") from None

    monkeypatch.setattr(file_fetching, "_fetched", fetched)
    office.exports[0].update(delivery="file", mapping={"email": "EMail", "phone": "P"})
    document = json.dumps({"connections": office.connections, "exports": office.exports}).encode()
    office.app.storage.app_blobs.write(*office.app.settings.export_config.split("/"), document)
    return office


def moved_in_the_first_file(office):
    """Works until Ana is to be sent once more, while Brevo still works on the second file; the run's id."""
    office.sandbox.seed(contacts=[{"email": "other@example.com", "attributes": {"SMS": "40722123456"}}])
    rows = "".join(f"C-{n},p{n}@example.com,\n" for n in range(200))
    office.segment(f"CustomerId,EMail,P\nC-0,first@example.com,\nC-A,{ANA},0722123456\n{rows}")
    office.sandbox.change(slow_seconds=0.0)
    for mood in ("import-file-slow", "import-stuck"):  # the first goes well
        office.sandbox.fail_next("POST /contacts/import", mood)
    run_id = office.start().run_id

    def is_moved():
        first = office.app.store.batches(find_run(office.app, run_id))[:1]
        return len(office.sandbox.imports.records()) == 2 and first[0].moved

    office.work_until(is_moved)
    return run_id


def test_person_whose_contact_is_to_be_sent_once_more_is_erased_too(by_file, typed):
    by_file.app.storage.app_blobs.write(
        REJECTED, f"{by_file.export_id}-x/report.csv", b"Gold,f,2,missing_email,EMail,C-A,\n"
    )
    run_id = moved_in_the_first_file(by_file)
    status, output, _ = typed("forget", ANA)
    assert status == 0, output
    assert f"staged: all bodies of the run {run_id}, which is cancelled" in output
    assert "rejected-rows: 1 rows in 1 reports" in output, "found by the customer id beside the contact"
    assert ANA.encode() not in everything_stored(by_file)
    by_file.sandbox.imports.release_stuck()
    assert by_file.finish(run_id)["status"] == "cancelled"
    assert ANA not in by_file.sent()


def test_person_who_is_put_elsewhere_while_the_staged_blobs_are_read_is_erased_too(by_file, typed, monkeypatch):
    run_id = moved_in_the_first_file(by_file)
    blobs, looks = by_file.app.storage.app_blobs, []
    listing = type(blobs).listing_if_there

    def before(self, container, prefix):
        """As it was before the first file was confirmed."""
        found = listing(self, container, prefix)
        if container != "staged" or looks:
            return found
        looks.append(found)
        return [
            replace(blob, name=blob.name.replace(".places", ".json")) if "/00001." in blob.name else blob
            for blob in found
            if not blob.name.endswith(".moved")
        ]

    monkeypatch.setattr(type(blobs), "listing_if_there", before)
    status, output, _ = typed("forget", ANA)
    assert (status, len(looks)) == (0, 1), output
    assert by_file.finish(run_id)["status"] == "cancelled"
    assert ANA.encode() not in everything_stored(by_file)


def test_what_a_run_writes_of_the_person_until_its_end_is_erased_as_well(office, typed, monkeypatch):
    office.sandbox.fail_next("POST /contacts/import", "import-stuck")
    office.segment(f"{HEAD}C-1,{ANA},Ana\n")
    run_id = office.start().run_id
    office.work_until(lambda: office.status(run_id)["status"] == "confirming")
    cancel = forgetting._cancel

    def confirmed_first(app, caller, run):
        app.storage.app_blobs.write(REJECTED, f"{run_id}/late.csv", f"Gold,f,2,brevo_other,,,{ANA_SHA256}\n".encode())
        return cancel(app, caller, run)

    monkeypatch.setattr(forgetting, "_cancel", confirmed_first)
    assert "rejected-rows: 1 rows" in typed("forget", ANA)[1]
    assert ANA_SHA256.encode() not in everything_stored(office)


def test_run_without_the_person_is_not_cancelled(office, typed):
    office.sandbox.fail_next("POST /contacts/import", "import-stuck")
    office.segment(f"{HEAD}C-1,mariana.pop@example.com,Ana\n")
    run_id = office.start().run_id
    office.work_until(lambda: office.status(run_id)["status"] == "confirming")
    assert typed("forget", ANA)[0] == 0
    assert office.status(run_id)["status"] == "confirming"
    stop.request_cancel(office.app, find_run(office.app, run_id), "tester")
    office.finish(run_id)


def test_examples_of_a_plan_that_has_the_person_are_gone_and_the_plan_stays(office, typed):
    office.segment(f"{HEAD}C-1,{ANA},Ana\n")
    office.run()
    office.segment(f"{HEAD}C-1,{ANA},Anna\n", refresh="2026/11/25/0500")
    run_id = office.finish(plan(office).run_id)["run_id"]
    assert ANA.encode() in everything_stored(office)
    status, output, _ = typed("forget", ANA)
    assert status == 0, output
    assert f"staged: the examples of the plan {run_id}" in output
    assert ANA.encode() not in everything_stored(office)
    assert office.status(run_id)["status"] == "held"


def test_run_that_a_worker_is_at_is_waited_for_and_is_told_where_it_does_not_end(office, typed, monkeypatch):
    office.sandbox.fail_next("POST /contacts/import", "import-stuck")
    office.segment(f"{HEAD}C-1,{ANA},Ana\n")
    run_id = office.start().run_id
    office.work_until(lambda: office.status(run_id)["status"] == "confirming")
    monkeypatch.setattr(forgetting, "_CANCEL_SECONDS", 0.5)
    monkeypatch.setattr(forgetting, "_LOOK_AGAIN_SECONDS", 0.1)
    run = find_run(office.app, run_id)

    def sending(until):
        def change(batch: Batch):
            return Batch(
                **{
                    **{name: getattr(batch, name) for name in Batch.__slots__},
                    "state": "delivering",
                    "owner_until": until,
                }
            )

        office.app.store.update_batch(run, 1, change)

    sending(office.app.now() + 3600)
    status, output, _ = typed("forget", ANA)
    assert status == 1
    assert f"The run {run_id} is still being cancelled. Repeat this in a while." in output
    sending(0.0)
    status, output, _ = typed("forget", ANA)
    assert (status, ANA.encode() in everything_stored(office)) == (0, False)
    assert office.status(run_id)["status"] == "cancelled"


def test_run_that_reads_its_segments_at_this_moment_is_told(office, typed):
    office.segment(f"{HEAD}C-1,{ANA},Ana\n")
    run_id = office.start().run_id
    status, output, _ = typed("forget", "nobody@example.com")
    assert status == 1
    assert f"NOT DONE  run {run_id}: it reads its segments now" in output
    office.finish(run_id)


def test_what_an_ended_run_has_left_of_the_person_is_deleted(office, typed):
    office.segment(f"{HEAD}C-1,ben@example.com,Ben\n")
    run_id = office.run()["run_id"]
    body = b'{"jsonBody":[{"email":"ana.pop@example.com","attributes":{}}],"listIds":[12]}'
    office.app.storage.app_blobs.write("staged", f"{run_id}/abcd/00001.json", body)
    status, output, _ = typed("forget", ANA)
    assert status == 0
    assert f"staged: all bodies of the run {run_id}\n" in output
    assert not office.app.storage.app_blobs.listing("staged", f"{run_id}/")
    assert office.status(run_id)["status"] == "succeeded"


def test_whoever_gave_consent_is_no_longer_named_in_any_version_and_consent_stays(office, typed):
    assert typed("connect", "brevo-eu", "--agree", "Ana.Pop@example.com")[0] == 0
    assert typed("connect", "brevo-eu", "--agree", "ben@example.com")[0] == 0
    assert typed("connect", "brevo-eu", "--agree", "Ana.Pop@example.com")[0] == 0
    assert ANA.encode() in everything_stored(office)
    status, output, _ = typed("forget", ANA)
    assert status == 0
    assert "erased    configuration: who has given consent" in output
    assert "of its earlier versions" in output
    assert ANA.encode() not in everything_stored(office)
    (connection,) = office.app.document().connections
    assert connection.consent.agreed_by == "a forgotten person"
    assert b"ben@example.com" in everything_stored(office)
    assert len(office.app.configuration.history()) == 4


def test_local_configuration_that_names_the_person_is_told(office, flow, typed, monkeypatch):
    flow.change_connection(consent={"agreed_by": ANA, "agreed_on": "2026-11-01"})
    monkeypatch.setenv("EXPORT_CONFIG", str(flow.config))
    status, output, _ = typed("forget", ANA)
    assert status == 0
    assert "remains   configuration: The configuration is the local file" in output


def test_ledger_by_customer_ids_that_are_not_known_is_told(by_customer):
    by_customer.change(sync_mode="changes_only")
    by_customer.segment(rows("C-1 a@example.com", "C-2 b@example.com"))
    by_customer.run()
    found = forgetting.forget(by_customer.app, ADMINISTRATOR, "a@example.com")
    (reported,) = [text for text in found.not_done if text.startswith("ledgers: ")]
    assert f"segment-export reset {by_customer.export_id} forgets all of it" in reported


def test_ledger_by_customer_ids_is_searched_for_those_that_are_known(by_customer, monkeypatch):
    by_customer.change(sync_mode="changes_only")
    by_customer.segment(rows("C-1 a@example.com", "C-2 b@example.com", "C-1 not-an-address"))
    by_customer.run()
    by_customer.segment(rows("C-1 a@example.com", "C-2 b@example.com", "C-1 a@example.com"), refresh="2026/11/25/0500")
    by_customer.run()
    found = forgetting.forget(by_customer.app, ADMINISTRATOR, "a@example.com")
    assert "ledgers: 1 file of what was sent" in found.erased
    assert not [text for text in found.not_done if text.startswith("ledgers: ")]
