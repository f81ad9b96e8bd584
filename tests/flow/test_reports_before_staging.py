"""Rejected rows of a run that has not read its segment: it says so, where an empty file would say that none is."""

import json

import pytest
from click.testing import CliRunner

from export_trigger.openapi import openapi_document
from shared.cli.program import program
from shared.operating.pruning import prune
from tests.flow.asking import ROUTES
from tests.flow.clearing import ADMINISTRATOR
from tests.flow.described import check_described


def answered(asked, run_id):
    answer = asked("show_rejected_rows", "viewer", id=run_id)
    check_described(ROUTES["show_rejected_rows"], answer)
    return answer.status_code, json.loads(answer.get_body())


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_run_that_is_not_staged_yet_says_so_in_one_line(asked, monkeypatch, options):
    monkeypatch.setattr("shared.app.open_app", lambda: asked.flow.app)
    run_id = asked.flow.start().run_id
    done = CliRunner().invoke(program, ["rejects", run_id, *options])
    assert done.exit_code == 2
    assert done.stderr.splitlines() == [
        "segment-export: The run is not staged yet (queued), so its rejected rows are not known. Ask again when "
        f"`segment-export status {run_id}` shows another state than queued or staging."
    ]
    if options:
        assert json.loads(done.stdout)["error"]["code"] == "run_not_staged"
    else:
        assert done.stdout == ""


def test_run_before_it_that_has_some_is_named(asked, monkeypatch):
    monkeypatch.setattr("shared.app.open_app", lambda: asked.flow.app)
    before = asked.flow.run()["run_id"]
    asked.flow.start()
    done = CliRunner().invoke(program, ["rejects", asked.flow.export_id])
    assert done.stderr.endswith(f" Of the run before it: {before}.\n")


def test_call_of_the_api_gets_a_problem(asked):
    status, found = answered(asked, asked.flow.start().run_id)
    assert (status, found["type"].rpartition(":")[2]) == (409, "run_not_staged")
    assert found["title"] == "The run is not staged yet (queued), so its rejected rows are not known."
    assert "409" in openapi_document()["paths"]["/runs/{id}/rejected-rows"]["get"]["responses"]


def test_run_that_ended_before_it_was_staged_says_that_it_has_none(asked):
    asked.flow.segment("CustomerId,Other\n1,x\n")
    status, found = answered(asked, asked.flow.run()["run_id"])
    assert (status, found["title"]) == (
        409,
        "The run ended before its whole segment was read (failed), so it has no rejected rows.",
    )


def test_staged_run_without_rejected_rows_has_the_header_alone(asked):
    run_id = asked.flow.run()["run_id"]
    answer = asked("show_rejected_rows", "viewer", id=run_id)
    assert answer.status_code == 200
    assert answer.get_body() == b"segment,file,line,reason,field,customer_id,email_sha256,outcome\n"


def test_run_whose_rejected_rows_are_past_their_time_says_so_instead_of_naming_none(asked, monkeypatch):
    monkeypatch.setattr("shared.app.open_app", lambda: asked.flow.app)
    asked.flow.segment("CustomerId,EMail,FirstName\nC-1,ana@example.com,Ana\nC-2,none,Ion\n")
    run_id = asked.flow.run()["run_id"]
    asked.flow.app.storage.clock.skip(31 * 24 * 3600)
    assert CliRunner().invoke(program, ["rejects", run_id]).stdout.count("invalid_email") == 1
    prune(asked.flow.app, ADMINISTRATOR, 400)
    done = CliRunner().invoke(program, ["rejects", run_id])
    assert (done.exit_code, done.stdout) == (2, "")
    assert f"The rejected rows of {run_id} were kept for 30 days, and are gone." in done.stderr
    status, found = answered(asked, run_id)
    assert (status, found["type"].rpartition(":")[2]) == (409, "rejected_rows_gone")


def test_run_of_which_no_row_was_rejected_has_an_empty_report_for_ever(asked, monkeypatch):
    monkeypatch.setattr("shared.app.open_app", lambda: asked.flow.app)
    asked.flow.segment("CustomerId,EMail,FirstName\nC-1,ana@example.com,Ana\n")
    run_id = asked.flow.run()["run_id"]
    asked.flow.app.storage.clock.skip(31 * 24 * 3600)
    prune(asked.flow.app, ADMINISTRATOR, 400)
    assert CliRunner().invoke(program, ["rejects", run_id]).stdout.count("\n") == 1
