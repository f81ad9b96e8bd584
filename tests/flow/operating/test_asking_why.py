"""How somebody asks why a person is not in the list: by the terminal and by HTTP, and where the address is not kept."""

import json
import logging
from contextlib import nullcontext

import pytest

from shared.administration.audit import read_audit
from tests.flow.asking import ROUTES
from tests.flow.described import check_described
from tests.flow.operating.tools import ADMINISTRATOR, ANA, HEAD, everything_stored

SEGMENT = f"{HEAD}C-1,{ANA},Ana\nC-2,ben@example.com,Ben\n"


@pytest.fixture
def office(office_in_memory):
    """What `typed` works with: storage in memory."""
    return office_in_memory


def test_terminal_reads_the_address_past_the_history_and_shows_text_and_json(office, typed):
    office.segment(SEGMENT)
    office.run()
    status, output, errors = typed("why", office.export_id, "-", typed_in=f" {ANA.upper()} \n")
    assert (status, errors) == (0, "")
    lines = output.splitlines()
    assert lines[0] == "in_list: The person is in list 12."
    assert "file Gold_1.csv, line 2" in " ".join(output.split())
    assert any(line.startswith("What to do: ") for line in lines)
    status, output, _ = typed("why", office.export_id, ANA, "--json")
    found = json.loads(output)
    assert (status, found["verdict"], found["export"]) == (0, "in_list", office.export_id)
    assert list(found) == ["export", "list_id", "verdict", "reason", "sentence", "evidence", "advice"]
    status, output, errors = typed("why", office.export_id, "-", typed_in="nobody\n")
    assert (status, output) == (2, "")
    assert "That is no e-mail address." in errors
    assert typed("why", "no-such", ANA)[0] == 2
    status, output, _ = typed("why", office.export_id, "--customer-id", "C-1", "--json")
    assert (status, json.loads(output)["verdict"]) == (0, "in_list")
    assert typed("why", office.export_id)[0] == 2
    assert "Exactly one of EMAIL, --customer-id" in typed("why", office.export_id, ANA, "--customer-id", "C-1")[2]


def test_address_is_in_no_table_blob_log_line_span_or_error(office, typed, caplog, monkeypatch):
    seen = []
    monkeypatch.setattr("shared.telemetry.span", lambda name, **values: seen.append((name, values)) or nullcontext())
    office.segment(f'{HEAD}C-1,{ANA},"Ana"x\nC-3,{ANA},Ana\n')
    run_id = office.run()["run_id"]
    caplog.set_level(logging.DEBUG)
    for key in (None, "wrong"):
        if key:
            monkeypatch.setenv(office.account, key)
        status, output, errors = typed("why", office.export_id, "-", typed_in=f"{ANA}\n")
        assert status == 0
        ours = [each.getMessage() for each in caplog.records if not each.name.startswith("azure")]
        for text in (output, errors, "\n".join(ours), repr(seen), typed("audit")[1], office.rejects_text(run_id)):
            assert ANA not in text.lower()
    assert ANA.encode() not in everything_stored(office)
    assert seen
    (entry, *_), _ = read_audit(office.app, ADMINISTRATOR, limit=1)
    assert (entry.what, entry.target, entry.detail) == ("why", office.export_id, "")


def test_route_answers_as_described_and_refuses_what_is_no_address(asked):
    asked.flow.run()
    answer = asked("why_not_in_list", "administrator", body={"email": " Ana@Example.com "})
    check_described(ROUTES["why_not_in_list"], answer)
    assert (answer.status_code, json.loads(answer.get_body())["verdict"]) == (200, "in_list")
    assert b"ana@" not in answer.get_body().lower()
    refused = asked("why_not_in_list", "administrator", body={"email": "nobody.here"})
    assert refused.status_code == 422
    assert b"nobody" not in refused.get_body()
    assert asked("why_not_in_list", "administrator", body={"email": "a" * 400 + "@example.com"}).status_code == 400


def test_route_takes_a_customer_id_in_place_of_an_address_and_never_both(asked):
    asked.flow.segment(f"{HEAD}C-17,,Ana\nC-2,ben@example.com,Ben\n")
    asked.flow.run()
    answer = asked("why_not_in_list", "administrator", body={"customer_id": "C-17"})
    check_described(ROUTES["why_not_in_list"], answer)
    found = json.loads(answer.get_body())
    assert (answer.status_code, found["verdict"], found["reason"]) == (200, "rejected", "missing_email")
    assert asked("why_not_in_list", "administrator", body={"customer_id": "\x00"}).status_code == 422
    for body in ({}, {"email": ANA, "customer_id": "C-17"}, {"customer_id": ""}):
        assert asked("why_not_in_list", "administrator", body=body).status_code == 400
