"""What doctor says of that which drives runs: the timer, the workers, their messages, and Brevo's imports."""

import base64
from dataclasses import replace

import pytest
from click.testing import CliRunner

from shared.cli.program import program
from shared.runs.questions import Question
from shared.runs.starting import start_due
from shared.runs.status import find_run
from shared.runs.ticks import Tick, last_tick, note_tick
from shared.storage.tables import Row
from tests.flow.holding import plan
from tests.flow.operating.night import DAY, HOUR, MINUTE, PEOPLE, has_all
from timer_export.blueprint import timer_export


def test_doctor_names_messages_that_were_given_up_and_the_command_that_puts_them_back(night):
    night.flow.app.storage.poison.send("!!")
    line = night.line("run-steps-poison")
    has_all(line, "given up: 1 not ours.", "`segment-export replay`", "`segment-export replay --yes --drop-unreadable`")
    night.flow.segment(PEOPLE)
    ours = b'{"run": "x-20261124T050000-abcdef", "step": "stage"}'
    night.flow.app.storage.poison.send(base64.b64encode(ours).decode())
    night.flow.app.storage.poison.send("!!!")
    night.flow.app.storage.poison.receive(600)
    line = night.line("run-steps-poison")
    has_all(line, "given up: 1 of runs, 1 not ours, 1 out of sight", "`segment-export replay --yes --clear`")


def test_doctor_names_the_process_of_an_import_that_is_stuck_and_until_when_it_is_waited_for(night):
    night.flow.sandbox.fail_next("POST /contacts/import", "import-stuck")
    night.flow.segment(PEOPLE)
    run_id = night.flow.start().run_id
    night.flow.work_until(lambda: find_run(night.flow.app, run_id).state == "confirming")
    assert not [line for line in night.doctor(0) if "  imports: " in line]
    night.skip(45 * MINUTE)
    [line] = [line for line in night.doctor() if "  imports: " in line]
    process = night.flow.app.store.batch(find_run(night.flow.app, run_id), 1).process_id
    has_all(line, f"the process {process}, which {run_id} waits for until", "`segment-export cancel RUN`")


def test_doctor_names_an_export_of_contacts_that_brevo_does_not_end(night):
    night.flow.segment(PEOPLE)
    app, run_id = night.flow.app, night.flow.start().run_id
    asked = Question(asked_at=app.now(), process_id=4711, runs=(run_id,))
    app.storage.accounts.put(Row(night.flow.account, "left-12", asked.values()))
    night.skip(20 * MINUTE)
    assert not [line for line in night.doctor() if "exports of contacts" in line]
    night.skip(20 * MINUTE)
    [line] = [line for line in night.doctor() if "  exports of contacts: " in line]
    has_all(line, "who left list 12 (process 4711) for 40 min", run_id, "`segment-export cancel RUN`")


def test_doctor_says_that_no_worker_takes_messages_or_drives_a_run(night):
    night.flow.segment(PEOPLE)
    run_id = night.flow.start().run_id
    night.skip(10 * MINUTE)
    has_all(night.line("open runs"), f"No host has taken a message of {run_id}", "Start the app.")
    night.skip(HOUR)
    has_all(night.line("open runs"), f"Nothing drives {run_id} (queued)", "Start the app")


def test_message_that_waits_while_a_worker_reads_another_run_is_no_fault_of_the_host(night):
    app = night.flow.app
    waits = night.flow.start().run_id
    night.skip(10 * MINUTE)
    reads = f"other-{waits.partition('-')[2]}"
    other = replace(find_run(app, waits), run_id=reads, export="other", etag=None)
    app.store.start(other.staging_by("S", "me", app.time(), app.graces))
    line = night.line("open runs", "warn")
    has_all(line, f"A message of {waits} that was due", f"waits for a worker; one reads {reads}.")
    night.skip(MINUTE)
    has_all(night.line("open runs"), "No host has taken a message of", "Start the app.")


def test_doctor_says_since_when_the_timer_is_missing_after_one_tick_and_after_two(night):
    night.change(schedule={"cron": "0 5 1 1 *", "time_zone": "UTC"})
    clock = night.flow.app.storage.clock
    night.skip(300 - clock.now().timestamp() % 300)  # a tick of every five minutes
    note_tick(night.flow.app, "0 */5 * * * *")
    night.skip(5 * MINUTE + 30)
    assert not [line for line in night.doctor(0) if "  timer: " in line]
    night.skip(MINUTE)
    has_all(
        night.line("timer", "warn"), "The timer last ran at 20", "7 min ago, and was due again at 20", "Start the app."
    )
    night.skip(5 * MINUTE)
    has_all(night.line("timer"), "12 min ago", "nothing starts by schedule")
    has_all(night.why(), "The timer last ran at 20", "See: segment-export doctor")
    note_tick(night.flow.app, "0 */5 * * * *")
    night.doctor(0)
    assert "timer" not in night.why()


def test_timer_that_pauses_by_its_schedule_is_not_missed(night):
    night.skip(DAY - night.flow.app.storage.clock.now().timestamp() % DAY + 5 * HOUR)
    note_tick(night.flow.app, "0 0 5,6 * * *")
    night.skip(50 * MINUTE)
    night.doctor(0)
    night.skip(12 * MINUTE)
    has_all(night.line("timer", "warn"), "06:00")
    note_tick(night.flow.app, "0 0 5,6 * * *")
    night.skip(20 * HOUR)
    night.doctor(0)


def test_timer_notes_each_tick(night, monkeypatch):
    monkeypatch.setattr("timer_export.blueprint.open_worker_app", lambda: night.flow.app)
    monkeypatch.setenv("EXPORT_SCHEDULE", "0 */7 * * * *")
    timer_export.build().get_user_function()(None)
    assert last_tick(night.flow.app) == Tick(pytest.approx(night.flow.app.now(), abs=5), "0 */7 * * * *")


@pytest.mark.parametrize("schedule", ["with_refresh", {"cron": "*/20 * * * *"}])
def test_doctor_says_that_no_timer_has_started_what_is_due(night, schedule):
    night.flow.segment(PEOPLE)
    night.change(schedule=schedule)
    if schedule != "with_refresh":
        night.flow.app.store.note_due(night.flow.export_id, f"{night.flow.app.time():%Y-%m-%dT%H:%MZ}")
    assert [line for line in night.doctor(0) if ", schedule: " in line] == []
    night.skip(60 * MINUTE)
    line = night.line(f"{night.export}, schedule")
    has_all(line, "no timer has started a run of it", "Start the app", "`timer_export`", night.run_it)
    night.run()
    if schedule == "with_refresh":
        night.doctor(0)


def test_schedule_that_is_overdue_offers_no_run_of_a_segment_that_is_not_there(night):
    night.flow.segment(PEOPLE, name="Silver")
    night.change(schedule={"cron": "*/20 * * * *"})
    night.flow.app.store.note_due(night.flow.export_id, f"{night.flow.app.time():%Y-%m-%dT%H:%MZ}")
    night.skip(60 * MINUTE)
    line = night.line(f"{night.export}, schedule")
    has_all(line, "no timer has started a run of it", "Start the app")
    assert night.run_it not in line


def test_doctor_says_that_no_timer_has_tried_a_failed_run_again(night, monkeypatch):
    night.flow.segment(PEOPLE)
    monkeypatch.setenv(night.flow.account, "wrong")
    [start] = start_due(night.flow.app)
    night.flow.finish(start.run_id)
    monkeypatch.setenv(night.flow.account, night.flow.sandbox.api_key)
    has_all(night.line(f"{night.export}, last run"), "It is tried again by itself after", night.run_it)
    assert [line for line in night.doctor() if ", schedule: " in line] == []
    night.skip(45 * MINUTE)
    line = night.line(f"{night.export}, schedule")
    has_all(line, "Its failed run was to be tried again", "no timer has started a run of it", "Start the app")


def test_account_is_asked_for_its_contract_once_a_key_and_not_again_within_minutes(night):
    night.configure(connections=[night.flow.connection, {**night.flow.connection, "id": "brevo-two"}])

    def asked_for_contract():
        return night.flow.sandbox.log.count("GET /account")

    night.doctor(0)
    assert asked_for_contract() == 1
    night.skip(2 * MINUTE)
    found = CliRunner().invoke(program, ["doctor", "--json"]).stdout
    assert asked_for_contract() == 1
    assert "(asked 2 min ago)" in found
    night.skip(10 * MINUTE)
    night.doctor(0)
    assert asked_for_contract() == 2


def test_doctor_offers_to_go_on_with_a_run_here_and_no_command_that_sends_what_nobody_has_approved(night):
    night.flow.segment(PEOPLE)
    run_id = night.flow.start().run_id
    night.skip(HOUR)
    has_all(night.line("open runs"), "Nothing drives", f"`segment-export run {night.flow.export_id} --wait`")
    typed = CliRunner().invoke(program, ["run", night.flow.export_id, "--wait"], catch_exceptions=False)
    assert run_id in typed.output
    night.skip(MINUTE)
    held = night.flow.finish(plan(night.flow).run_id)["run_id"]
    night.skip(30 * DAY)
    line = night.line("open runs")
    has_all(line, f"Nothing drives {held} (held)", "Start the app.")
    assert "segment-export run" not in line


def test_timer_whose_schedule_was_just_made_rarer_is_not_missed(night, monkeypatch):
    night.skip(DAY - night.flow.app.storage.clock.now().timestamp() % DAY + 9 * HOUR)
    note_tick(night.flow.app, "0 */5 * * * *")
    monkeypatch.setenv("EXPORT_SCHEDULE", "0 0 5 * * *")
    night.skip(2 * HOUR)
    night.doctor(0)
    assert "The timer last ran" not in night.why()
    night.skip(19 * HOUR)
    has_all(night.line("timer", "warn"), "and was due again at 20", "05:00")
    monkeypatch.setenv("EXPORT_SCHEDULE", "every day")
    has_all(night.line("timer"), "and was due again at 20", "09:05")


def test_snapshot_that_a_rare_timer_has_not_started_yet_is_not_overdue_in_a_terminal_without_its_schedule(night):
    night.skip(DAY - night.flow.app.storage.clock.now().timestamp() % DAY + 5 * HOUR)
    note_tick(night.flow.app, "0 0 5 * * *")
    night.flow.segment(PEOPLE)
    night.change(schedule="with_refresh")
    night.skip(3 * HOUR)
    night.doctor(0)
