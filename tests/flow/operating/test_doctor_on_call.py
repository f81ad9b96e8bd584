"""Whatever breaks at night, a line of doctor names it and how to fix it. `test_doctor_of_storage.py` has storage,
`test_doctor_of_the_host.py` what drives runs.

The table in docs/operate.md has the same cases.
"""

import json

from click.testing import CliRunner

from shared.app_secret import derived_key, new_secret
from shared.cli.program import program
from shared.errors import ConfigurationError
from shared.mapping.leavers import DigestKey
from shared.notices.tell import take_notice
from shared.runs.questions import Question
from shared.runs.starting import start_run
from shared.runs.status import find_run
from shared.runs.steps.sweep import sweep
from shared.storage.tables import Row
from shared.times import local_text
from tests.flow.operating.night import HOUR, PEOPLE, has_all
from tests.flow.operating.tools import ANA, HEAD


def test_doctor_counts_what_is_in_order_and_shows_no_line_of_it(night):
    night.flow.segment(PEOPLE)
    night.run()
    lines = night.doctor(0)
    assert [line for line in lines if line.startswith(("  ok", "  warn", "  FAILED"))] == []
    counts = [int(line.split()[0]) for line in lines if line.endswith("in order")]
    assert sum(counts[:-1]) == counts[-1] > 30
    assert lines[-1] == f"{counts[-1]} checks in order"


def test_doctor_names_the_setting_of_a_key_that_brevo_refuses(night, monkeypatch):
    monkeypatch.setenv(night.flow.account, "wrong")
    line = night.line("connection brevo-eu, key accepted")
    has_all(line, "Brevo does not accept the API key", night.flow.account, "Put a valid key into the setting")


def test_doctor_says_what_a_run_failed_by_what_is_next_and_how_to_run_it_now(night, monkeypatch):
    night.flow.segment(PEOPLE)
    monkeypatch.setenv(night.flow.account, "wrong")
    run_id = night.run()["run_id"]
    monkeypatch.setenv(night.flow.account, night.flow.sandbox.api_key)
    line = night.line(f"{night.export}, last run")
    has_all(
        line, f"{run_id} failed: Brevo does not accept the API key", "Nothing was sent.", f"Run it now: {night.run_it}"
    )
    night.run()
    night.doctor(0)


def test_doctor_names_a_segment_that_is_not_there_and_what_was_expected(night):
    line = night.line(f"{night.export}, snapshot", "warn")  # nobody has exported it yet, which is no fault
    has_all(line, "There is no snapshot of the segment Gold", "let Customer Insights export it")
    night.flow.segment(PEOPLE)
    night.run()
    night.flow.app.storage.segment_blobs.delete_below(night.flow.container, "")
    night.line(f"{night.export}, snapshot")


def test_doctor_does_not_offer_to_run_an_export_whose_segment_is_not_there(night):
    night.flow.segment(HEAD, name="Silver")
    night.change(schedule={"cron": "0 0 1 1 *"})
    night.run()
    line = night.line(f"{night.export}, last run")
    has_all(line, "There is no snapshot of the segment Gold", "segment-export segments segments-")
    assert "Run it now" not in line
    night.flow.segment(PEOPLE)
    has_all(night.line(f"{night.export}, last run"), f"Run it now: {night.run_it}")


def test_doctor_names_a_late_file_how_long_it_is_waited_for_and_what_to_do(night):
    paths = [{"name": f"Gold_{number}", "location": location(night.flow, number)} for number in (1, 2)]
    night.flow.model_json({"name": "Gold", "attributes": attributes(), "partitions": paths})
    night.flow.segment(PEOPLE)
    line = night.line(f"{night.export}, snapshot", "warn")
    has_all(
        line, "lacks files", "Gold_2.csv", "waits for files until", "let Customer Insights export the segment again"
    )
    night.skip(7 * HOUR)
    has_all(night.line(f"{night.export}, snapshot"), "Gold_2.csv", "Let Customer Insights export the segment again")


def location(flow, number):
    return f"https://a.blob.core.windows.net/{flow.container}/x/Gold/2026/11/24/0500/Gold_{number}.csv"


def attributes():
    return [{"name": name, "dataType": "string"} for name in HEAD.strip().split(",")]


def test_doctor_says_that_a_new_snapshot_is_overdue_by_how_often_they_came(night):
    for day in (19, 20, 23, 24, 25, 26, 27, 30):  # a working week and two weekends
        night.flow.segment(PEOPLE, refresh=f"2025/11/{day}/0500")
    night.run()
    night.skip(80 * HOUR)
    night.doctor(0)
    night.skip(8 * HOUR)
    line = night.line(f"{night.export}, snapshot", "warn")
    has_all(line, "they came every 1 d so far, mostly within 3 d: a new one is overdue", "See in Customer Insights")
    night.change(schedule="off")
    night.doctor(0)


def test_doctor_shows_what_brevo_says_of_an_account_that_takes_no_more_contacts(night):
    night.flow.sandbox.fail_next("POST /contacts/import", "402")
    night.flow.segment(PEOPLE)
    night.run()
    line = night.line(f"{night.export}, last run")
    has_all(line, "not enough credits (not_enough_credits: ", "Check the account's plan in Brevo", night.run_it)


def test_doctor_names_a_list_that_brevo_does_not_have(night):
    night.flow.segment(PEOPLE)
    night.change(list_id=4711)
    has_all(night.line(f"{night.export}, list"), "Brevo has no list 4711.", "Correct list_id", "make the list in Brevo")


def test_doctor_says_that_brevo_blocks_the_address_and_where_it_is_let_in(night):
    night.flow.sandbox.fail_next("GET /contacts/lists", "401-ip", times=5)
    line = night.line("connection brevo-eu, address allowed")
    has_all(line, "IP address", "Security > Authorised IPs")


def test_doctor_names_the_first_fault_of_a_broken_configuration_and_who_lists_all(night):
    night.configure(exports=[{**night.flow.export, "colour": 1, "list_id": "x"}])
    line = night.line("configuration")
    has_all(line, "exports[0].", "(1 more)", "`segment-export validate`", night.flow.app.settings.export_config)
    said = night.doctor()
    for group in ("connections", "exports"):
        assert f"  warn    {group}: Not checked, since the configuration cannot be read. Correct it first." in said


def test_doctor_names_the_command_that_puts_the_newest_version_in_order_back(night):
    app = night.flow.app
    app.configuration.change("ana", "save export gold", lambda now: now)
    night.configure(exports=7)
    has_all(night.line("configuration"), f"`segment-export history --restore {app.configuration.history()[0].id}`")


def test_doctor_names_the_settings_of_secrets_that_are_lost(night, monkeypatch):
    monkeypatch.delenv("APP_SECRET")
    monkeypatch.delenv(night.flow.account)
    has_all(night.line("app secret"), "The setting APP_SECRET is not set.", "openssl rand -base64 32")
    has_all(night.line("connection brevo-eu, key found"), night.flow.account, "is not set")


def answered(night, list_id, at):
    """A run has kept who left the list."""
    key = DigestKey.of(derived_key("leavers"))
    answer = Question(asked_at=at - 1, process_id=1, answered_at=at, key_id=key.id)
    night.flow.app.storage.accounts.put(Row(night.flow.account, f"left-{list_id}", answer.values()))


def asks_who_left(night):
    night.flow.change_connection(leavers="asked")
    night.configure()


def test_doctor_says_that_the_app_secret_has_changed_what_is_lost_by_that_and_when_the_line_goes(night, monkeypatch):
    asks_who_left(night)
    now = night.flow.app.now()
    answered(night, 12, now)
    assert [line for line in night.doctor(0) if "app secret" in line] == []
    monkeypatch.setenv("APP_SECRET", new_secret())
    line = night.line("app secret in use", "warn")
    has_all(line, f"at {local_text(now)}, was kept by another APP_SECRET", "Put the earlier one back")
    has_all(line, "before the next run", f"schedule {night.flow.export_id} --off`", "the next runs ask Brevo again")


def test_change_of_the_app_secret_is_told_while_a_run_asks_again(night, monkeypatch):
    """Its new question has no answer yet, and the answer before it was made by the earlier secret."""
    asks_who_left(night)
    now = night.flow.app.now()
    answered(night, 12, now)
    run = find_run(night.flow.app, night.flow.start().run_id)
    table, key = night.flow.app.storage.accounts, "left-12"
    asked = Question.of(table.get(night.flow.account, key)).asked_again(
        now + 5, 4711, run, has_failed=False, is_settled=True
    )
    table.put(Row(night.flow.account, key, asked.values()))
    monkeypatch.setenv("APP_SECRET", new_secret())
    assert any("was kept by another APP_SECRET" in line for line in night.doctor(0))


def test_change_of_the_app_secret_is_over_as_soon_as_a_run_has_kept_something_by_the_new_one(night, monkeypatch):
    """Also where another list, or one that no export has any more, was asked before the change."""
    asks_who_left(night)
    answered(night, 99, night.flow.app.now() - HOUR)
    monkeypatch.setenv("APP_SECRET", new_secret())
    has_all(night.line("app secret in use", "warn"), "was kept by another APP_SECRET")
    night.flow.segment(PEOPLE)
    night.run()
    assert [line for line in night.doctor(0) if "app secret" in line] == []


def test_change_of_the_app_secret_is_no_line_where_no_run_would_ever_end_it(night, monkeypatch):
    answered(night, 12, night.flow.app.now())
    monkeypatch.setenv("APP_SECRET", new_secret())
    assert [line for line in night.doctor(0) if "app secret" in line] == []


def test_doctor_names_a_receiver_that_a_notice_did_not_reach_and_the_command_that_tries_it(night, monkeypatch):
    monkeypatch.setenv("TEAM_URL", "http://127.0.0.1:9/hook")
    night.configure(notifications=[{"id": "team", "type": "teams", "url": {"setting": "TEAM_URL"}}])
    night.flow.segment(PEOPLE)
    monkeypatch.setenv(night.flow.account, "wrong")
    run_id = night.run()["run_id"]
    post_notices(night)
    night.flow.sandbox.change(api_key="wrong")  # the failed run alone is left
    [line] = [line for line in night.doctor() if f"{night.export}, notices: " in line]
    has_all(line, "warn", f"team has not taken the notice (failed) of {run_id} yet", "tried again by itself")
    for _ in range(45):  # the hours of a stop would not count
        night.skip(HOUR / 6)
        post_notices(night)
    line = night.line(f"{night.export}, notices")
    has_all(line, f"The notice (failed) of {run_id}", "could not be reached", "`segment-export notify-test team`")
    assert "Nor has it reached" not in line
    night.configure(notifications=[])
    assert [line for line in night.doctor() if "notices" in line] == [], "there is nobody to tell any more"


def test_doctor_names_all_receivers_that_a_notice_did_not_reach(night, monkeypatch):
    monkeypatch.setenv("TEAM_URL", "http://127.0.0.1:9/hook")
    receivers = [{"id": name, "type": "teams", "url": {"setting": "TEAM_URL"}} for name in ("sales", "team")]
    night.configure(notifications=receivers)
    night.flow.segment(PEOPLE)
    monkeypatch.setenv(night.flow.account, "wrong")
    night.run()
    post_notices(night)
    [line] = [line for line in night.doctor() if f"{night.export}, notices: " in line]
    has_all(line, "sales has not taken the notice", "Nor has it reached team.")


def post_notices(night):
    """As a worker does, until none is due."""
    queue = night.flow.app.storage.notice_queue
    while received := queue.receive(120):
        take_notice(night.flow.app, received.text)
        queue.delete(received)


def test_doctor_names_the_setting_of_a_receiver_that_is_lost(night):
    night.configure(notifications=[{"id": "team", "type": "teams", "url": {"setting": "TEAM_URL"}}])
    has_all(night.line("notification team"), "TEAM_URL", "is not set")


def test_doctor_says_that_a_segment_was_cut_and_how_a_person_lets_it_through(night):
    night.flow.segment(PEOPLE)
    night.run()
    night.flow.segment(f"{HEAD}C-1,{ANA},Ana\nC-2,ben@example.com,Ben\n", refresh="2026/11/25/0500")
    run_id = night.run()["run_id"]
    line = night.line(f"{night.export}, last run")
    has_all(line, "2 contacts where the last run had 10", "max_shrink", f"segment-export approve {run_id}")
    night.skip(49 * HOUR)
    sweep(night.flow.app)
    line = night.line(f"{night.export}, last run")
    has_all(line, run_id, "Nobody has approved it until", "2 contacts where the last run had 10", "segment-export plan")


def test_doctor_warns_of_a_plan_that_waits_for_approval(night):
    night.flow.segment(PEOPLE)
    ready = night.flow.app.ready_export(night.flow.export_id)
    run_id = start_run(night.flow.app, ready, "http", "ana", kind="plan").run_id
    night.flow.finish(run_id)
    line = night.line(f"{night.export}, last run", "warn")
    has_all(line, run_id, "It is a plan", f"segment-export approve {run_id}", f"segment-export cancel {run_id}")


def test_run_that_was_let_through_and_failed_otherwise_is_let_through_again(night, monkeypatch):
    night.flow.segment(PEOPLE)
    night.run()
    night.flow.segment(f"{HEAD}C-1,{ANA},Ana\n", refresh="2026/11/25/0500")
    monkeypatch.setenv(night.flow.account, "wrong")
    run_id = night.flow.start(accept=True).run_id
    night.flow.finish(run_id)
    monkeypatch.setenv(night.flow.account, night.flow.sandbox.api_key)
    has_all(night.line(f"{night.export}, last run"), f"Run it now: {night.run_it[:-1]} --accept`.")


def test_export_that_cannot_be_checked_stops_no_other_check(night, monkeypatch):
    night.flow.segment(PEOPLE)
    night.run()
    other = {**night.flow.export, "id": "a-other"}
    night.configure(exports=[other, night.flow.export])

    def breaks(*_):
        raise KeyError("ana.pop@example.com")

    monkeypatch.setattr("shared.operating.doctor.exports.own_snapshot", breaks)
    lines = night.doctor()
    assert len([line for line in lines if ", snapshot: An unforeseen error: " in line]) == 2
    assert "ana.pop" not in "".join(lines)
    assert [line for line in lines if line == "Clock"]


def test_connection_that_cannot_be_checked_stops_no_other_check(night):
    night.flow.segment(PEOPLE)
    night.run()
    lost = {**night.flow.connection, "id": "a-lost", "api_key": {"setting": "LOST_KEY"}}
    night.configure(connections=[lost, night.flow.connection])
    has_all(night.line("connection a-lost, key found"), "LOST_KEY", "is not set")
    assert [line for line in night.doctor() if "brevo-eu" in line or night.export in line] == []


def test_exports_that_there_was_no_time_for_are_counted(night, monkeypatch):
    monkeypatch.setattr("shared.operating.doctor.exports._EXPORTS_SECONDS", -1.0)
    night.configure(exports=[{**night.flow.export, "id": f"e-{number}"} for number in range(3)])
    line = night.line("exports", "warn")
    has_all(line, "3 exports were not checked", "`segment-export exports`")


def test_json_has_the_group_of_each_check(night):
    done = CliRunner().invoke(program, ["doctor", "--json"], catch_exceptions=False)
    answer = json.loads(done.stdout)
    assert set(answer) == {"healthy", "checks"}
    assert {tuple(each) for each in answer["checks"]} == {("check", "state", "message", "fix", "group")}
    groups = ["settings", "storage", "connections", "exports", "queues and runs", "clock"]
    assert list(dict.fromkeys(each["group"] for each in answer["checks"])) == groups


def test_configuration_error_is_a_line_with_its_advice(night, monkeypatch):
    def breaks(*_):
        raise ConfigurationError("partition_twice", "The segment Gold is there twice.", "Remove one of the two.")

    monkeypatch.setattr("shared.operating.doctor.exports.own_snapshot", breaks)
    has_all(night.line(f"{night.export}, snapshot"), "The segment Gold is there twice.", "Remove one of the two.")
