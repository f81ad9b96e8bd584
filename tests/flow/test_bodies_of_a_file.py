"""Bodies in the place of a file that Brevo could not import: the same contacts, reported and counted like others."""

import pytest

from shared.brevo import body
from shared.brevo.session import BrevoSession
from shared.staging import parts
from shared.storage.tables import Row
from tests.flow.call_backs import call_back_at_once
from tests.flow.gold_file import TWO, many, read_from_memory

UNREACHABLE = ("POST /contacts/import", "import-file-unreachable")


@pytest.fixture
def filed(make_flow, monkeypatch):
    """Makes a flow by file, whose sandbox reads files from its storage in memory."""

    def make(**settings):
        flow = make_flow(**settings)
        flow.change(delivery="file")

        read_from_memory(flow, monkeypatch)
        return flow

    return make


@pytest.fixture
def small_files(monkeypatch):
    monkeypatch.setattr(parts, "LARGEST_FILE_BYTES", 40_000)
    monkeypatch.setattr(parts, "_BLOCK_BYTES", 9_000)


@pytest.mark.parametrize("delivery", ["body", "file"])
def test_call_backs_cost_no_looks(filed, monkeypatch, delivery):
    monkeypatch.setattr(body, "LARGEST_BODY_BYTES", 18_000)
    flow = filed(PUBLIC_URL="http://127.0.0.1:9")
    call_back_at_once(flow, monkeypatch)
    flow.change(delivery=delivery)
    flow.sandbox.change(file_url="unreachable")
    flow.app.storage.accounts.put(Row(flow.account, "learned", {"seconds_per_contact": 0.05}))
    flow.segment(many(2_000))
    assert flow.run()["status"] == "succeeded"
    assert flow.sandbox.log.count("GET /processes") <= 4


@pytest.mark.usefixtures("small_files")
def test_storage_that_is_closed_costs_one_failed_import(filed):
    flow = filed()
    flow.sandbox.change(file_url="unreachable")
    flow.segment(many(3_000))
    status = flow.run()
    assert (status["status"], len(flow.sent())) == ("succeeded", 3_000)
    assert sum(each.status == "failed" for each in flow.sandbox.imports.records()) == 1


@pytest.mark.usefixtures("small_files")
def test_file_that_fails_behind_one_that_was_imported_says_nothing_of_the_others(filed):
    flow = filed()
    flow.sandbox.fail_next("POST /contacts/import", "import-file-slow")
    flow.sandbox.change(slow_seconds=0.0)
    flow.sandbox.fail_next(*UNREACHABLE)
    flow.segment(many(3_000))
    status = flow.run()
    assert (status["status"], len(flow.sent())) == ("succeeded", 3_000)
    by_file = [each for each in flow.sandbox.imports.records() if "fileUrl" in each.order.fields_sent]
    assert [each.status for each in by_file].count("completed") >= 2


@pytest.mark.parametrize("how", ["unreachable", "refused"])
def test_body_that_fails_is_sent_again_once(filed, how):
    flow = filed()
    flow.sandbox.change(file_url=how)
    if how == "unreachable":
        flow.sandbox.fail_next(*UNREACHABLE)
    flow.sandbox.fail_next("POST /contacts/import", "import-failed", times=6)
    flow.segment(TWO)
    story = flow.run()["story"]
    bodies = [each for each in flow.sandbox.imports.records() if "jsonBody" in each.order.fields_sent]
    assert len(bodies) == 2
    assert sum(each["kind"] == "import_failed" for each in story) == 1


def test_bodies_do_not_take_the_numbers_of_other_files(filed, monkeypatch):
    monkeypatch.setattr(parts, "LARGEST_FILE_BYTES", 700)
    monkeypatch.setattr(parts, "_BLOCK_BYTES", 350)
    flow = filed()
    flow.sandbox.fail_next(*UNREACHABLE)
    flow.segment(many(1_150))
    status = flow.run()
    assert status["batches"] > 100
    assert (status["contacts_confirmed"], len(flow.sent())) == (1_150, 1_150)


def test_rejected_contacts_have_the_lines_of_their_files(filed, monkeypatch):
    monkeypatch.setattr(body, "LARGEST_BODY_BYTES", 9_000)
    monkeypatch.setattr("shared.staging.reader.CHUNK_BYTES", 3_000)
    monkeypatch.setattr(parts, "LARGEST_FILE_BYTES", 30_000)
    monkeypatch.setattr(parts, "_BLOCK_BYTES", 7_000)
    flow, wanted = filed(), set(range(0, 1_500, 37))
    monkeypatch.setattr(
        "local.brevo_sandbox.applying.is_email", lambda text: int(text[1:].partition("@")[0]) not in wanted
    )
    flow.change(segments=["Gold", "Silver"])
    flow.sandbox.fail_next(*UNREACHABLE, times=2)
    for place, (first, count) in enumerate([(0, 700), (700, 300)], start=1):
        flow.segment(many(count, first), partition=place)
    flow.segment(many(500, 1_000), name="Silver")
    status = flow.run()
    starts = {"Gold_1.csv": 0, "Gold_2.csv": 700, "Silver_1.csv": 1_000}
    got = [(int(row["line"]) - 2 + starts[row["file"]], row["customer_id"]) for row in flow.rejects(status["run_id"])]
    assert sorted(got) == [(number, f"C-{number}") for number in sorted(wanted)]
    assert status["contacts_confirmed"] == 1_500 - len(wanted) == len(flow.sent())


REFUSALS = {
    "no such file": (400, b'{"code":"invalid_parameter","message":"The contacts file does not exist"}'),
    "not found": (404, b'{"code":"document_not_found","message":"File not found"}'),
}


@pytest.mark.parametrize("answer", REFUSALS.values(), ids=REFUSALS)
def test_file_is_refused_with_whatever_words(filed, monkeypatch, answer):
    flow, real = filed(), BrevoSession._send
    status, text = answer

    def send(self, method, path, params, data):
        if path == "/contacts/import" and b"fileUrl" in data:
            self.traffic.requests += 1
            return status, {}, text
        return real(self, method, path, params, data)

    monkeypatch.setattr(BrevoSession, "_send", send)
    flow.segment(TWO)
    assert (flow.run()["status"], len(flow.sent())) == ("succeeded", 2)


def test_guard_sees_how_many_were_rejected_though_not_all_are_named(filed, monkeypatch):
    monkeypatch.setattr("shared.brevo.rejections.MOST_NAMED", 1_000)
    flow = filed()
    monkeypatch.setattr("local.brevo_sandbox.applying.is_email", lambda text: int(text[1:].partition("@")[0]) >= 1_100)
    flow.change(max_rejected=0.5)
    flow.segment(many(1_600))
    status = flow.run()
    assert (status["status"], status["contacts_confirmed"]) == ("failed", 500)
    assert sum(status["contacts_rejected_by_brevo"].values()) == 1_100
    assert "100 lines of Brevo's reports on batch 1 are too many to name: only counted." in " ".join(
        each["text"] for each in status["story"]
    )
