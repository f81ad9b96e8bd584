"""Whatever comes in: no traceback, no 5xx but a 503 that says when, nothing lost, and every error is one line."""

import json
import logging
from datetime import UTC, datetime
from typing import Any

import azure.functions as func
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blob_export import blueprint as blob_trigger
from export_trigger import blueprint as http_trigger
from export_trigger import entry as http_entry
from shared.brevo.answers import read_answer, seconds_until_reset
from shared.brevo.client import BrevoClient
from shared.brevo.reports import may_follow
from shared.config.document import DocumentError, parse_document
from shared.errors import ConfigurationError, ExportError
from shared.runs.queue import parse_message
from shared.runs.steps.dispatch import abandon, take_step
from shared.staging.preview import preview
from tests.faults.conftest import check_books
from tests.hostile.inputs import (
    ALL,
    ANSWERS,
    BODIES,
    DOCUMENTS,
    MESSAGES,
    SEGMENTS,
    SUBJECTS,
    UNREADABLE_HEADERS,
    WORDS,
)

HYPOTHESIS = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
PLAIN_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


def one_line(text: str) -> bool:
    return text.isprintable() or not any(char in text for char in "\n\r\x00\x1b\u2028")


def check_error(error: ExportError) -> None:
    assert one_line(error.message), ascii(error.message)
    assert one_line(error.advice), ascii(error.advice)
    assert error.message.strip()


def short(value: Any) -> str:
    return ascii(value)[:50]


def test_table_of_nasty_inputs_is_large():
    assert len({repr(value) for value in ALL}) >= 300


# The configuration


def problems(data: bytes) -> list[str]:
    """What is wrong with the document, if it is refused as it should be."""
    try:
        parse_document(data, "config.json")
    except DocumentError as error:
        assert error.problems
        assert all(problem.startswith("config.json: ") for problem in error.problems)
        return error.problems
    return []


def read_or_refuse(data: bytes) -> None:
    for problem in problems(data):
        assert one_line(problem), ascii(problem)


@pytest.mark.parametrize("data", DOCUMENTS, ids=short)
def test_configuration_is_read_or_refused_with_the_place(data):
    problems(data)


def test_configuration_is_read_or_refused_with_one_line_for_each_problem():
    for data in DOCUMENTS:
        read_or_refuse(data)


@given(st.binary(max_size=200) | PLAIN_JSON.map(lambda value: json.dumps(value).encode()))
@HYPOTHESIS
def test_any_configuration_is_read_or_refused_with_the_place(data):
    problems(data)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "connections": st.lists(st.dictionaries(st.sampled_from(["id", "api_key", "consent", "x"]), PLAIN_JSON)),
            "exports": st.lists(
                st.dictionaries(st.sampled_from(["id", "segments", "mapping", "schedule", "source", "y"]), PLAIN_JSON)
            ),
        },
    )
)
@HYPOTHESIS
def test_any_near_miss_of_a_configuration_is_read_or_refused_with_the_place(value):
    problems(json.dumps(value).encode())


# Segment files


def read_segment(story, data: bytes, mapping: dict[str, Any]) -> None:
    story.segment(data)
    story.save(mapping=mapping, leave_out_missing_attributes=True)
    try:
        previewed = preview(story.app.storage.segment_blobs, story.app.ready_export("gold"))
    except ExportError as error:
        check_error(error)
        previewed = None
    status = story.run(hours=0.2)
    assert not story.errors, story.errors
    assert status["status"] in ("succeeded", "succeeded_with_rejections", "failed", "skipped"), status
    if previewed is None or status["status"] == "failed":
        assert status["status"] == "failed"
        assert one_line(status["error"]["message"])
        assert one_line(status["error"]["advice"])
        assert story.imports() == 0
        return
    check_books(status)
    assert previewed.rows_read == status["rows_read"]
    assert len(story.sent()) == status["contacts_confirmed"] == status["contacts_mapped"]
    told = len(story.rejects(status["run_id"]))
    assert told == sum(status["rows_rejected"].values()) + sum(status["warnings"].values())


@pytest.mark.parametrize("data", SEGMENTS, ids=short)
def test_segment_file_is_read_row_for_row_or_refused_by_name(story, data):
    read_segment(
        story, data, {"email": "EMail", "first_name": "FirstName"} if b"FirstName" in data else {"email": "EMail"}
    )


@pytest.mark.parametrize("data", [data for data in SEGMENTS[::5] if len(data) < 10_000], ids=short)
def test_segment_file_is_read_or_refused_with_all_its_columns(story, data):
    read_segment(story, data, {"email": "EMail", "attributes": "all"})


@pytest.mark.parametrize("data", UNREADABLE_HEADERS, ids=short)
def test_segment_file_whose_first_line_is_no_text_is_refused_in_one_line(story, data):
    trouble = ""
    try:
        read_segment(story, data, {"email": "EMail"})
    except (AssertionError, UnicodeError) as error:
        trouble = ascii(error)
    assert not trouble


def test_segment_with_long_column_names_is_sent_without_them(story):
    names = [f"{'c' * 400}{number}" for number in range(100)]
    read_segment(
        story,
        f"EMail,{','.join(names)}\nana@example.com{',x' * 100}\n".encode(),
        {"email": "EMail", "attributes": "all"},
    )


def test_segment_with_more_columns_than_memory_holds_is_refused_with_the_number(story):
    names = [f"Column{number}" for number in range(3000)]
    story.segment(f"EMail,{','.join(names)}\nana@example.com{',x' * 3000}\n")
    story.save(mapping={"email": "EMail", "attributes": "all"})
    with pytest.raises(ConfigurationError) as caught:
        preview(story.app.storage.segment_blobs, story.app.ready_export("gold"))
    check_error(caught.value)
    assert "3,000" in str(caught.value) or "3000" in str(caught.value)


@given(st.lists(st.lists(st.sampled_from([*WORDS[:55], "ana@example.com", '"', "\r"]), max_size=5), max_size=6))
@settings(HYPOTHESIS, max_examples=10)
def test_any_segment_file_is_read_row_for_row_or_refused_by_name(make_story, rows):
    text = "\n".join(",".join(row) for row in rows)
    story = make_story()
    story.sandbox.reset()
    read_segment(story, f"CustomerId,EMail,FirstName\n{text}".encode(), {"email": "EMail", "first_name": "FirstName"})


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
    monkeypatch.setattr(blob_trigger, "open_app", lambda: story.app)
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


# Brevo's answers


class Answering:
    """A session that gets one answer to everything."""

    def __init__(self, status: int, body: bytes) -> None:
        self._status, self._body = status, body

    def call(self, *_: Any, **__: Any) -> Any:
        return read_answer(self._status, {"x-sib-ratelimit-reset": "x"}, self._body)


def ask_everything(status: int, body: bytes) -> None:
    brevo = BrevoClient(Answering(status, body))  # type: ignore[arg-type]
    for ask in (
        lambda: brevo.list_name(12),
        brevo.list_count,
        brevo.attributes,
        lambda: brevo.create_attribute("A", "text"),
        brevo.allowance,
        lambda: brevo.import_contacts(b"{}"),
        lambda: brevo.processes({78, 79}),
    ):
        try:
            ask()
        except ExportError as error:
            check_error(error)


@pytest.mark.parametrize(("status", "body"), ANSWERS, ids=short)
def test_answer_of_brevo_is_read_or_told_in_one_line(status, body):
    ask_everything(status, body)


@given(st.integers(200, 599), st.binary(max_size=80) | PLAIN_JSON.map(lambda value: json.dumps(value).encode()))
@HYPOTHESIS
def test_any_answer_of_brevo_is_read_or_told_in_one_line(status, body):
    ask_everything(status, body)


@given(
    st.fixed_dictionaries(
        {"id": st.sampled_from([78, 79, "78", True, None]), "status": PLAIN_JSON},
        optional={"info": st.fixed_dictionaries({"import": st.dictionaries(st.just("invalid_emails"), PLAIN_JSON)})},
    )
)
@HYPOTHESIS
def test_any_process_is_read_or_told_in_one_line(process):
    ask_everything(200, json.dumps({"processes": [process], **process}).encode())


@given(st.text(max_size=40))
@HYPOTHESIS
def test_any_header_and_any_link_is_judged(text):
    assert (seconds_until_reset({"x-sib-ratelimit-reset": text}) or 0) >= 0
    assert may_follow(text, "https://api.brevo.com/v3") in (True, False)
