"""A receiver of notices, and stories that notify it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from shared.notices import posting
from tests.faults.conftest import Story
from tests.faults.notices.received import SECRET
from tests.receiver import Receiver, receiver


@pytest.fixture
def there() -> Iterator[Receiver]:
    with receiver() as running:
        yield running


@pytest.fixture
def told(make_story: Callable[..., Story], there: Receiver, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Story]:
    """Makes a story whose ends are told to the receiver."""
    monkeypatch.setattr(posting, "POST_SECONDS", 3.0)
    monkeypatch.setenv("HOOK_SECRET", SECRET)

    def make(*notifications: dict[str, Any], **changes: Any) -> Story:
        story = make_story()
        monkeypatch.setenv("HOOK_URL", f"{there.url}/hook?sig=s3cret")
        for each in notifications or ({"type": "teams"},):
            secret = {"secret": {"setting": "HOOK_SECRET"}} if each["type"] == "webhook" else {}
            story.notifications.append({"id": each["type"], "url": {"setting": "HOOK_URL"}, **secret, **each})
        story.people(4)
        story.save(**changes)
        return story

    return make
