"""An answer becomes JSON whatever it is made of."""

import json
from dataclasses import dataclass
from datetime import date

from shared.config.models import Consent
from shared.json_text import json_text


@dataclass(frozen=True)
class Outer:
    """Holds what an answer may hold."""

    inner: list["Inner"]
    consent: Consent | None
    name: str


@dataclass(frozen=True, slots=True)
class Inner:
    """A part of an answer."""

    count: int


def test_dataclasses_and_models_become_json_however_nested() -> None:
    answer = [Outer([Inner(1)], Consent(agreed_by="Zoë", agreed_on=date(2026, 11, 1)), "Ștefan")]
    text = json_text(answer)
    assert "Ștefan" in text
    assert json.loads(text) == [
        {"inner": [{"count": 1}], "consent": {"agreed_by": "Zoë", "agreed_on": "2026-11-01"}, "name": "Ștefan"}
    ]


def test_text_that_is_no_unicode_does_not_keep_the_answer_from_being_json() -> None:
    assert json.loads(json_text(Outer([], None, "\ud800"))) == {"inner": [], "consent": None, "name": "\ud800"}
