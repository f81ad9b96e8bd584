"""What a receiver of notices got, and the states of the notices."""

import base64
from collections import Counter

from shared.notices.tell import abandon_notice
from tests.faults.conftest import Story
from tests.receiver import Receiver

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
MISSING_LIST = {"list_id": 4711}
FAILED = "Gold customers: the export failed"


def titles(there: Receiver) -> list[str]:
    """What each message says first, whichever form it has."""
    found = []
    for body in (each.json for each in there.received):
        if "attachments" in body:
            found.append(body["attachments"][0]["content"]["fallbackText"])
        else:
            found.append(body["data"]["title"] if "data" in body else body["blocks"][0]["text"]["text"])
    return found


def row_states(story: Story) -> Counter[str]:
    return Counter(values["state"] for values, _ in story.kept.tables.get("notices", {}).values())


def fail_for_good(story: Story, seconds: float = 0.0) -> None:
    """Each message of the notices fails whenever it is taken, for hours: the host gives it up again and again.

    After so many seconds: its workers die, and hide it for ten minutes each time.
    """
    while story.kept.notices:
        message = min(story.kept.notices, key=lambda each: each.visible_at)
        story.kept.clock.skip(message.visible_at + seconds - story.kept.clock.seconds())
        story.kept.notices.remove(message)
        abandon_notice(story.app, message.text)
