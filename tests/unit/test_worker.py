"""The worker of a terminal: how often it looks at the queue, and asks whether its run is over."""

from types import SimpleNamespace

from shared.operating import worker


class Watch:
    """A clock that only sleeping moves on."""

    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


def test_a_quiet_queue_costs_one_call_a_look_and_the_run_is_asked_for_once_a_second(monkeypatch):
    watch, looks, asked = Watch(), [], []
    monkeypatch.setattr(worker, "time", watch)
    queue = SimpleNamespace(receive=lambda seconds: looks.append(watch.now))
    worker.work_until(
        SimpleNamespace(storage=SimpleNamespace(queue=queue)), lambda: asked.append(watch.now) or watch.now > 10
    )
    assert watch.now < 11.5, "another process may end the run: that is seen within about a second"
    assert 10 <= len(asked) <= 12, "each asking reads the run"
    assert len(looks) > 2 * len(asked), "messages are taken sooner than that"


def test_the_run_is_asked_for_behind_each_message(monkeypatch):
    watch, taken = Watch(), []
    monkeypatch.setattr(worker, "time", watch)
    monkeypatch.setattr(worker, "take_step", lambda app, text: taken.append(text))
    queue = SimpleNamespace(receive=lambda seconds: SimpleNamespace(text="step"), delete=lambda message: None)
    worker.work_until(SimpleNamespace(storage=SimpleNamespace(queue=queue)), lambda: len(taken) == 3)
    assert taken == ["step"] * 3 and watch.now == 0.0
