"""What the simulation makes faster is what the real parts make."""

import dataclasses
import json

import pytest

from shared.notices.rows import NoticeRow
from shared.runs.counts import Counts
from shared.runs.queue import Message
from shared.runs.rows import _JSON
from shared.runs.state import Run
from shared.storage.tables import Row
from simulation import plain_json
from simulation.copies import make, maker, replace

RUN = Run("gold0-20261124T050000-abcdef", "gold0", "KEY", 12, "timer", "tester", counts=Counts(batches=2))
MESSAGE = Message(RUN.run_id, "confirm", number=1)


@pytest.mark.parametrize(
    ("model", "changes"),
    [
        (RUN, {"faults": 1, "times": {"queued": "x"}}),
        (RUN, {}),
        (RUN.counts, {"batches": 3}),
        (NoticeRow(), {"state": "told"}),
        (MESSAGE, {"number": 2}),
    ],
)
def test_copy_is_what_dataclasses_make_of_it(model, changes):
    copy = replace(model, **changes)
    assert type(copy) is type(model)
    assert copy == dataclasses.replace(model, **changes)
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(copy, dataclasses.fields(copy)[0].name, "")


def test_copy_of_a_message_is_checked():
    with pytest.raises(ValueError, match="number"):
        replace(MESSAGE, number=-1)


def test_new_instances_have_defaults_of_their_own():
    first, second = (make(Run, **{name: getattr(RUN, name) for name in REQUIRED}) for _ in range(2))
    assert first == second == dataclasses.replace(RUN, counts=Counts())
    assert first.times is not second.times
    assert maker(Row)("p", "k") == Row("p", "k")
    with pytest.raises(TypeError):
        make(Run, run_id="x")


REQUIRED = ("run_id", "export", "key_setting", "list_id", "trigger", "started_by")


@pytest.mark.parametrize(
    "value", [None, "é\u2028\ud83d", 1.5, 1e300, {"a": [1, True, None, {"b": "\n"}]}, {1: 2.0}, [], {}, float("inf")]
)
@pytest.mark.parametrize("encoder", [json._default_encoder, _JSON])
def test_json_is_the_same(value, encoder):
    text = plain_json.encode_of(encoder)(value)
    assert text == json.JSONEncoder.encode(encoder, value)
    assert plain_json.loads(text) == json.loads(text)


@pytest.mark.parametrize("text", ["", "{", "[1,]", "1 2", "\ufeff1", " {} ", b'{"a": 1}', b"\xff", "nul", '"a\nb"'])
def test_text_that_is_no_json_is_told_in_the_same_words(text):
    assert outcome(plain_json.loads, text) == outcome(json.loads, text)


def outcome(loads, text):
    try:
        return loads(text)
    except ValueError as error:
        return type(error), str(error)
