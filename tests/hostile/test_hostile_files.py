"""Whatever a configuration or a segment file holds: it is read, or refused by name in one line."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.config.document import DocumentError, parse_document
from shared.errors import ConfigurationError, ExportError
from shared.staging.preview import preview
from tests.faults.conftest import check_books
from tests.hostile import inputs
from tests.hostile.brevo_answers import ANSWERS
from tests.hostile.checks import HYPOTHESIS, PLAIN_JSON, check_error, one_line, short
from tests.hostile.inputs import DOCUMENTS, SEGMENTS, UNREADABLE_HEADERS, WORDS
from tests.sizes import thinned


def test_table_of_nasty_inputs_is_large():
    files = [*DOCUMENTS, *SEGMENTS, *UNREADABLE_HEADERS]
    requests: list[Any] = [*inputs.BODIES, *inputs.SUBJECTS, *inputs.MESSAGES]
    assert len({repr(value) for value in [*WORDS, *files, *requests, *ANSWERS]}) >= 300


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
        previewed = preview(story.app.storage.segment_blobs, story.app.ready_export("gold"), story.app.attributes)
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


@pytest.mark.parametrize("data", thinned(SEGMENTS, 4), ids=short)
def test_segment_file_is_read_row_for_row_or_refused_by_name(story, data):
    read_segment(
        story, data, {"email": "EMail", "first_name": "FirstName"} if b"FirstName" in data else {"email": "EMail"}
    )


@pytest.mark.parametrize("data", thinned([data for data in SEGMENTS[::5] if len(data) < 10_000], 3), ids=short)
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
    story.save(mapping={"email": "EMail", "attributes": "all"}, create_missing_attributes=True)
    with pytest.raises(ConfigurationError) as caught:
        preview(story.app.storage.segment_blobs, story.app.ready_export("gold"), story.app.attributes)
    check_error(caught.value)
    assert "3,000" in str(caught.value) or "3000" in str(caught.value)


@given(st.lists(st.lists(st.sampled_from([*WORDS[:55], "ana@example.com", '"', "\r"]), max_size=5), max_size=6))
@settings(HYPOTHESIS, max_examples=10)
def test_any_segment_file_is_read_row_for_row_or_refused_by_name(make_story, rows):
    text = "\n".join(",".join(row) for row in rows)
    story = make_story()
    story.sandbox.reset()
    read_segment(story, f"CustomerId,EMail,FirstName\n{text}".encode(), {"email": "EMail", "first_name": "FirstName"})
