"""Which files a run takes: as they are stored, all of the newest refresh, in each layout that is documented."""

import gzip
import random
import time
from itertools import product

import pytest
from azure.storage.blob import BlobServiceClient, ContentSettings

from shared.administration.checking import check_export
from shared.config.models import Export
from shared.errors import ConfigurationError
from shared.runs.overview import export_overview
from shared.runs.starting import start_due, start_for_blob
from shared.runs.status import find_run
from shared.staging.preview import preview
from tests.sizes import thinned

ROOT = "CustomerInsights_abcd1234/BlobExport"
NEWER = "2026/11/25/0500"
# In place of 4 MB: a larger blob is fetched in several calls.
CHUNK_BYTES = 128 * 1024
HEAD = "CustomerId,EMail,FirstName\n"
MARA = "S-1,mara@example.org,Mara\n"
OLEG = "S-2,oleg@example.org,Oleg\n"
UMA = "S-3,uma@example.org,Uma\n"


def addresses(flow) -> set[str]:
    return {address.partition("@")[0] for address in flow.sent()}


# Bytes as stored


@pytest.mark.parametrize(("name", "zipped"), thinned(product(("Gold_1.csv", "Gold_1.csv.gz"), (True, False)), 3))
@pytest.mark.usefixtures("azurite")  # the SDK unzips, not storage
def test_content_encoding_does_not_change_what_is_read(make_flow, monkeypatch, name, zipped):
    monkeypatch.setattr("shared.storage.account.CHUNK_BYTES", CHUNK_BYTES)
    flow = make_flow()
    noise = random.Random(11)
    many = "EMail,FirstName,Note\n" + "".join(
        f"p{n}@example.org,P,{noise.randbytes(100).hex()}\n" for n in range(4_000)
    )
    content = gzip.compress(many.encode(), 1, mtime=0) if zipped else (HEAD + MARA).encode()
    assert not zipped or len(content) > CHUNK_BYTES
    rows = 4_000 if zipped else 1
    with BlobServiceClient.from_connection_string(flow.connection_string) as service:
        service.get_container_client(flow.container).upload_blob(
            f"CustomerInsights_abcd1234/BlobExport/Gold/2026/11/24/0500/{name}",
            content,
            content_settings=ContentSettings(content_encoding="gzip", content_type="text/csv"),
        )
    assert flow.run()["rows_read"] == rows


# Files that model.json lists


def listing(*locations: str, **settings) -> dict:
    partitions = [{"location": location, "fileFormatSettings": settings} for location in locations]
    attributes = [{"name": name} for name in HEAD.strip().split(",")]
    return {"name": "Gold", "attributes": attributes, "partitions": partitions}


def location_of(flow, number: int, refresh: str = NEWER) -> str:
    return f"https://account.blob.core.windows.net/{flow.container}/{ROOT}/Gold/{refresh}/Gold_{number}.csv"


@pytest.fixture
def one_of_two(make_flow):
    """Makes a flow whose newest refresh lacks its second file; further settings go to the app."""

    def make(**settings):
        flow = make_flow(**settings)
        flow.segment(HEAD + UMA)
        flow.segment(HEAD + MARA, refresh=NEWER)
        flow.model_json(listing(location_of(flow, 1), location_of(flow, 2), columnHeaders=True))
        return flow

    return make


def test_file_that_model_json_lists_is_waited_for(one_of_two, monkeypatch):
    monkeypatch.setattr("shared.staging.completeness._POLL_SECONDS", 1.0)
    flow = one_of_two()
    run_id = flow.start().run_id
    flow.work_until(lambda: find_run(flow.app, run_id).waiting)
    status = flow.status(run_id)
    assert status["status"] == "queued"
    assert (
        f"Gold/{NEWER} lacks files that model.json lists: Gold_2.csv. The run waits for files until"
        in status["waiting"]
    )
    flow.segment(HEAD + OLEG, partition=2, refresh=NEWER)
    assert flow.finish(run_id)["status"] == "succeeded"
    assert addresses(flow) == {"mara", "oleg"}


def test_file_that_does_not_come_fails_the_run_by_its_name(one_of_two):
    flow = one_of_two(SNAPSHOT_COMPLETE_HOURS="0")
    flow.run_fails("snapshot_incomplete", f"Gold/{NEWER} lacks files", "Gold_2.csv", "export the segment again")


def test_person_who_does_not_wait_is_told_at_once_what_is_missing(one_of_two):
    one_of_two().run_fails("snapshot_incomplete", "Gold_2.csv", skip_quiet=True)


def test_accepting_does_not_send_a_part_of_what_model_json_lists(one_of_two):
    one_of_two(SNAPSHOT_COMPLETE_HOURS="0").run_fails("snapshot_incomplete", "Gold_2.csv", accept=True)


def test_timer_waits_and_says_for_what(one_of_two):
    flow = one_of_two()
    [start] = start_due(flow.app)
    assert not start.run_id
    assert "Gold_2.csv" in start.reason
    document = flow.app.document()
    why = export_overview(flow.app, document, document.exports[0]).why_not_running
    assert why.code == "snapshot_incomplete"
    assert "Gold_2.csv" in why.text


def test_timer_starts_one_run_that_fails_and_another_when_the_file_has_come(one_of_two):
    flow = one_of_two(SNAPSHOT_COMPLETE_HOURS="0")
    [start] = start_due(flow.app)
    assert flow.finish(start.run_id)["error"]["code"] == "snapshot_incomplete"
    [again] = start_due(flow.app)
    assert (again.run_id, again.reason[:21]) == ("", "The last run failed: ")
    flow.segment(HEAD + OLEG, partition=2, refresh=NEWER)
    [start] = start_due(flow.app)
    assert flow.finish(start.run_id)["status"] == "succeeded"


def test_run_of_an_event_that_fails_is_not_started_again_by_the_timer(one_of_two):
    flow = one_of_two(SNAPSHOT_COMPLETE_HOURS="0")
    [start] = start_for_blob(flow.app, subject(flow, f"{ROOT}/Gold/{NEWER}/Gold_1.csv"))
    assert flow.finish(start.run_id)["error"]["code"] == "snapshot_incomplete"
    [again] = start_due(flow.app)
    assert (again.run_id, again.reason[:21]) == ("", "The last run failed: ")


@pytest.mark.full
def test_segment_that_is_whole_and_newer_does_not_prolong_the_wait(one_of_two):
    flow = one_of_two(SNAPSHOT_COMPLETE_HOURS="0.0004")
    flow.change(segments=["Gold", "Silver"])
    flow.model_json(listing(location_of(flow, 1), location_of(flow, 2)), {"name": "Silver"})
    deadline = time.monotonic() + 20
    while not (start := start_due(flow.app)[0]).run_id:
        assert time.monotonic() < deadline, start
        flow.segment(HEAD + OLEG, name="Silver", refresh=NEWER)
    assert flow.finish(start.run_id)["error"]["code"] == "snapshot_incomplete"


def test_preview_shows_no_part_of_a_snapshot(one_of_two):
    flow = one_of_two()
    with pytest.raises(ConfigurationError, match=r"Gold_2\.csv"):
        preview(flow.app.storage.segment_blobs, flow.app.ready_export(flow.export_id), flow.app.attributes)


def test_export_is_saved_with_a_note_while_files_are_missing(one_of_two):
    flow = one_of_two()
    export = Export.model_validate(flow.export)
    [note] = check_export(flow.app, export, None)
    assert "A run would fail now" in note
    assert "Gold_2.csv" in note


def test_refresh_that_is_listed_and_has_no_file_yet_is_waited_for(make_flow):
    flow = make_flow(SNAPSHOT_COMPLETE_HOURS="0")
    flow.segment(HEAD + UMA)
    flow.model_json(listing(location_of(flow, 1)))
    flow.run_fails("snapshot_incomplete", f"Gold/{NEWER}", "Gold_1.csv")


# Gaps in the numbers


@pytest.fixture
def gap(make_flow):
    """Makes a flow with the files 1 and 3; further settings go to the app."""

    def make(**settings):
        flow = make_flow(**settings)
        flow.segment(HEAD + MARA, partition=1)
        flow.segment(HEAD + OLEG, partition=3)
        return flow

    return make


def test_gap_in_the_numbers_is_waited_for(gap, monkeypatch):
    monkeypatch.setattr("shared.staging.completeness._POLL_SECONDS", 1.0)
    flow = gap()
    assert "there is no number 2" in start_due(flow.app)[0].reason
    run_id = flow.start().run_id
    flow.work_until(lambda: find_run(flow.app, run_id).waiting)
    assert "there is no number 2" in flow.status(run_id)["waiting"]
    flow.segment(HEAD + UMA, partition=2)
    assert flow.finish(run_id)["status"] == "succeeded"
    assert addresses(flow) == {"mara", "oleg", "uma"}


def test_gap_that_stays_is_a_guard_that_can_be_accepted(gap):
    flow = gap(SNAPSHOT_COMPLETE_HOURS="0")
    status = flow.run_is_held("guard_gap_in_files", "there is no number 2", "approve the run", "source.gaps_allowed")
    assert status["rows_read"] == 2
    document = flow.app.document()
    assert export_overview(flow.app, document, document.exports[0]).why_not_running.code == "held"
    assert flow.run(accept=True)["status"] == "succeeded"
    assert addresses(flow) == {"mara", "oleg"}


def test_gap_that_is_accepted_beforehand_is_not_waited_for(gap):
    assert gap().run(accept=True)["status"] == "succeeded"


def test_gap_is_nothing_where_files_are_numbered_so(gap):
    flow = gap()
    flow.change(source={**flow.export["source"], "gaps_allowed": True})
    assert flow.run()["status"] == "succeeded"


# Refreshes that cannot be read, and folders that are none


def test_newer_refresh_without_a_readable_file_fails_by_its_name(flow):
    flow.segment(HEAD + MARA)
    flow.segment(b"PAR1....PAR1", refresh=NEWER, ending=".parquet")
    flow.run_fails("snapshot_unreadable", f"Gold/{NEWER}", "Gold_1.parquet", ".csv")


def test_timer_starts_one_run_of_a_refresh_that_cannot_be_read(flow):
    flow.segment(HEAD + MARA)
    flow.segment(b"PAR1....PAR1", refresh=NEWER, ending=".parquet")
    [start] = start_due(flow.app)
    assert flow.finish(start.run_id)["error"]["code"] == "snapshot_unreadable"
    [again] = start_due(flow.app)
    assert (again.run_id, again.reason[:21]) == ("", "The last run failed: ")
    [note] = check_export(flow.app, Export.model_validate(flow.export), None)
    assert "Gold_1.parquet" in note


@pytest.mark.parametrize(
    ("content", "code"), [(b"PAR1....PAR1", "file_parquet"), (b"PK\x03\x04....", "file_zip")], ids=["parquet", "zip"]
)
def test_file_that_is_only_named_csv_is_refused_by_its_kind(flow, content, code):
    flow.segment(HEAD + MARA)
    flow.segment(content, partition=2)
    flow.run_fails(code, "Gold_2.csv")


@pytest.mark.parametrize("refresh", ["2026/13/01/0500", "2999/01/01/0500"])
def test_folder_that_can_be_no_refresh_is_told_in_the_runs_story(flow, refresh):
    flow.segment(HEAD + MARA)
    flow.segment(HEAD + UMA, refresh=refresh)
    status = flow.run()
    assert status["status"] == "succeeded"
    [text] = [event["text"] for event in status["story"] if event["kind"] == "passed_over"]
    assert text.startswith(f"Gold/{refresh[:4]}")
    assert addresses(flow) == {"mara"}
    [note] = check_export(flow.app, Export.model_validate(flow.export), None)
    assert text in note
    document = flow.app.document()
    why = export_overview(flow.app, document, document.exports[0]).why_not_running
    assert why.code == "no_new_snapshot"
    assert text in why.text


# Formats


def test_each_file_is_read_by_its_own_format(flow):
    flow.segment(HEAD + MARA, partition=1)
    flow.segment("S-2|oleg@example.org|Oleg\n", partition=2)
    flow.segment("S-3\tuma@example.org\tUma\n", partition=3)
    formats = [(1, True, ","), (2, False, "|"), (3, False, "\\t")]
    partitions = [
        listing(location_of(flow, number, "2026/11/24/0500"), columnHeaders=header, delimiter=delimiter)["partitions"][
            0
        ]
        for number, header, delimiter in formats
    ]
    flow.model_json({**listing(), "partitions": partitions})
    status = flow.run()
    assert (status["status"], status["rows_read"]) == ("succeeded", 3)
    assert {attributes["FIRSTNAME"] for attributes in flow.sent().values()} == {"Mara", "Oleg", "Uma"}


def test_delimiter_of_model_json_that_no_file_has_is_named_and_can_be_replaced(flow):
    flow.segment((HEAD + MARA).replace(",", ";"))
    flow.model_json(listing(location_of(flow, 1, "2026/11/24/0500"), delimiter="~~"))
    flow.run_fails("model_json_invalid", "the delimiter of the table Gold is '~~'", "source.delimiter")
    flow.change(source={**flow.export["source"], "delimiter": ";"})
    assert check_export(flow.app, Export.model_validate(flow.export), None) == []
    assert flow.run()["status"] == "succeeded"


# Layouts


def subject(flow, name: str) -> str:
    return f"/blobServices/default/containers/{flow.container}/blobs/{name}"


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("ci_1/Export", "ci_1/Export/Gold/2026/11/24/0500/GoldenCustomers_a.csv"),
        ("/", "Gold/2026/11/24/0500/Gold_1.csv"),
        ("lake/raw/crm/ci_1/Export", "lake/raw/crm/ci_1/Export/Gold/2026/11/24/0500/Gold_1.csv.gz"),
        ("ci_1", "ci_1/CampaignExport_Gold_1790000000.csv"),
        ("ci_1/Campaign_Export", "ci_1/Campaign_Export_Gold_1790000000.csv"),
    ],
)
def test_event_of_a_file_starts_a_run_in_each_layout(flow, folder, name):
    flow.change(source={"container": flow.container, "folder": folder})
    flow.app.storage.segment_blobs.write(flow.container, name, (HEAD + MARA).encode())
    assert start_for_blob(flow.app, subject(flow, name.replace("Gold", "Lead"))) == []
    [start] = start_for_blob(flow.app, subject(flow, name))
    status = flow.finish(start.run_id)
    assert (status["status"], status["trigger"], status["rows_read"]) == ("succeeded", "event", 1)
    assert addresses(flow) == {"mara"}
