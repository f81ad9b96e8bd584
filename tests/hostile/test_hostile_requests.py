"""Whatever comes by HTTP, event or queue: no traceback, no 5xx but a 503 that says when, nothing lost."""

import json
import logging
from datetime import UTC, datetime
from typing import Any

import azure.functions as func
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blob_export import blueprint as blob_trigger
from export_trigger import blueprint as http_trigger
from export_trigger import entry as http_entry
from shared.errors import ExportError
from shared.runs.queue import parse_message
from shared.runs.steps.dispatch import abandon, take_step
from tests.hostile.checks import HYPOTHESIS, PLAIN_JSON, check_error, one_line
from tests.hostile.inputs import (
    BODIES,
    MESSAGES,
    SUBJECTS,
    WORDS,
)

# HTTP

HANDLERS = {
    name: getattr(http_trigger, name)._function.get_user_function()
    for name in (
        "list_exports",
        "start_export",
        "start_exports",
        "list_runs",
        "preview_export",
        "show_run",
        "cancel_run",
        "show_rejected_rows",
        "webhook",
        "import_finished",
        "health",
    )
}


@pytest.fixture
def served(story, monkeypatch):
    story.people(2)
    monkeypatch.setattr(http_entry, "open_app", lambda: story.app)
    monkeypatch.setattr(blob_trigger, "open_worker_app", lambda: story.app)
    return story


def call(name: str, body: bytes = b"", caplog: Any = None, **path: str) -> func.HttpResponse:
    request = func.HttpRequest(method="POST", url="/api/x", headers={}, params={}, route_params=path, body=body)
    answer = HANDLERS[name](request)
    assert isinstance(answer, func.HttpResponse)
    assert answer.status_code < 500 or (answer.status_code == 503 and answer.headers["Retry-After"])
    text = answer.get_body().decode()
    assert "Traceback" not in text
    if answer.status_code >= 400:
        told = json.loads(text)
        assert told["status"] == answer.status_code
        assert one_line(told["title"])
        assert one_line(told["detail"])
    return answer


@pytest.mark.parametrize("name", ["start_export", "start_exports", "webhook"])
def test_any_body_of_the_table_is_answered(served, name):
    for body in BODIES:
        call(name, body, id="gold")


@pytest.mark.parametrize("name", [name for name in HANDLERS if name != "import_finished"])
def test_any_path_of_the_table_is_answered(served, name):
    for word in [*WORDS, "\ud800", "gold\ud800", "gold-20261124T050000-abcdef", "gold-٢٠٢٦١١٢٤T٠٥٠٠٠٠-abcdef"]:
        call(name, id=word)


def test_call_back_answers_all_wrong_paths_alike(served):
    run_id = served.start().run_id
    right = served.app.store.load(run_id).token
    answers = set()
    for word in [*WORDS, "\ud800"]:
        for path in ({"run": word, "batch": "1", "token": right}, {"run": run_id, "batch": "1", "token": word}):
            answer = call("import_finished", **path)
            answers.add((answer.status_code, answer.get_body()))
    assert len(answers) == 1
    assert answers.pop()[0] == 404
    for word in WORDS:
        call("import_finished", run=run_id, batch=word, token=right)


@given(
    body=st.binary(max_size=60) | PLAIN_JSON.map(lambda value: json.dumps(value).encode()), path=st.text(max_size=30)
)
@HYPOTHESIS
def test_any_request_is_answered(served, body, path):
    for name in ("start_export", "webhook", "show_run"):
        call(name, body, id=path)


# Events


def take_event(subject: Any, data: Any = None) -> None:
    event = func.EventGridEvent(
        id="1",
        data=data,
        topic="t",
        subject=subject,
        event_type="Microsoft.Storage.BlobCreated",
        event_time=datetime.now(UTC),
        data_version="1",
    )
    blob_trigger.blob_export._function.get_user_function()(event)


def test_any_subject_of_the_table_is_taken_or_ignored(served):
    for subject in SUBJECTS:
        take_event(subject)
    for data in (None, [], 5, "x", {}, {"url": "x"}):
        take_event(SUBJECTS[-1], data)
    served.work(hours=0.3)
    assert all(run.is_final for run in served.runs())


@given(
    st.text(max_size=60)
    | st.from_regex(r"/blobServices/default/containers/[^/]{0,9}/blobs/[a-z%0-9/.\[\]]{0,40}", fullmatch=True)
)
@HYPOTHESIS
def test_any_subject_is_taken_or_ignored(served, subject):
    take_event(subject)


# Queue messages


@pytest.mark.parametrize("take", [take_step, abandon])
def test_any_message_of_the_table_is_taken_or_dropped_with_one_line(served, caplog, take):
    caplog.set_level(logging.INFO)
    for text in MESSAGES:
        take(served.app, text)
    assert all(one_line(record.getMessage()) and record.exc_info is None for record in caplog.records)


def test_any_message_for_a_run_that_waits_does_not_break_it(served, monkeypatch):
    wanted = served.sent() | {"person0@example.com", "person1@example.com"}
    run_id = served.start().run_id
    served.sandbox.fail_next("GET /contacts/lists/{listId}", "503", 4)
    for text in MESSAGES:
        take_step(served.app, text.replace(b"gold-20261124T050000-abcdef", run_id.encode()))
    served.work()
    assert served.sent() == wanted
    assert [run.state for run in served.runs()] == ["succeeded"]


@given(st.binary(max_size=100) | PLAIN_JSON.map(lambda value: json.dumps(value).encode()))
@HYPOTHESIS
def test_any_message_is_taken_or_dropped(served, data):
    take_step(served.app, data)
    abandon(served.app, data)


@given(st.integers(), st.integers(), st.integers(), st.floats(), st.floats())
@HYPOTHESIS
def test_any_numbers_in_a_message_are_taken_or_refused(batch, number, attempt, since, due):
    told = {"run": "gold-20261124T050000-abcdef", "step": "stage", "batch": batch, "number": number, "attempt": attempt}
    try:
        parse_message(json.dumps(told | {"failing_since": since, "due": due}))
    except ExportError as error:
        check_error(error)
