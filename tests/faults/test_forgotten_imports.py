"""An import that Brevo has forgotten: what is said of it, and how a person ends the wait for it."""

import json

import pytest
import requests
from click.testing import CliRunner

from shared.access import Caller
from shared.administration.audit import read_audit
from shared.administration.running import start_trial
from shared.cli.program import program
from shared.errors import ConfigurationError
from shared.operating import releasing
from shared.operating.doctor.imports import slow_imports
from shared.runs.left_imports import left_imports
from shared.runs.starting import start_on_demand
from shared.runs.status import find_run, run_status
from shared.runs.steps.stop import request_cancel
from shared.times import local_text
from tests.faults.brevo_routes import IMPORT
from tests.faults.losing import slots, work_until

ADMINISTRATOR = Caller("terminal user ana", "administrator")


@pytest.fixture
def first(story):
    """A run whose import Brevo has taken and forgotten."""
    story.connection["import_deadline_hours"] = 6
    story.people(5)
    story.save()
    story.sandbox.fail_next(IMPORT, "import-stuck")
    run_id = story.start().run_id
    work_until(story, lambda run: run.state == "confirming", run_id)
    forget_processes(story)
    return run_id


def forget_processes(story):
    processes = story.sandbox.world.processes
    processes._first += len(processes._all)
    processes._all.clear()


def waiting_of(story, run_id):
    return run_status(story.app, find_run(story.app, run_id)).waiting


def doctor_of(story):
    return slow_imports(story.app, story.app.document())


def warning_of(story):
    """What doctor warns of, and what to do."""
    state, text, fix = doctor_of(story)
    assert state == "warn"
    return text, fix


def test_open_run_says_that_brevo_does_not_list_its_import(story, first):
    story.work(hours=0.25)
    assert waiting_of(story, first).startswith("Brevo no longer lists 1 import (process 78). Brevo accepted")
    text, fix = warning_of(story)
    assert "Brevo does not list the process 78, posted" in text
    assert f"which {first} waits for until 20" in text
    assert "`segment-export cancel RUN`" in fix


def test_cancelling_a_run_says_at_once_which_import_holds_its_slot_and_so_does_doctor(story, first, monkeypatch):
    monkeypatch.setattr("shared.app.open_app", lambda: story.app)
    cancelled = CliRunner().invoke(program, ["cancel", first], catch_exceptions=False).stdout
    until = local_text(left_imports(story.app, story.account)[0].until)
    assert "Brevo may still work on the import 78: a slot stays taken until Brevo has ended it" in cancelled
    assert f"at the latest until {until}. The next runs of the export wait for that." in cancelled
    assert any(until in note for note in run_status(story.app, find_run(story.app, first)).notes)
    text, _ = warning_of(story)
    assert f"The next runs wait for the import 78 of the ended run {first}: posted at 20" in text
    assert f"at the latest until {until}." in text


def test_run_whose_imports_are_all_over_says_nothing_of_slots(story, first):
    request_cancel(story.app, find_run(story.app, first), "ana")
    releasing.release(story.app, ADMINISTRATOR, first)
    assert run_status(story.app, find_run(story.app, first)).notes == []
    assert doctor_of(story)[0] == "ok"


def test_next_run_says_which_import_it_waits_for_and_doctor_how_to_go_on(story, first):
    request_cancel(story.app, find_run(story.app, first), "ana")
    second = story.start().run_id
    story.work(hours=0.5)
    status = run_status(story.app, find_run(story.app, second))
    assert status.processes == [78]
    assert "free import slot" not in status.waiting
    assert f"waits for the import 78 of the ended run {first}" in status.waiting
    assert "Brevo does not list that process any more. It was posted at 20" in status.waiting
    assert "at most until 20" in status.waiting
    text, fix = warning_of(story)
    assert f"The next runs wait for the import 78 of the ended run {first}" in text
    assert f"`segment-export release {first} --yes`" in fix


def test_person_who_says_that_the_import_is_over_lets_the_next_run_go_on(story, first):
    request_cancel(story.app, find_run(story.app, first), "ana")
    second = story.start().run_id
    story.work(hours=0.5)
    before = story.kept.clock.seconds()
    assert [each.process for each in releasing.look(story.app, ADMINISTRATOR, first)] == [78]
    assert len(slots(story)) == 1, "a look changes nothing"
    assert [each.process for each in releasing.release(story.app, ADMINISTRATOR, first)] == [78]
    story.work(hours=1)
    assert story.status(second)["status"] == "succeeded"
    assert story.kept.clock.seconds() - before < 2 * 3600, "long before the deadline"
    assert doctor_of(story)[0] == "ok"
    assert releasing.release(story.app, ADMINISTRATOR, first) == []
    noted = [(line.what, line.target) for line in read_audit(story.app, ADMINISTRATOR)[0]]
    assert noted == [("release imports", first)]


def test_import_of_an_open_run_is_not_released(story, first):
    with pytest.raises(ConfigurationError, match="has not ended: confirming") as caught:
        releasing.release(story.app, ADMINISTRATOR, first)
    assert caught.value.advice == f"First: `segment-export cancel {first}`."
    assert len(slots(story)) == 1


def test_import_of_an_open_run_whose_answer_was_lost_is_released_by_the_command_of_doctor(story, three_batches):
    """Whether it is over shows only once Brevo works on no import at all, and another tool's is stuck there."""
    story.connection["imports_at_once"] = 1
    story.people(600)
    story.save()
    story.sandbox.fail_next(IMPORT, "import-stuck")
    body = {"listIds": [12], "jsonBody": [{"email": "other@example.com"}]}
    key = {"api-key": story.sandbox.api_key}
    requests.post(f"{story.sandbox.base_url}/contacts/import", json=body, headers=key, timeout=10)
    story.sandbox.fail_next(IMPORT, "524-after")
    run_id = story.start().run_id
    story.work(hours=1)
    assert f"wait for an import of the run {run_id} whose answer was lost" in waiting_of(story, run_id)
    _, fix = warning_of(story)
    assert f"`segment-export release {run_id} --yes`" in fix
    assert [each.run for each in releasing.release(story.app, ADMINISTRATOR, run_id)] == [run_id]
    story.work(hours=0.2)
    assert find_run(story.app, run_id).state == "succeeded"


def test_all_imports_that_the_runs_of_an_export_have_left_are_released_by_the_export(story, first):
    assert releasing.look(story.app, ADMINISTRATOR, "gold") == [], "its run is still open"
    request_cancel(story.app, find_run(story.app, first), "ana")
    story.start()
    assert [each.run for each in releasing.release(story.app, ADMINISTRATOR, "gold")] == [first]
    assert slots(story) == []
    with pytest.raises(ConfigurationError, match="neither a run nor an export 'silver'"):
        releasing.look(story.app, ADMINISTRATOR, "silver")


def test_run_behind_another_open_run_names_it(story, first):
    silver = {**story.export, "id": "silver"}
    document = {"connections": [story.connection], "exports": [story.export, silver]}
    story.config.write_text(json.dumps(document))
    second = start_on_demand(story.app, "silver", "http", "tester").run_id
    story.work(hours=0.25)
    assert f"for a free import slot, which {first} has." in waiting_of(story, second)


def test_terminal_releases_after_a_look(story, first, monkeypatch):
    request_cancel(story.app, find_run(story.app, first), "ana")
    monkeypatch.setattr("shared.app.open_app", lambda: story.app)

    def typed(*words):
        return CliRunner().invoke(program, ["release", first, *words], catch_exceptions=False).stdout

    assert "Nothing was changed: do it with --yes." in typed()
    assert json.loads(typed("--json"))["imports"][0]["process"] == 78
    assert typed("--yes").startswith(f"no longer waited for: the import 78 of the ended run {first}")
    assert typed().startswith("No run waits for such an import. One of a run that is still open")


def test_export_names_also_what_its_trial_and_its_runs_with_another_key_have_left(story, first, monkeypatch):
    request_cancel(story.app, find_run(story.app, first), "ana")
    monkeypatch.setenv("BREVO_KEY_NEW", story.sandbox.api_key)
    story.connection["api_key"] = {"setting": "BREVO_KEY_NEW"}
    story.save()
    story.sandbox.seed(lists=[{"name": "Trials", "id": 99}])
    story.sandbox.fail_next(IMPORT, "import-stuck")
    trial = start_trial(story.app, ADMINISTRATOR, "gold", "http", 99, customers=1).run_id
    story.work(hours=0.25)
    request_cancel(story.app, find_run(story.app, trial), "ana")
    assert {each.run for each in releasing.look(story.app, ADMINISTRATOR, "gold")} == {first, trial}
    assert {each.run for each in releasing.release(story.app, ADMINISTRATOR, "gold")} == {first, trial}
    assert releasing.look(story.app, ADMINISTRATOR, "gold") == []
    assert slots(story) == []
