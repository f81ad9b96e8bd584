"""Past runs, the last one of each export, and how a run ended, in the terminal; previews of what is not saved."""

import json

import pytest

from shared.access import AccessDenied
from shared.administration import previewing, running
from shared.runs.run_ids import started_at
from shared.runs.status import find_run
from shared.runs.steps.stop import request_cancel
from tests.flow.administration.people import ADMINISTRATOR, CONTRIBUTOR, VIEWER, code_of


def started(office):
    return running.start_export(office.app, ADMINISTRATOR, office.export_id, "http").run_id


def test_past_runs_are_listed_a_line_each_newest_first_in_pages(office, typed):
    runs = {office.run()["run_id"] for _ in range(3)}
    status, text, _ = typed("runs", office.export_id)
    assert status == 0
    listed = [line.split()[0] for line in text.splitlines()[1:]]
    assert set(listed) == runs
    assert [started_at(each) for each in listed] == sorted(map(started_at, runs), reverse=True)
    assert "succeeded" in text
    page = json.loads(typed("runs", office.export_id, "--limit", "2", "--json")[1])
    assert [each["run_id"] for each in page] == listed[:2]
    assert f"--after {listed[1]}" in typed("runs", office.export_id, "--limit", "2")[1]
    (oldest,) = json.loads(typed("runs", office.export_id, "--after", listed[1], "--json")[1])
    assert oldest["run_id"] == listed[2]
    assert typed("runs", "nowhere")[0] == 2


def test_export_stands_for_its_last_run(office, typed):
    assert typed("status", office.export_id)[:2] == (0, f"{office.export_id} has not run yet.\n")
    assert json.loads(typed("status", office.export_id, "--json")[1]) is None
    office.run()
    office.run()
    last = next(office.app.store.latest(office.export_id, 1)).run_id
    assert json.loads(typed("status", office.export_id, "--json")[1])["run_id"] == last
    assert typed("status", office.export_id)[1] == typed("status", last)[1]


def test_status_of_all_is_a_line_for_each_export(office, typed):
    assert "never" in typed("status")[1]
    office.segment("CustomerId,EMail,FirstName\n1,ana@example.com,Ana\n2,,Ben\n")
    office.run()
    head, line = typed("status")[1].splitlines()
    assert head.split() == ["EXPORT", "LAST", "RUN", "CONFIRMED", "STATUS"]
    assert line.startswith(office.export_id)
    assert line.split()[-4:] == ["1", "succeeded,", "1", "rejected"]


def test_status_of_all_shows_open_runs_while_the_configuration_cannot_be_read(office, typed):
    container, name = office.app.settings.export_config.split("/")
    document = office.app.storage.app_blobs.read(container, name)
    office.app.storage.app_blobs.write(container, name, b"{")
    assert typed("status")[0] == 2
    office.app.storage.app_blobs.write(container, name, document)
    run_id = started(office)
    office.app.storage.app_blobs.write(container, name, b"{")
    status, text, _ = typed("status", "--json")
    assert (status, [each["run_id"] for each in json.loads(text)]) == (0, [run_id])
    status, text, _ = typed("runs", office.export_id, "--json")
    assert (status, [each["run_id"] for each in json.loads(text)]) == (0, [run_id])
    assert typed("runs", "nowhere")[0] == 2


def test_line_of_a_run_is_cut_to_the_terminal_and_whole_elsewhere(office, typed, monkeypatch):
    office.app.configuration.change(
        "ana",
        "another list",
        lambda now: now.model_copy(update={"exports": [now.exports[0].model_copy(update={"list_id": 4711})]}),
    )
    office.run()
    whole = typed("status")[1].splitlines()[1]
    assert "failed: " in whole
    assert whole.endswith("Nothing was sent.")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda _: True)
    for command in (["status"], ["runs", office.export_id]):
        line = typed(*command)[1].splitlines()[1]
        assert len(line) == 80
        assert line.endswith("…")


@pytest.mark.parametrize("name", ["gold-20261124T050000-abcdef", "nowhere", "../x"])
def test_name_of_nothing_is_one_line_and_2(office, typed, name):
    status, output, errors = typed("status", name)
    assert (status, output, errors.count("\n")) == (2, "", 1)
    is_run = name.startswith("gold-2026")
    assert ("There is no such run." if is_run else "There is neither a run nor an export") in errors


def test_name_that_is_mistyped_gets_the_nearest_one(office, typed):
    run_id = office.run()["run_id"]
    assert f"(did you mean {office.export_id}?)" in typed("status", office.export_id[:-1])[2]
    assert f"(did you mean {run_id}?)" in typed("status", f"{run_id[:-1]}{'0' if run_id[-1] != '0' else '1'}")[2]


def test_exit_status_is_the_run_s_end(office, typed):
    assert typed("status", office.export_id, "--exit-status")[0] == 3, "it has not run yet"
    run_id = started(office)
    assert typed("status", run_id, "--exit-status")[0] == 3, "it is open"
    request_cancel(office.app, find_run(office.app, run_id), "ana")
    office.finish(run_id)
    assert typed("status", run_id, "--exit-status")[0] == 1
    assert typed("status", run_id)[0] == 0
    succeeded = office.run()["run_id"]
    assert typed("status", succeeded, "--exit-status", "--json")[0] == 0


def test_run_shows_each_batch_with_its_process_number(office, typed):
    run_id = office.run()["run_id"]
    (record,) = office.sandbox.imports.records()
    (batch,) = json.loads(typed("status", run_id, "--json")[1])["imports"]
    assert (batch["batch"], batch["state"], batch["contacts"]) == (1, "confirmed", 2)
    assert batch["process"] == record.id
    assert f"batch 1: confirmed, process {record.id}, 2 contacts" in typed("status", run_id)[1]


def test_batch_that_brevo_has_not_taken_has_no_process(office, typed):
    office.sandbox.fail_next("POST /contacts/import", "403")
    run_id = office.run()["run_id"]
    (batch,) = json.loads(typed("status", run_id, "--json")[1])["imports"]
    assert (batch["process"], batch["posted_at"]) == (None, None)
    assert "no process yet" in typed("status", run_id)[1]


# Previews of what is not saved


def body_of(office, **changes):
    return {name: value for name, value in (office.export | changes).items() if name != "id"}


def test_export_that_is_not_saved_is_previewed_from_a_file_and_standard_input(office, typed, tmp_path):
    file = tmp_path / "export.json"
    file.write_text(json.dumps(body_of(office, mapping={"email": "EMail"})))
    status, text, _ = typed("preview", "--file", str(file))
    assert (status, "unsaved: snapshot" in text) == (0, True)
    file.write_text(json.dumps(office.export))
    assert f"{office.export_id}: snapshot" in typed("preview", "--file", str(file))[1]
    file.write_text("{")
    assert typed("preview", "--file", str(file))[0] == 2
    assert typed("preview", "--file", str(tmp_path / "none"))[0] == 2
    assert typed("preview", office.export_id, "--file", str(file))[0] == 2
    assert office.nothing_was_sent()
    assert len(office.app.configuration.read().exports) == 1


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"mapping": {}}, "body_invalid"),
        ({"connection": "nowhere"}, "not_possible"),
        ({"connection": None}, "export_detached"),
        ({"id": "No id!"}, "body_invalid"),
        ({"id": 3}, "not_possible"),
    ],
)
def test_export_that_could_not_be_previewed_says_why(office, changes, code):
    body = body_of(office) | changes
    assert code_of(previewing.previewed_unsaved, office.app, ADMINISTRATOR, body) == code


def test_preview_of_what_is_not_saved_takes_the_permission_for_its_connection(office):
    for caller in (CONTRIBUTOR, VIEWER):
        assert code_of(previewing.previewed_unsaved, office.app, caller, body_of(office)) == "access_denied"
    assert code_of(previewing.previewed_unsaved, office.app, ADMINISTRATOR, []) == "body_invalid"


def test_run_is_shown_and_cancelled_by_its_exports_id_while_the_configuration_cannot_be_read(office, typed):
    run_id = started(office)
    office.app.storage.app_blobs.write(*office.app.settings.export_config.split("/"), b"{")
    assert json.loads(typed("status", office.export_id, "--json")[1])["run_id"] == run_id
    assert typed("status", "another")[0] == 2
    with pytest.raises(AccessDenied):
        running.cancel_run(office.app, CONTRIBUTOR, run_id)
    assert typed("cancel", office.export_id)[0] == 0
    assert find_run(office.app, run_id).cancel_requested_by


@pytest.mark.parametrize(
    "words",
    [
        ("status", "no run"),
        ("rejects", "no run"),
        ("cancel", "no run"),
        ("release", "no run"),
        ("approve", "no run"),
        ("undo", "no run"),
        ("approve", "plain-20261124T050000-abcdef"),
        ("undo", "plain-20261124T050000-abcdef"),
    ],
    ids=" ".join,
)
def test_run_that_is_unknown_is_json_for_a_tool(typed, words):
    status, output, _ = typed(*words, "--json")
    assert (status, json.loads(output)["error"]["code"]) == (2, "run_unknown")


def test_rows_of_an_export_that_has_not_run_are_an_error_in_json(office, typed):
    status, output, said = typed("rejects", office.export_id, "--json")
    assert (status, json.loads(output)["error"]["code"]) == (2, "run_none")
    assert "has not run yet" in said


@pytest.mark.parametrize(
    "words",
    [("run",), ("status", "--exit-status"), ("runs", "plain", "--after", "x"), ("lists",), ("prune", "--days", "x")],
    ids=" ".join,
)
def test_wrong_use_is_json_for_a_tool_as_well(typed, words):
    status, output, said = typed(*words, "--json")
    assert (status, json.loads(output)["error"]["code"]) == (2, "wrong_use")
    assert json.loads(output)["error"]["message"] in " ".join(said.replace("│", " ").split())
