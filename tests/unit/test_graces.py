"""The times of docs/reliability.md follow from the graces, and are far below the host's lease of ten minutes."""

import re
from pathlib import Path

import pytest

from shared.brevo.session import READ_SECONDS
from shared.notices.posting import POST_SECONDS
from shared.notices.tell import RETRY_FIRST_SECONDS
from shared.runs.graces import Graces

ROOT = Path(__file__).parents[2]
GRACES = Graces()
PROMISED_SECONDS = 360
EDGE_GIVES_UP_SECONDS = 100  # then it answers 524
QUEUE_SECONDS = 5  # the longest pause between two polls, whole seconds of the queue, and a moment to work

# A watch comes every `longest_watch` seconds at least, or within `shortest_watch` of the time for which it waits.
WATCHED = max(GRACES.longest_watch, GRACES.stalled + GRACES.shortest_watch)
TIMES = {
    "staging": WATCHED,
    "delivering a batch": GRACES.post_claim + GRACES.longest_watch,
    "the retry of a batch": GRACES.retry + GRACES.longest_watch,
    "looking at": GRACES.stalled + GRACES.shortest_watch,
    "cancelling a run": GRACES.longest_watch,
    "clearing up": WATCHED,
    "a notice that was taken": GRACES.notice_watch,
    "posting a notice": GRACES.notice_claim + GRACES.notice_watch,
    "the retry of a notice": RETRY_FIRST_SECONDS + GRACES.notice_watch,
}


@pytest.mark.parametrize("what", TIMES)
def test_lost_instance_is_noticed_within_six_minutes_as_the_table_says(what):
    page = (ROOT / "docs/reliability.md").read_text(encoding="utf-8")
    row = next(line for line in page.splitlines() if line.startswith(f"| {what}"))
    minutes, seconds = re.findall(r"(\d+) min (\d+) s", row)[0]
    assert TIMES[what] + QUEUE_SECONDS == 60 * int(minutes) + int(seconds)
    assert TIMES[what] + QUEUE_SECONDS <= PROMISED_SECONDS


def test_live_worker_renews_its_claim_in_good_time():
    assert GRACES.renewal * 3 < GRACES.claim < GRACES.stalled


def test_claim_on_a_batch_outlasts_a_post_that_brevo_gives_up():
    assert EDGE_GIVES_UP_SECONDS < GRACES.post_claim < READ_SECONDS


def test_claim_on_a_notice_outlasts_its_post():
    assert POST_SECONDS * 2 < GRACES.notice_claim < GRACES.notice_watch


def test_one_factor_scales_every_grace():
    scaled = GRACES.scaled(0.1)
    assert scaled.claim == pytest.approx(2.0)
    assert [getattr(scaled, name) / getattr(GRACES, name) for name in Graces.__slots__] == pytest.approx([0.1] * 9)
