"""What Brevo's answer does not say is not taken for nothing: no members, no attributes, no open imports."""

from typing import Any

import pytest

from shared.brevo.client import BrevoClient
from shared.errors import TransientError


class Answering:
    """A session that gets one answer."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    def call(self, *_: Any, **__: Any) -> Any:
        return self._answer


def client(answer: Any) -> BrevoClient:
    return BrevoClient(Answering(answer))  # type: ignore[arg-type]


# What a gateway may send with status 200.
ODD: list[Any] = [{}, {"message": "ok"}, {"count": 0}]


@pytest.mark.parametrize("answer", ODD)
def test_account_of_unknown_attributes_is_not_one_without_attributes(answer):
    with pytest.raises(TransientError, match=r"lacks what it should have \(attributes\)"):
        client(answer).attributes()


@pytest.mark.parametrize("answer", ODD)
def test_imports_that_are_not_shown_are_not_over(answer):
    with pytest.raises(TransientError, match=r"lacks what it should have \(processes\)"):
        client(answer).imports(set(), until_open=True)


@pytest.mark.parametrize("answer", [{"id": 12}, {"id": 12, "name": "Gold", "uniqueSubscribers": None}])
def test_list_that_does_not_say_how_many_members_it_has_is_not_empty(answer):
    with pytest.raises(TransientError, match=r"lacks what it should have \(uniqueSubscribers\)"):
        client(answer).list_size(12)
    assert client(answer).list_name(12) == answer.get("name", "")
