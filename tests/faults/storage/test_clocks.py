"""Workers whose clock is off, over Azurite: the time of storage counts."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.errors import TransientError
from shared.runs.claim import claimed_run
from shared.runs.status import find_run
from shared.runs.steps.dispatch import take_step
from shared.runs.ticks import last_tick, note_tick


class WrongTime:
    """Stands for `datetime` and `time` in a worker whose clock is off."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def now(self, zone: Any = None) -> datetime:
        return datetime.now(zone) + timedelta(seconds=self._seconds)

    def time(self) -> float:
        return time.time() + self._seconds


@pytest.fixture(params=[-420.0, 420.0], ids=["seven minutes slow", "seven minutes fast"])
def wrong_clock(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> float:
    wrong = WrongTime(request.param)
    monkeypatch.setattr("shared.storage.clock.datetime", wrong)
    monkeypatch.setattr("shared.storage.clock.time", wrong)
    return float(request.param)


def test_clock_that_is_off_is_corrected_by_the_first_answer_of_storage(cloud, wrong_clock):
    app = cloud.open(cloud.connection_string)
    assert abs((app.storage.clock.now() - datetime.now(UTC)).total_seconds()) > 400
    app.store.active(cloud.export_id)
    assert abs((app.storage.clock.now() - datetime.now(UTC)).total_seconds()) < 3


def test_tick_of_the_timer_is_noted_in_storages_time_by_a_worker_that_has_just_begun(cloud, wrong_clock):
    """Else doctor calls a timer late that has just run, or one that is dead on time."""
    note_tick(cloud.open(cloud.connection_string), "0 */5 * * * *")
    tick = last_tick(cloud.app)
    assert tick is not None
    assert abs(tick.at - time.time()) < 5


def test_claim_of_a_live_worker_is_respected_by_one_whose_clock_is_off(cloud, wrong_clock):
    cloud.people(5)
    run_id = cloud.start()
    other = cloud.open(cloud.connection_string)
    with claimed_run(cloud.app, cloud.run(run_id), ""):
        with pytest.raises(TransientError) as caught, claimed_run(other, find_run(other, run_id), ""):
            pytest.fail("two workers hold the claim")
        assert caught.value.code == "claimed"
        assert 0 < (caught.value.retry_after_seconds or 0) <= cloud.app.graces.claim + 4


@pytest.mark.full
def test_quiet_period_is_measured_in_storages_time(cloud, wrong_clock):
    wanted = cloud.people(5)
    patient = cloud.open(cloud.connection_string, snapshot_quiet_seconds=60.0)
    run_id = cloud.start(patient)
    take_step(patient, f'{{"run":"{run_id}","step":"stage"}}')
    assert "The run starts when it has been unchanged for " in str(cloud.status(run_id)["waiting"])
    cloud.check_all_sent(cloud.finish(run_id), wanted, most_imports=1)


def test_run_that_is_started_on_a_machine_whose_clock_is_off_has_the_right_time(cloud, wrong_clock):
    cloud.people(1)
    run = cloud.run(cloud.start(cloud.open(cloud.connection_string)))
    started = datetime.fromisoformat(run.times["queued"])
    assert abs((started - datetime.now(UTC)).total_seconds()) < 10
