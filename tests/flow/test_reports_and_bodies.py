"""What is said of rejected rows, and what a run sends in how many bodies."""

import json

import pytest

from shared.brevo import body
from shared.runs.report import rejected_rows_part
from shared.runs.status import find_run
from shared.staging import rejected
from shared.staging.rejected import REJECTED
from tests.flow.one_column import HEAD, sha


def test_rejected_rows_are_told_exactly_and_hold_no_value(flow):
    flow.change(
        mapping={
            "email": "EMail",
            "phone": "P",
            "attributes": {"BIRTHDAY": {"field": "B", "type": "date"}, "CITY": "City"},
        }
    )
    flow.segment(
        b"CustomerId,EMail,P,B,City\n"
        b"C-1,secret.ana@example.com,0722123456,1985-02-03,Cluj\n"
        b" C-2 ,,0722123457,,\n"
        b"C-3,Secret.Nobody,,,\n"
        b"C-4,Secret.Ana@Example.com,,,\n"
        b"C-5,secret.ion@example.com,0722123456,,\n"
        b"C-6,secret.eva@example.com,99secret,1985-99-99,\n"
        b"C-7,secret.max@example.com,,,Ia\xffi\n"
        b"=cmd(),,,,\n"
        b"C-8,secret.leo@example.com\n"
        b"secret.id@example.com,,,,\n"
    )
    status = flow.run()
    lines = flow.rejects_text(status["run_id"]).splitlines()
    assert lines[0] == "segment,file,line,reason,field,customer_id,email_sha256,outcome"
    assert sorted(lines[1:]) == sorted(
        [
            "Gold,Gold_1.csv,3,missing_email,EMail,C-2,,not_sent",
            f"Gold,Gold_1.csv,4,invalid_email,EMail,C-3,{sha('secret.nobody')},not_sent",
            f"Gold,Gold_1.csv,5,duplicate_email,EMail,C-4,{sha('secret.ana@example.com')},not_sent",
            f"Gold,Gold_1.csv,6,duplicate_phone,P,C-5,{sha('secret.ion@example.com')},sent_without_value",
            f"Gold,Gold_1.csv,7,invalid_phone,P,C-6,{sha('secret.eva@example.com')},sent_without_value",
            f"Gold,Gold_1.csv,7,invalid_date,B,C-6,{sha('secret.eva@example.com')},sent_without_value",
            "Gold,Gold_1.csv,8,invalid_encoding,,,,not_sent",
            "Gold,Gold_1.csv,9,missing_email,EMail,'=cmd(),,not_sent",
            "Gold,Gold_1.csv,10,malformed_row,,,,not_sent",
            "Gold,Gold_1.csv,11,missing_email,EMail,,,not_sent",
        ]
    )
    assert status["rows_rejected"] == {
        "missing_email": 3,
        "invalid_email": 1,
        "duplicate_email": 1,
        "invalid_encoding": 1,
        "malformed_row": 1,
    }
    assert status["warnings"] == {"duplicate_phone": 1, "invalid_phone": 1, "invalid_date": 1}
    told = json.dumps(status) + flow.rejects_text(status["run_id"])
    for value in ("secret", "0722123456", "1985-", "Cluj", "@"):
        assert value not in told


OLDER = {
    "{run}/{staging}-00001.csv": "Gold,Gold_1.csv,3,missing_email,EMail,C-2,\n"
    f'Gold,Gold_1.csv,4,invalid_phone,"Tel, ""home""",C-3,{sha("ana@example.com")}\n',
    "{run}/brevo-{staging}-00001-00001.csv": f"Gold,Gold_1.csv,5,brevo_duplicate_phone,,C-4,{sha('ion@example.com')}\n",
}
OLDER_TOLD = (
    "segment,file,line,reason,field,customer_id,email_sha256,outcome\n"
    "Gold,Gold_1.csv,3,missing_email,EMail,C-2,,not_sent\n"
    f'Gold,Gold_1.csv,4,invalid_phone,"Tel, ""home""",C-3,{sha("ana@example.com")},sent_without_value\n'
    f"Gold,Gold_1.csv,5,brevo_duplicate_phone,,C-4,{sha('ion@example.com')},rejected_by_brevo\n"
)


@pytest.mark.parametrize("part_bytes", [16_000_000, 100, 70])
def test_rejected_rows_that_release_0_1_wrote_are_told_with_their_outcome(flow, monkeypatch, part_bytes):
    flow.segment(HEAD + "C-1,ana@example.com,Ana\n")
    run = find_run(flow.app, flow.run()["run_id"])
    for name, rows in OLDER.items():
        name = name.format(run=run.run_id, staging=run.rejected_id)
        flow.app.storage.app_blobs.write(REJECTED, name, rows.encode())
    assert flow.rejects_text(run.run_id) == OLDER_TOLD
    monkeypatch.setattr(rejected, "REPORT_PART_BYTES", part_bytes)
    first, parts = rejected_rows_part(flow.app, run, 1)
    assert parts == -(-len(OLDER_TOLD) // part_bytes)
    rest = [rejected_rows_part(flow.app, run, number)[0] for number in range(2, parts + 1)]
    assert b"".join([first, *rest]).decode() == OLDER_TOLD


def test_run_changes_nothing_but_its_own_contacts_and_list(flow):
    before = flow.sandbox.digest(13)
    blocked = flow.sandbox.account.contacts["blocked.person@example.com"]
    flow.segment(HEAD + "C-1,ana@example.com,Ana\nC-2,blocked.person@example.com,Still\n")
    flow.run()
    assert blocked.email_blocked
    assert flow.sandbox.account.attributes_of(blocked) == {"CITY": "York", "FIRSTNAME": "Still"}
    assert set(flow.sandbox.members(13)) == {
        "ada.brook@example.com",
        "ben.frost@example.com",
        "cara.stone@example.com",
        "blocked.person@example.com",
    }
    assert before["count"] == flow.sandbox.digest(13)["count"]
    assert flow.sandbox.imports.fields_ever_sent() == {
        "jsonBody",
        "listIds",
        "updateExistingContacts",
        "disableNotification",
    }
    assert flow.sandbox.imports.records()[0].order.disable_notification
    assert set(flow.sandbox.log.totals()) == {
        "GET /contacts/lists/{listId}",
        "GET /contacts/attributes",
        "GET /account",
        "POST /contacts/import",
        "GET /processes",
    }


def test_many_contacts_are_sent_in_batches_of_at_most_the_largest_body(flow, monkeypatch):
    assert body.LARGEST_BODY_BYTES == 8 * 1024 * 1024
    monkeypatch.setattr(body, "LARGEST_BODY_BYTES", 60_000)
    rows = [f"C-{n},person{n}@example.com,Name {n} ăâîșț\n" for n in range(3_000)]
    flow.segment(HEAD + "".join(rows))
    status = flow.run()
    records = flow.sandbox.imports.records()
    assert status["batches"] == len(records) > 3
    assert all(record.body_bytes <= 60_000 for record in records)
    assert [record.contacts for record in records] and sum(record.contacts for record in records) == 3_000
    assert status["bytes_sent"] == sum(record.body_bytes for record in records)
    assert status["requests"] == sum(flow.sandbox.log.totals().values())
    assert flow.sent() == {f"person{n}@example.com": {"FIRSTNAME": f"Name {n} ăâîșț"} for n in range(3_000)}
    assert flow.sandbox.imports.most_open_at_once == 1


def test_contact_that_no_body_has_room_for_has_one_of_its_own(flow, monkeypatch):
    monkeypatch.setattr(body, "LARGEST_BODY_BYTES", 1_000)
    large = "x" * 2_000
    flow.segment(f"{HEAD}C-1,ana@example.com,Ana\nC-2,ion@example.com,{large}\nC-3,eva@example.com,Eva\n")
    status = flow.run()
    assert (status["status"], status["batches"], status["contacts_confirmed"]) == ("succeeded", 3, 3)
    assert flow.sent()["ion@example.com"] == {"FIRSTNAME": large}
