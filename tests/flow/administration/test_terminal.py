"""The terminal does and says what the API does."""

import json

import pytest

from shared.administration import exports, running
from shared.administration.items import item_etag
from tests.flow.administration.people import ADMINISTRATOR, completed, notified, the_export
from tests.plain import plain
from tests.receiver import receiver


def test_terminal_and_api_tell_the_same_facts(office, typed):
    office.finish(running.start_export(office.app, ADMINISTRATOR, office.export_id, "http").run_id)
    status, output, _ = typed("exports", "--json")
    assert (status, json.loads(output)) == (0, plain(exports.list_exports(office.app, ADMINISTRATOR)))
    (last,) = json.loads(typed("status", "--json")[1])
    (told,) = json.loads(output)
    assert told["last_run"] == {
        key: last[key] for key in ("run_id", "status", "trigger", "started_at", "finished_at")
    } | {"reason": None}
    assert "There is no new snapshot since" in typed("exports")[1]


def test_terminal_does_what_the_api_does(office, typed, tmp_path):
    file = tmp_path / "item.json"
    name = office.export_id
    status, output, errors = typed("export", "show", name)
    etag = errors.split()[-1]
    assert (status, etag) == (0, item_etag(the_export(office)))
    file.write_text(output.replace("Gold customers", "Silver"))
    assert typed("export", "save", name, str(file))[0] == 2
    assert typed("export", "save", name, str(file), "--if-match", etag)[1].splitlines()[0] == f"{name} is changed"
    file.write_text(output.replace("Gold customers", "Bronze"))
    assert typed("export", "save", name, str(file), "--if-match", etag)[0] == 2
    assert typed("export", "save", name, str(tmp_path / "none"))[0] == 2
    assert typed("export", "duplicate", name, "copy", "--name", "Copy")[1] == "copy is added\n"
    assert typed("export", "schedule", "copy", "--cron", "0 0 30 2 *")[0] == 2
    assert typed("export", "schedule", "copy", "--cron", "0 5 * * *", "--time-zone", "Europe/Bucharest")[0] == 0
    assert typed("export", "detach", "copy")[0] == 0
    assert typed("connection", "remove", "brevo-eu")[0] == 2
    assert typed("export", "remove", "copy")[0] == 0
    assert typed("connections")[1].splitlines()[1].split()[0] == "brevo-eu"
    file.write_text(typed("connection", "show", "brevo-eu")[1])
    assert typed("connection", "save", "second", str(file))[0] == 2, "its id is another"
    assert typed("connection", "save", "brevo-eu", str(file), "--replace")[0] == 0
    assert typed("connect", "brevo-eu", "--agree", "Ana")[0] == 0
    assert json.loads(typed("run", "--all", "--json")[1])[0]["export"] == name
    assert typed("run", "--all", "--wait")[0] == 2
    assert "terminal ana" in typed("audit")[1]
    assert "remove export copy" in typed("history")[1]


def test_terminal_that_waits_tells_of_the_end_itself(office, typed, monkeypatch):
    notified(office, office.export_id)
    document = office.app.configuration.read().model_dump(mode="json", exclude_unset=True)
    document["exports"][0]["list_id"] = 4711
    office.app.storage.app_blobs.write(*office.app.settings.export_config.split("/"), json.dumps(document).encode())
    with receiver() as there:
        # Not everybody's: other tests' runs, which share the queue, may end here.
        monkeypatch.setenv("SLACK_URL", there.url)
        assert typed("run", office.export_id, "--wait")[0] == 1
        (told,) = there.received
        assert told.json["blocks"][0]["text"]["text"] == "Gold customers: the export failed"
        assert office.app.storage.notice_queue.receive(30) is None


def test_terminal_completes_commands_options_and_ids(office, typed):
    run_id = running.start_export(office.app, ADMINISTRATOR, office.export_id, "http").run_id
    assert sorted(completed("conn")) == ["connect", "connection", "connections"]
    assert completed("export", "d") == ["duplicate", "detach"]
    assert completed("export", "remove", "go") == [office.export_id]
    assert completed("cancel", "") == [office.export_id]
    assert completed("cancel", office.export_id) == [office.export_id, run_id]
    assert completed("status", "go") == [office.export_id]
    assert completed("status", office.export_id) == [office.export_id, run_id]
    assert completed("status", run_id[:-1]) == [run_id]
    assert completed("disconnect", "") == completed("lists", "") == completed("attributes", "") == ["brevo-eu"]
    assert completed("runs", "go") == [office.export_id]
    assert completed("segments", "") == [office.container]
    assert completed("connect", "") == ["brevo-eu"]
    assert completed("run", "--a") == ["--all", "--accept"]
    assert completed("completion", "") == ["bash", "zsh", "fish"]
    assert completed("connect", "brevo-eu", "--agree", "") == []
    assert completed("nothing", "") == completed("export", "nothing", "") == []


def test_refused_save_has_a_line_for_each_fault_with_its_advice(office, typed, tmp_path):
    file = tmp_path / "item.json"
    changed = json.loads(typed("export", "show", office.export_id)[1])
    changed["list_id"] = 4711
    changed["mapping"]["attributes"] = {"FIRST_NAME": "FirstName"}
    file.write_text(json.dumps(changed))
    status, _, errors = typed("export", "save", office.export_id, str(file), "--replace")
    lines = [line.removeprefix("segment-export: ") for line in errors.splitlines()]
    assert status == 2
    assert "list_id: Brevo has no list 4711. Correct list_id in the export, or make the list in Brevo" in lines
    assert any("no attribute FIRST_NAME (did you mean FIRSTNAME?); make it there" in line for line in lines)
    assert lines[-1] == "Correct it; nothing was changed."


@pytest.mark.parametrize("customer", ["C\n1", "C\u20281", "C\x851"])
def test_rejected_rows_as_json_have_the_customer_ids_of_the_csv(office, typed, customer):
    office.segment(f'CustomerId,EMail,FirstName\n"{customer}",none,Ana\n2,ben@example.com,Ben\n')
    run_id = office.run()["run_id"]
    assert [row["customer_id"] for row in office.rejects(run_id)] == [customer]
    code, output, _ = typed("rejects", run_id, "--json")
    assert (code, [row["customer_id"] for row in json.loads(output)]) == (0, [customer])


@pytest.mark.parametrize("name", ["", " ", "x" * 201])
def test_consent_of_what_is_no_name_is_refused_in_one_line(office, typed, name):
    status, _, errors = typed("connect", "brevo-eu", "--agree", name)
    assert (status, errors.startswith("segment-export: agreed_by: ")) == (2, True)
    assert office.app.configuration.read().connections[0].consent.agreed_by == "admin"


def test_trail_has_a_number_of_lines_that_can_be_shown(office, typed):
    assert typed("audit", "--limit", "-1")[0] == 2


def test_new_cron_line_keeps_the_time_zone_that_the_schedule_has(office, typed):
    name = office.export_id
    line = "30 5 * * *"
    assert "30 5 * * * UTC" in typed("export", "schedule", name, "--cron", line)[1]
    assert typed("export", "schedule", name, "--cron", line, "--time-zone", "Europe/Bucharest")[0] == 0
    output = typed("export", "schedule", name, "--cron", "30 6 * * *")[1]
    assert output.splitlines()[0] == f"{name} is changed: 30 6 * * * Europe/Bucharest"
    schedule = office.app.configuration.read().exports[0].schedule
    assert (schedule.cron, schedule.time_zone) == ("30 6 * * *", "Europe/Bucharest")
    assert typed("export", "schedule", name, "--off")[1] == f"{name} is changed: off\n"
    status, _, errors = typed("export", "schedule", name, "--with-refresh", "--time-zone", "Europe/Bucharest")
    assert (status, "--time-zone needs --cron." in errors) == (2, True)


def test_run_that_is_not_there_is_said_without_words_of_the_api(typed):
    errors = typed("approve", "gold-20261130T115831-ffffff")[2]
    assert "`segment-export runs EXPORT` lists them." in errors
    assert "GET " not in errors


HOSTILE = "VIP\x1b[2J\x9b31m\u202e\nerror: all is lost"


def test_names_that_others_give_move_no_cursor_and_make_no_line_of_their_own(office, typed):
    office.sandbox.account.add_list(HOSTILE, number=office.list_id)
    run_id = office.run()["run_id"]
    _, shown, _ = typed("status", run_id)
    assert f"  list       VIP [2J 31m error: all is lost ({office.list_id})\n" in shown
    assert json.loads(typed("status", run_id, "--json")[1])["list_name"] == "VIP [2J 31m error: all is lost"


def test_file_whose_name_has_control_characters_is_named_without_them(office, typed):
    office.segment("PK\x03\x04", partition="\x1b[2J\x9b31m", refresh="2026/11/25/0500")
    _, _, errors = typed("preview", office.export_id)
    assert "Gold_ [2J 31m.csv is a zip archive" in errors


def test_value_that_is_refused_is_said_to_be_sent_without_only_once_somebody_is_sent(office, typed):
    document = office.app.configuration.read().model_dump(mode="json", exclude_unset=True)
    document["exports"][0]["mapping"]["phone"] = "Phone"
    office.app.storage.app_blobs.write(*office.app.settings.export_config.split("/"), json.dumps(document).encode())
    office.segment("CustomerId,EMail,FirstName,Phone\n1,ana@example.com,Ana,none\n2,ben@example.com,Ben,+40722000111\n")
    would_be, is_sent = "would be sent without", "(sent without that value)"
    assert would_be in typed("preview", office.export_id)[1]
    held = typed("plan", office.export_id, "--wait")[1]
    assert would_be in held
    assert is_sent not in held
    assert f"invalid_phone, {would_be} this value" in typed("why", office.export_id, "ana@example.com")[1]
    assert is_sent in typed("approve", held.split()[0], "--wait")[1]
    assert "invalid_phone, sent without this value" in typed("why", office.export_id, "ana@example.com")[1]
