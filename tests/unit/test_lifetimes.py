"""Nothing is deleted that the longest run still needs: the limits of runs beside those of what is stored."""

import re
from pathlib import Path

import pytest

from shared import lifetimes
from shared.config.models import Connection
from shared.runs.questions import SERVES_SECONDS
from shared.runs.queue import GIVE_UP_SECONDS

ROOT = Path(__file__).parents[2]


def rule_days(prefix):
    text = (ROOT / "infra/app/storage.bicep").read_text(encoding="utf-8")
    rule = text[text.index(f"'{prefix}'") :]
    return int(re.search(r"daysAfterModificationGreaterThan: (\d+)\n", rule)[1])


def test_staged_bodies_outlive_the_longest_run():
    longest = lifetimes.LONGEST_SENDING_HOURS + GIVE_UP_SECONDS / 3600
    assert rule_days("staged/") * 24 > longest


def test_longest_import_and_the_failures_before_it_fit_into_the_longest_run():
    assert lifetimes.LONGEST_SENDING_HOURS > lifetimes.LONGEST_IMPORT_HOURS + GIVE_UP_SECONDS / 3600


def test_no_connection_may_wait_longer_than_the_longest_import():
    schema = Connection.model_json_schema()["properties"]["import_deadline_hours"]
    assert schema["maximum"] == lifetimes.LONGEST_IMPORT_HOURS


@pytest.mark.parametrize(
    ("prefix", "days"),
    [
        ("staged/", lifetimes.STAGED_DAYS),
        ("rejected-rows/", lifetimes.REJECTED_DAYS),
        ("leavers/", lifetimes.LEAVERS_DAYS),
        ("undo/", lifetimes.UNDO_DAYS),
    ],
)
def test_lifecycle_rule_has_the_days_of_the_code(prefix, days):
    assert rule_days(prefix) == days


def test_answers_on_who_left_outlive_the_time_that_a_run_uses_them():
    assert lifetimes.LEAVERS_DAYS * 24 * 3600 > SERVES_SECONDS


def test_operators_guide_tells_the_days():
    text = (ROOT / "docs/operate.md").read_text(encoding="utf-8")
    for days in (lifetimes.STAGED_DAYS, lifetimes.ENDED_STAGED_DAYS, lifetimes.REJECTED_DAYS):
        assert f"{days} days" in text
