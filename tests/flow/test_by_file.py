"""An export with `delivery: "file"`: the contacts as a file that Brevo fetches through a link."""

import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote

import pytest
import requests

from shared.errors import ConfigurationError
from shared.runs.status import find_run
from shared.runs.steps.imported import why_no_files
from shared.staging import parts
from tests.flow.gold_file import HEAD, TWO, many

# What no JSON writer may leave as it is, and what a file of another form would need to quote.
ODD = ('Ana;"Maria"', "Ion\\", "Eva,\tÎn\u2028Z", "[x]", "}],")


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
    filed.segment(many(3_000))
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
    filed.segment(many(1_500))
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
    filed.segment(many(2_000))
    status = filed.run()
    assert status["status"] == "succeeded"
    assert (len(filed.sent()), status["contacts_confirmed"], status["contacts_delivered"]) == (2_000, 2_000, 2_000)
    [said] = [event["text"] for event in status["story"] if event["kind"] == "in_bodies"]
    assert "2,000 contacts of file 1 are sent in bodies" in said
    assert any("sent in bodies" in note for note in status["notes"])
    assert filed.app.storage.app_blobs.listing_if_there("staged", status["run_id"]) == []


def test_file_that_is_fetched_twice_or_slowly_is_imported_once(filed):
    filed.sandbox.change(slow_seconds=0.3)
    for fault in ("import-file-twice", "import-file-slow"):
        filed.sandbox.fail_next("POST /contacts/import", fault)
        filed.segment(TWO)
        assert filed.run()["status"] == "succeeded"
    assert [each.fetches for each in filed.sandbox.imports.records()] == [2, 1]


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
