"""Whatever Brevo answers: it is read, or told in one line."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.brevo.answers import read_answer, seconds_until_reset
from shared.brevo.client import BrevoClient
from shared.brevo.download import may_follow
from shared.errors import ExportError
from tests.hostile.brevo_answers import ANSWERS
from tests.hostile.checks import HYPOTHESIS, PLAIN_JSON, check_error, short


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
        brevo.account,
        lambda: brevo.import_contacts(b"{}"),
        lambda: brevo.imports({78, 79}).wanted,
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
