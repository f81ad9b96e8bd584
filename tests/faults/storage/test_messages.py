"""Messages that are poison, doubled, stale or lost, over Azurite."""

import threading
import time
from dataclasses import replace

import pytest

from shared.operating.worker import work_until
from shared.runs.status import find_run
from shared.runs.steps.dispatch import abandon, take_step
from shared.runs.steps.sweep import sweep
from tests.faults.conftest import check_failed
from tests.faults.storage.cloud import DEADLINE_SECONDS
from tests.sizes import thinned


def test_poison_message_ends_its_run_with_the_reason(cloud):
    cloud.people(1)
    run_id = cloud.start()
    cloud.app.store.update(run_id, lambda run: replace(run, faults=10))
    abandon(cloud.app, f'{{"run":"{run_id}","step":"stage"}}')
    told = check_failed(cloud.status(run_id), "step_kept_failing")
    assert "step stage failed again and again" in told
    assert "The function's log names the place" in told
    assert cloud.start() != run_id


@pytest.mark.parametrize("text", [b"", b"\xff\xfe", b"null", b"{}", b'{"run":"../../x","step":"stage"}', b"[" * 9000])
def test_poison_message_that_is_not_ours_is_dropped(cloud, text):
    abandon(cloud.app, text)
    take_step(cloud.app, text)


@pytest.mark.parametrize("step", thinned(["deliver", "stage", "confirm"], 3))
def test_message_that_comes_twice_at_once_sends_nothing_twice(cloud, step, three_batches):
    wanted = cloud.people(300)
    run_id = cloud.start()
    doubled: list[str] = []

    def ended() -> bool:
        return find_run(cloud.app, run_id).is_final

    deadline = time.monotonic() + DEADLINE_SECONDS
    while not ended():
        assert time.monotonic() < deadline
        received = cloud.app.storage.queue.receive(60)
        if received is None:
            time.sleep(0.02)
            continue
        texts = [received.text]
        if f'"step": "{step}"' in received.text and run_id in received.text and len(doubled) < 2:
            doubled.append(received.text)
            texts.append(received.text)
        threads = [threading.Thread(target=take_step, args=(cloud.app, text)) for text in texts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        cloud.app.storage.queue.delete(received)
    assert doubled
    cloud.check_all_sent(cloud.status(run_id), wanted, most_imports=2)


def test_deliver_message_for_a_batch_that_is_delivered_does_nothing(cloud):
    wanted = cloud.people(5)
    run_id = cloud.start()
    work_until(cloud.app, lambda: cloud.story.imports() == 1)
    for _ in range(3):
        take_step(cloud.app, f'{{"run":"{run_id}","step":"deliver","batch":1}}')
    take_step(cloud.app, f'{{"run":"{run_id}","step":"deliver","batch":77}}')
    cloud.check_all_sent(cloud.finish(run_id), wanted, most_imports=1)


@pytest.mark.full
def test_stale_confirm_message_does_not_even_ask_brevo(cloud):
    wanted = cloud.people(5)
    run_id = cloud.start()
    work_until(cloud.app, lambda: cloud.run(run_id).state == "confirming")
    run = cloud.run(run_id)
    asked = cloud.story.sandbox.log.count("GET /processes")
    for number in (0, 1, run.confirm_number - 1, run.confirm_number + 1, 10**9):
        take_step(cloud.app, f'{{"run":"{run_id}","step":"confirm","number":{number}}}')
    assert cloud.story.sandbox.log.count("GET /processes") == asked
    assert cloud.run(run_id).confirm_number == run.confirm_number
    cloud.check_all_sent(cloud.finish(run_id), wanted, most_imports=1)


def test_run_whose_message_is_lost_is_driven_on_by_the_timer(story):
    wanted = story.people(5)
    run_id = story.start().run_id
    story.kept.messages.clear()
    assert sweep(story.app) == []
    story.kept.clock.skip(181)
    assert sweep(story.app) == [run_id]
    story.work()
    assert story.sent() == wanted
