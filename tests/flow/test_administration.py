"""Connections and exports as administrators, contributors and viewers handle them, over Azurite and the sandbox."""

import json
import threading
import uuid
from datetime import date

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from shared.access import AccessDenied, Caller
from shared.administration import connections, exports, running
from shared.administration.audit import read_audit
from shared.administration.items import ANY, InvalidInput, item_etag
from shared.administration.notifying import try_notifications
from shared.cli.program import program
from shared.config.models import Connection, Consent, CronSchedule, Export
from shared.config.store import DocumentStore
from shared.errors import ConfigurationError
from shared.runs.starting import start_due
from tests.plain import plain
from tests.receiver import receiver

ADMINISTRATOR = Caller("function key", "administrator")
CONTRIBUTOR = Caller("user 1", "contributor")
VIEWER = Caller("user 2", "viewer")
CSV = "CustomerId,EMail,FirstName\n1,ana@example.com,Ana\n2,ben@example.com,Ben\n"


@pytest.fixture
def office(make_flow):
    """A flow whose configuration is a blob."""
    location = f"settings-{uuid.uuid4().hex[:8]}/exports.json"
    flow = make_flow(EXPORT_CONFIG=location)
    document = json.dumps({"connections": flow.connections, "exports": flow.exports}).encode()
    flow.app.storage.app_blobs.write(*location.split("/"), document)
    flow.segment(CSV)
    return flow


def the_export(office, **changes):
    return Export.model_validate({**office.export, **changes})


def connection_of(office, **changes):
    return Connection.model_validate({**office.connection, **changes})


def share(office, *roles):
    changed = connection_of(office, available_to=["administrator", *roles])
    connections.save_connection(office.app, ADMINISTRATOR, changed, ANY)


def why(office):
    (found,) = exports.list_exports(office.app, ADMINISTRATOR, search=office.export_id)
    return found.why_not_running and found.why_not_running.code


def code_of(call, *arguments, **more):
    with pytest.raises(ConfigurationError) as caught:
        call(*arguments, **more)
    return caught.value.code


# Connections


def test_contributor_sees_name_and_type_of_what_is_shared_and_never_a_setting(office):
    assert connections.list_connections(office.app, CONTRIBUTOR) == []
    with pytest.raises(AccessDenied):
        connections.view_connection(office.app, CONTRIBUTOR, "brevo-eu")
    share(office, "contributor")
    seen = connections.ConnectionName("brevo-eu", "brevo", "Brevo")
    assert connections.list_connections(office.app, CONTRIBUTOR) == [seen]
    assert connections.view_connection(office.app, CONTRIBUTOR, "brevo-eu")[0] == seen
    assert connections.list_connections(office.app, VIEWER) == []


def test_connection_is_not_saved_with_consent_before_its_steps_pass(office, monkeypatch):
    new = connection_of(office, id="second", api_key={"setting": "NO_SUCH_KEY"})
    with pytest.raises(connections.NotConnected) as caught:
        connections.save_connection(office.app, ADMINISTRATOR, new, None)
    assert [(step.step, step.ok) for step in caught.value.steps] == [("key found", False)]
    draft = connection_of(office, id="second", api_key={"setting": "NO_SUCH_KEY"}, consent=None)
    assert connections.save_connection(office.app, ADMINISTRATOR, draft, None).is_new
    assert not connections.connect(office.app, ADMINISTRATOR, "second", "Ana").connected
    assert connections.view_connection(office.app, ADMINISTRATOR, "second")[0].consent is None
    monkeypatch.setenv("NO_SUCH_KEY", "a-wrong-key")
    steps = connections.connect(office.app, ADMINISTRATOR, "second", "Ana").steps
    assert (steps[-1].step, steps[-1].ok) == ("key accepted", False)
    monkeypatch.setenv("NO_SUCH_KEY", office.sandbox.api_key)
    assert connections.connect(office.app, ADMINISTRATOR, "second", "Ana").connected
    assert connections.view_connection(office.app, ADMINISTRATOR, "second")[0].consent.agreed_by == "Ana"


def test_connection_in_use_is_not_removed_until_its_exports_are_detached(office):
    with pytest.raises(connections.ConnectionInUse) as caught:
        connections.remove_connection(office.app, ADMINISTRATOR, "brevo-eu", ANY)
    assert caught.value.exports == [office.export_id]
    exports.detach_export(office.app, ADMINISTRATOR, office.export_id)
    connections.remove_connection(office.app, ADMINISTRATOR, "brevo-eu", ANY)
    assert why(office) == "detached"
    assert exports.view_export(office.app, VIEWER, office.export_id)[0].mapping.email == "EMail"


def test_withdrawn_consent_stops_a_run_before_its_next_batch(office):
    start = running.start_export(office.app, ADMINISTRATOR, office.export_id, "http")
    connections.save_connection(office.app, ADMINISTRATOR, connection_of(office, consent=None), ANY)
    status = office.finish(start.run_id)
    assert (status["status"], status["error"]["code"]) == ("failed", "consent_missing")
    assert office.nothing_was_sent()
    assert why(office) == "consent_withdrawn"


# Exports


def test_export_that_cannot_work_is_not_saved_and_every_fault_is_named(office):
    wrong = the_export(
        office,
        id="new",
        list_id=4711,
        mapping={"email": "Mail", "first_name": "FirstName", "attributes": {"SIZE": "X"}},
    )
    with pytest.raises(InvalidInput) as caught:
        exports.save_export(office.app, ADMINISTRATOR, wrong, None)
    fields = sorted(problem.partition(": ")[0] for problem in caught.value.problems)
    assert fields == ["list_id", "mapping.attributes.SIZE", "mapping.attributes.SIZE", "mapping.email"]
    assert code_of(exports.view_export, office.app, VIEWER, "new") == "export_unknown"


def test_export_of_an_unknown_connection_or_segment_is_not_saved(office):
    for changes, field in (({"connection": "nowhere"}, "connection"), ({"segments": ["Nobody"]}, "segments")):
        office.model_json({"name": "Gold", "attributes": [{"name": "EMail"}, {"name": "FirstName"}]})
        with pytest.raises(InvalidInput) as caught:
            exports.save_export(office.app, ADMINISTRATOR, the_export(office, id="new", **changes), None)
        assert caught.value.problems[0].startswith(f"{field}: ")


def test_export_before_its_first_snapshot_is_saved_with_a_note(office):
    saved = exports.save_export(office.app, ADMINISTRATOR, the_export(office, id="new", segments=["Later"]), None)
    assert saved.is_new
    assert "not checked yet" in saved.notes[0]


def test_contributor_handles_exports_of_shared_connections_only(office):
    export = the_export(office, display_name="Mine")
    with pytest.raises(AccessDenied):
        exports.save_export(office.app, CONTRIBUTOR, export, ANY)
    with pytest.raises(AccessDenied):
        running.start_export(office.app, CONTRIBUTOR, office.export_id, "http")
    assert running.start_exports(office.app, CONTRIBUTOR, "http")[0].reason == "You may not run this export."
    share(office, "contributor")
    assert exports.save_export(office.app, CONTRIBUTOR, export, ANY).item.display_name == "Mine"
    (listed,) = exports.list_exports(office.app, CONTRIBUTOR)
    assert "edit" in listed.permissions
    assert exports.list_exports(office.app, VIEWER)[0].permissions == ["view"]
    assert running.start_export(office.app, CONTRIBUTOR, office.export_id, "http").is_new


def test_contributor_does_not_move_an_export_to_a_connection_that_is_not_shared(office):
    share(office, "contributor")
    other = connection_of(office, id="other", available_to=["administrator"])
    connections.save_connection(office.app, ADMINISTRATOR, other, None)
    with pytest.raises(AccessDenied):
        exports.save_export(office.app, CONTRIBUTOR, the_export(office, connection="other"), ANY)


def test_list_is_found_by_its_name(office):
    lists = {each.name: number for number, each in office.sandbox.world.account.lists.items()}
    name, number = next(iter(lists.items()))
    raw = {key: value for key, value in office.export.items() if key not in ("id", "list_id")}
    found = exports.read_export(office.app, ADMINISTRATOR, {**raw, "list_name": name.upper()}, "by-name")
    assert found.list_id == number
    for wrong in ("No such list", "", 7):
        with pytest.raises(InvalidInput, match="list_name"):
            exports.read_export(office.app, ADMINISTRATOR, {**raw, "list_name": wrong}, "by-name")


def test_saving_runs_nothing_and_the_next_snapshot_does(office):
    exports.save_export(office.app, ADMINISTRATOR, the_export(office, id="new"), None)
    assert [(start.is_new, start.reason) for start in start_due(office.app) if start.export == "new"] == [
        (False, "There is no new snapshot.")
    ]
    office.segment(CSV, refresh="2026/11/24/0600")
    assert [start.is_new for start in start_due(office.app) if start.export == "new"] == [True]


def test_editing_a_name_leaves_a_new_snapshot_to_the_timer(office):
    assert why(office) == "waiting_for_timer"
    exports.save_export(office.app, ADMINISTRATOR, the_export(office, display_name="Renamed"), ANY)
    assert [start.is_new for start in start_due(office.app)] == [True]


def test_new_cron_line_is_not_due_for_the_past(office):
    every_minute = CronSchedule(cron="* * * * *")
    exports.schedule_export(office.app, ADMINISTRATOR, office.export_id, every_minute)
    yearly = CronSchedule(cron="0 0 1 1 *", time_zone="Europe/Bucharest")
    exports.schedule_export(office.app, ADMINISTRATOR, office.export_id, yearly)
    assert [(start.is_new, start.reason) for start in start_due(office.app)] == [(False, "Not due.")]
    assert why(office) == "not_due"
    exports.schedule_export(office.app, ADMINISTRATOR, office.export_id, "off")
    assert why(office) == "schedule_off"


def test_removed_export_sends_nothing_more(office):
    start = running.start_export(office.app, ADMINISTRATOR, office.export_id, "http")
    exports.remove_export(office.app, ADMINISTRATOR, office.export_id, ANY)
    status = office.finish(start.run_id)
    assert (status["status"], status["error"]["code"]) == ("failed", "export_unknown")
    assert office.nothing_was_sent()


def test_exports_are_searched_and_sorted(office):
    exports.duplicate_export(office.app, ADMINISTRATOR, office.export_id, "a-copy", "Zebra")
    names = [each.display_name for each in exports.list_exports(office.app, VIEWER, sort="-display_name")]
    assert names == ["Zebra", "Gold customers"]
    assert [each.id for each in exports.list_exports(office.app, VIEWER, search="ZEB")] == ["a-copy"]
    with pytest.raises(InvalidInput, match="sort"):
        exports.list_exports(office.app, VIEWER, sort="colour")


# One document, several people


def test_stale_etag_changes_nothing(office):
    _, etag = exports.view_export(office.app, VIEWER, office.export_id)
    exports.save_export(office.app, ADMINISTRATOR, the_export(office, display_name="First"), etag)
    second = the_export(office, display_name="Second")
    assert code_of(exports.save_export, office.app, ADMINISTRATOR, second, etag) == "changed_meanwhile"
    assert code_of(exports.save_export, office.app, ADMINISTRATOR, second, None) == "already_there"
    assert code_of(exports.remove_export, office.app, ADMINISTRATOR, office.export_id, etag) == "changed_meanwhile"
    assert exports.view_export(office.app, VIEWER, office.export_id)[0].display_name == "First"


def test_administrators_who_save_at_once_lose_no_change(office):
    names = [f"copy-{number}" for number in range(6)]
    threads = [
        threading.Thread(target=exports.duplicate_export, args=(office.app, ADMINISTRATOR, office.export_id, name))
        for name in names
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {each.id for each in exports.list_exports(office.app, VIEWER)} == {office.export_id, *names}
    history = office.app.configuration.history()
    assert len(history) == 6
    assert {version.changed_by for version in history} == {"function key"}


def test_first_connection_makes_the_document(office):
    store = DocumentStore(
        f"new-{uuid.uuid4().hex[:8]}/a/b.json", office.app.storage.app_blobs, office.app.storage.clock
    )
    assert store.read().connections == []
    store.change("ana", "add", lambda document: document.model_copy(update={"connections": [connection_of(office)]}))
    assert store.read().connections[0].consent == Consent(agreed_by="admin", agreed_on=date(2026, 11, 1))
    assert store.history() == []


def test_local_file_is_read_only_and_says_so(flow):
    flow.segment(CSV)
    new = Export.model_validate({**flow.export, "id": "new"})
    for call in (
        lambda: exports.save_export(flow.app, ADMINISTRATOR, new, None),
        lambda: exports.detach_export(flow.app, ADMINISTRATOR, flow.export_id),
        lambda: exports.remove_export(flow.app, ADMINISTRATOR, flow.export_id, ANY),
        lambda: connections.connect(flow.app, ADMINISTRATOR, "brevo-eu", "Ana"),
    ):
        assert code_of(call) == "configuration_read_only"
    assert connections.connect(flow.app, ADMINISTRATOR, "brevo-eu").connected


# Runs


def test_start_with_the_same_key_starts_once(office):
    first = running.start_export(office.app, ADMINISTRATOR, office.export_id, "http", key="k")
    office.finish(first.run_id)
    again = running.start_export(office.app, ADMINISTRATOR, office.export_id, "http", key="k")
    assert (again.run_id, again.is_new) == (first.run_id, False)
    other = {"key": "k", "accept": True}
    assert code_of(running.start_export, office.app, ADMINISTRATOR, office.export_id, "http", **other) == (
        "idempotency_key_used"
    )
    assert running.start_export(office.app, ADMINISTRATOR, office.export_id, "http", key="l").is_new


def test_key_of_a_start_that_found_an_active_run_stands_for_that_run(office):
    active = running.start_export(office.app, ADMINISTRATOR, office.export_id, "http")
    assert running.start_export(office.app, ADMINISTRATOR, office.export_id, "http", key="k").run_id == active.run_id
    office.finish(active.run_id)
    assert running.start_export(office.app, ADMINISTRATOR, office.export_id, "http", key="k").run_id == active.run_id


def test_two_callers_with_the_same_key_start_a_run_each(office):
    share(office, "contributor")
    mine = running.start_export(office.app, ADMINISTRATOR, office.export_id, "http", key="monday")
    office.finish(mine.run_id)
    theirs = running.start_export(office.app, CONTRIBUTOR, office.export_id, "http", key="monday", accept=True)
    assert theirs.is_new
    assert theirs.run_id != mine.run_id
    office.finish(theirs.run_id)
    for caller, how, run_id in ((ADMINISTRATOR, {}, mine.run_id), (CONTRIBUTOR, {"accept": True}, theirs.run_id)):
        again = running.start_export(office.app, caller, office.export_id, "http", key="monday", **how)
        assert (again.run_id, again.is_new) == (run_id, False)


def test_guard_that_stopped_a_run_is_told_and_letting_it_through_is_in_the_trail(office):
    exports.save_export(office.app, ADMINISTRATOR, the_export(office, max_profiles=1), ANY)
    office.finish(running.start_export(office.app, ADMINISTRATOR, office.export_id, "http").run_id)
    assert why(office) == "guard"
    started = running.start_export(office.app, ADMINISTRATOR, office.export_id, "http", accept=True)
    assert office.finish(started.run_id)["status"] == "succeeded"
    entries, _ = read_audit(office.app, ADMINISTRATOR, limit=200)
    assert ("let through guards", started.run_id) in [(each.what, each.detail) for each in entries]
    with pytest.raises(AccessDenied):
        read_audit(office.app, CONTRIBUTOR)


def test_cancel_takes_the_connection_of_the_export(office):
    start = running.start_export(office.app, ADMINISTRATOR, office.export_id, "http")
    with pytest.raises(AccessDenied):
        running.cancel_run(office.app, CONTRIBUTOR, start.run_id)
    running.cancel_run(office.app, ADMINISTRATOR, start.run_id)
    assert office.finish(start.run_id)["status"] == "cancelled"


# The terminal


@pytest.fixture
def typed(office, monkeypatch):
    """Types a command; its exit status, output and words on standard error."""
    monkeypatch.setattr("shared.app.open_app", lambda: office.app)
    monkeypatch.setenv("EXPORT_CONFIG", office.app.settings.export_config)
    monkeypatch.setenv("USER", "ana@example.com")

    def run(*words):
        done = CliRunner().invoke(program, words, catch_exceptions=False)
        return done.exit_code, done.stdout, done.stderr

    return run


def completed(*words):
    """What the last word can become by the Tab key."""
    completion = ShellComplete(program, {}, "segment-export", "_SEGMENT_EXPORT_COMPLETE")
    return [each.value for each in completion.get_completions(list(words[:-1]), words[-1])]


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


def notified(office, *exports_told):
    """Puts a notification for these exports beside the connections and exports."""
    team = {"id": "team", "type": "slack", "url": {"setting": "SLACK_URL"}, "exports": [*exports_told]}
    everybody = {"id": "everybody", "type": "teams", "url": {"setting": "TEAMS_URL"}}
    document = office.app.configuration.read().model_dump(mode="json", exclude_unset=True)
    location = office.app.settings.export_config.split("/")
    written = json.dumps(document | {"notifications": [team, everybody]}).encode()
    office.app.storage.app_blobs.write(*location, written)


def test_change_of_a_connection_or_an_export_keeps_the_notifications(office):
    notified(office, office.export_id)
    before = office.app.document().notifications
    share(office, "contributor")
    changed = the_export(office, display_name="Silver")
    exports.save_export(office.app, ADMINISTRATOR, changed, ANY)
    exports.duplicate_export(office.app, ADMINISTRATOR, office.export_id, "copy")
    assert office.app.document().notifications == before


def test_removed_export_is_taken_out_of_the_notifications_that_name_it(office):
    exports.duplicate_export(office.app, ADMINISTRATOR, office.export_id, "copy")
    notified(office, office.export_id, "copy")
    exports.remove_export(office.app, ADMINISTRATOR, "copy", ANY)
    team, everybody = office.app.document().notifications
    assert team.exports == [office.export_id]
    assert everybody.exports == "all"
    exports.remove_export(office.app, ADMINISTRATOR, office.export_id, ANY)
    assert office.app.document().notifications[0].exports == []


def test_only_an_administrator_sends_a_test_to_the_receivers(office):
    notified(office)
    for who in (CONTRIBUTOR, VIEWER):
        with pytest.raises(AccessDenied):
            try_notifications(office.app, who)


def test_test_of_receivers_says_for_each_what_it_answers(office, typed, monkeypatch):
    assert typed("notify-test")[0] == 2, "there is none"
    notified(office)
    with receiver() as there:
        monkeypatch.setenv("SLACK_URL", f"{there.url}/services/s3cret")
        monkeypatch.setenv("TEAMS_URL", f"{there.url}/workflows/s3cret")
        status, output, _ = typed("notify-test")
        assert status == 0
        assert output.splitlines() == [
            "accepted  team (slack): The receiver has accepted it.",
            "accepted  everybody (teams): The receiver has accepted it.",
        ]
        assert b"Nothing has happened." in there.received[0].body
        assert there.received[1].json["attachments"]
        there.answers = [500]
        status, output, _ = typed("notify-test", "team")
        assert (status, output.split()[0], len(there.received)) == (1, "REFUSED", 3)
        there.answers = [404, 202]
        status, output, _ = typed("notify-test", "--json")
        assert status == 2
        refused, accepted = json.loads(output)
        assert (refused["id"], refused["accepted"], accepted["accepted"]) == ("team", False, True)
        assert "put its address into SLACK_URL anew" in refused["message"]
        assert "s3cret" not in output
    monkeypatch.delenv("SLACK_URL")
    status, output, _ = typed("notify-test", "team")
    assert (status, "The setting SLACK_URL is not set. Put the receiver's address into SLACK_URL." in output) == (
        2,
        True,
    )
    assert typed("notify-test", "nobody")[0] == 2
    assert completed("notify-test", "t") == ["team"]
    assert "try notifications" in typed("audit")[1]


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
    assert completed("status", office.export_id) == completed("rejects", "") == [run_id]
    assert completed("connect", "") == ["brevo-eu"]
    assert completed("run", "--a") == ["--all", "--accept"]
    assert completed("completion", "") == ["bash", "zsh", "fish"]
    assert completed("connect", "brevo-eu", "--agree", "") == []
    assert completed("nothing", "") == completed("export", "nothing", "") == []
