"""Rejected rows of a run that has not read its segment: it says so, where an empty file would say that none is."""

import json

import pytest
from click.testing import CliRunner

from export_trigger.openapi import openapi_document
from shared.cli.program import program
from tests.flow.asking import ROUTES
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
