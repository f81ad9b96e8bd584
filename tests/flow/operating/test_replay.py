"""The operator's replay of poison messages, over Azurite."""

import base64
import json
import re
import time

import pytest

from shared.operating import replaying
from shared.runs.queue import Message, send
from shared.runs.run_ids import run_address
from shared.storage.tables import Row
from tests.flow.operating.tools import ADMINISTRATOR, ANA, HEAD, give_up
from tests.waiting import wait_until


def encoded(data):
    return base64.b64encode(data.encode() if isinstance(data, str) else data).decode()


def step_of(run_id, step="stage", **more):
    return encoded(json.dumps({"run": run_id, "step": step, **more}))


def test_replay_shows_first_and_puts_back_what_has_an_open_run(office, typed):
    office.segment(f"{HEAD}C-1,{ANA},Ana\n")
    run_id = office.start().run_id
    office.app.storage.queue.delete(office.app.storage.queue.receive(60))
    give_up(office, step_of(run_id, attempt=7, failing_since=1.0))
    status, output, _ = typed("replay")
    assert (status, run_id in output, "put back" in output) == (0, True, True)
    assert "EXPIRES IN" in output
    assert re.search(r"[67] d +put back", output)
    assert "Nothing was changed: do it with --yes." in output
    assert office.app.storage.poison.count() == 1
    assert typed("replay", "--yes")[0] == 0
    assert office.app.storage.poison.count() == 0
    assert office.finish(run_id)["status"] == "succeeded"
    assert "replayed" in [event["kind"] for event in office.status(run_id)["story"]]
    assert "1 put back, 0 dropped" in typed("audit")[1]
    assert typed("replay", "--yes")[1].startswith("No message that was given up lies there.")


def test_replayed_message_forgets_its_failures(office):
    office.segment(f"{HEAD}C-1,{ANA},Ana\n")
    run_id = office.start().run_id
    office.app.storage.queue.delete(office.app.storage.queue.receive(60))
    give_up(office, step_of(run_id, "confirm", attempt=7, failing_since=1.0, number=3))
    replaying.replay(office.app, ADMINISTRATOR)
    received = office.app.storage.queue.receive(60)
    assert json.loads(received.text) == {"run": run_id, "step": "confirm", "number": 3, "form": 1}
    office.app.storage.queue.delete(received)
    send(office.app, Message(run_id, "stage"))
    office.finish(run_id)


@pytest.mark.full
def test_message_of_a_run_that_has_ended_is_dropped_and_says_so(office, typed):
    office.segment(f"{HEAD}C-1,{ANA},Ana\n")
    run_id = office.run()["run_id"]
    give_up(office, step_of(run_id, "confirm"), step_of("gone-20261124T050000-abcdef"))
    _, output, _ = typed("replay")
    assert "Its run has ended: succeeded. If that is not what you want, run the export again." in output
    assert "There is no such run any more." in output
    before = office.app.storage.queue.count()
    assert [each.fate for each in replaying.replay(office.app, ADMINISTRATOR).messages] == ["drop", "drop"]
    assert office.app.storage.queue.count() == before
    assert office.app.storage.poison.count() == 0


def test_message_whose_run_has_a_row_that_cannot_be_read_keeps_no_other_from_being_put_back(office, typed):
    office.segment(f"{HEAD}C-1,{ANA},Ana\n")
    run_id = office.start().run_id
    office.app.storage.queue.delete(office.app.storage.queue.receive(60))
    odd = "a-odd-20261124T050000-abcdef"
    office.app.storage.runs.put(Row(*run_address(odd), {"times": "no JSON"}))
    give_up(office, step_of(odd), step_of(run_id))
    status, output, _ = typed("replay", "--yes")
    assert (status, output.count("cannot be read: `segment-export doctor` says what to do.")) == (0, 1)
    assert office.app.storage.poison.count() == 1
    assert office.finish(run_id)["status"] == "succeeded"


UNREADABLE = [
    "",
    "not base64!",
    encoded(b"\xff\xfe\x00\x01"),
    encoded("\x1b[31mred\x07"),
    encoded("[" * 40_000),
    encoded('{"run": "../../x", "step": "stage"}'),
    encoded('{"run": "gone-20261124T050000-abcdef", "step": "stage", "number": ' + "9" * 5000 + "}"),
    encoded(json.dumps({"run": ANA, "step": "stage"})),
    "ünïcödé",
    "x" * 64_000,
]


@pytest.mark.full
def test_message_of_any_bytes_is_left_and_nothing_of_it_is_shown(office, typed):
    give_up(office, *UNREADABLE)
    for words in (["replay"], ["replay", "--yes"], ["replay", "--yes", "--run", "gone-20261124T050000-abcdef"]):
        status, output, errors = typed(*words)
        assert (status, errors) == (0, "")
        assert output.count("It is not one of ours") == len(UNREADABLE)
        for secret in ("not base64", "red", "\x1b", ANA, "ünï", "xxx"):
            assert secret not in output
    assert office.app.storage.poison.count() == len(UNREADABLE)
    assert len(replaying.look(office.app, ADMINISTRATOR).messages) == len(UNREADABLE), "they were given back at once"
    assert typed("replay", "--yes", "--drop-unreadable")[0] == 0
    assert office.app.storage.poison.count() == 0


@pytest.mark.full
def test_message_that_a_host_has_taken_and_cannot_read_is_dropped_by_clearing(office, typed):
    """A host keeps such a message out of sight for ten minutes each time, without end."""
    office.segment(f"{HEAD}C-1,{ANA},Ana\n")
    run_id = office.start().run_id
    office.app.storage.queue.delete(office.app.storage.queue.receive(60))
    give_up(office, "!!")
    wait_until(lambda: office.app.storage.poison.receive(600))
    give_up(office, step_of(run_id))
    output = typed("replay", "--yes", "--drop-unreadable")[1]
    assert "1 message more, out of sight" in output
    assert "--yes --clear" in output
    assert typed("replay", "--clear")[0] == 2
    assert typed("replay", "--clear", "--yes", "--run", run_id)[0] == 2
    assert office.app.storage.poison.count() == 1
    assert "1 message more dropped unseen." in typed("replay", "--clear", "--yes")[1]
    assert office.app.storage.poison.count() == 0
    assert "1 dropped unseen" in typed("audit")[1]
    assert office.finish(run_id)["status"] == "succeeded"


@pytest.mark.full
def test_replay_of_one_run_leaves_the_others(office, typed):
    office.segment(f"{HEAD}C-1,{ANA},Ana\n")
    run_id = office.start().run_id
    give_up(office, step_of("gone-20261124T050000-abcdef"), step_of(run_id))
    assert typed("replay", "--yes", "--run", run_id)[1].count("Another run was asked for.") == 1
    assert office.app.storage.poison.count() == 1
    office.finish(run_id)


@pytest.mark.full
def test_more_messages_than_can_be_peeked_are_counted_and_all_put_back(office, typed):
    office.segment(f"{HEAD}C-1,{ANA},Ana\n")
    run_id = office.start().run_id
    give_up(office, *[step_of(run_id) for _ in range(34)])
    assert "2 messages more" in typed("replay")[1]
    typed("replay", "--yes")
    assert office.app.storage.poison.count() == 0
    assert office.finish(run_id)["contacts_confirmed"] == 1


def test_replay_ends_though_what_it_leaves_comes_back_meanwhile(office, monkeypatch):
    give_up(office, "!", "!!")
    judged = replaying._judged
    monkeypatch.setattr(replaying, "_HIDDEN_SECONDS", 1)
    monkeypatch.setattr(replaying, "_judged", lambda *words, **more: (time.sleep(1.1), judged(*words, **more))[1])
    assert len(replaying.replay(office.app, ADMINISTRATOR).messages) == 2


def test_message_that_somebody_else_has_taken_since_is_neither_deleted_nor_given_back(office):
    give_up(office, "!")
    poison = office.app.storage.poison
    first = poison.receive(1)
    second = wait_until(lambda: poison.receive(60))
    poison.delete(first)
    poison.release(first)
    assert (poison.count(), poison.peek()) == (1, [])
    poison.delete(second)
    assert poison.count() == 0


def test_replay_that_is_cut_off_before_it_deletes_changes_nothing_when_repeated(office, monkeypatch):
    office.segment(f"{HEAD}C-1,{ANA},Ana\n")
    run_id = office.start().run_id
    give_up(office, step_of(run_id))

    def cut_off(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(type(office.app.storage.poison), "delete", cut_off)
        with pytest.raises(KeyboardInterrupt):
            replaying.replay(office.app, ADMINISTRATOR)
    assert office.app.storage.poison.count() == 1
    assert replaying.replay(office.app, ADMINISTRATOR).hidden == 1, "it is hidden until its time"
    status = office.finish(run_id)
    assert status["contacts_delivered"] == status["contacts_confirmed"] == 1
