"""An odd answer in place of each of Brevo's: the run waits for a better one, and the list follows its segment."""

import itertools
from typing import Any

import pytest

from shared.brevo.session import BrevoSession
from tests.faults.following import Following
from tests.memory_line import Line
from tests.sizes import thinned

PAGE = b"<html><title>Just a moment</title></html>"
ODD: dict[str, tuple[int, bytes]] = {
    "an empty object": (200, b"{}"),
    "an empty list": (200, b"[]"),
    "null": (200, b"null"),
    "no content": (204, b""),
    "something else": (200, b'{"id": 999, "message": "ok", "count": 0}'),
    "a redirect": (302, b""),
    "a page with 400": (400, PAGE),
    "a page with 409": (409, PAGE),
    "too early": (425, b'{"code": "account_in_process", "message": "Try later"}'),
    "Cloudflare's 520": (520, b"error code: 520"),
}
# More than a call is tried at once, so that the step comes again.
TIMES = 5


def answering_oddly(monkeypatch: Any, odd: tuple[int, bytes], at: str, *, is_done: bool) -> list[str]:
    """The first calls of this kind get the odd answer, whether Brevo has done what they ask for or not; all calls."""
    calls: list[str] = []
    send = BrevoSession._send

    def sending(session: BrevoSession, method: str, path: str, params: Any, body: Any) -> Any:
        calls.append(f"{method} {path}")
        if calls[-1] != at or calls.count(at) > TIMES:
            return send(session, method, path, params, body)
        if is_done:
            send(session, method, path, params, body)
        return odd[0], {}, odd[1]

    monkeypatch.setattr(BrevoSession, "_send", sending)
    return calls


@pytest.fixture
def following(story):
    story.save(sync_mode="mirror", max_removed=1, max_shrink=1)
    days = Following(story)
    days.begin()
    return days


@pytest.mark.parametrize(("kind", "is_done"), thinned(itertools.product(ODD, (False, True)), 7))
def test_list_follows_its_segment_whichever_call_is_answered_oddly(following, monkeypatch, kind, is_done):
    with monkeypatch.context() as patch:
        calls = answering_oddly(patch, ODD[kind], "", is_done=False)
        following.put_back()
        following.check(following.second_day(following.story.app, Line()))
    for call in dict.fromkeys(calls):
        with monkeypatch.context() as patch:
            answering_oddly(patch, ODD[kind], call, is_done=is_done)
            following.put_back()
            status = following.second_day(following.story.app, Line())
        following.check(status)
