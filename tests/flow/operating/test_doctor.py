"""The operator's doctor over Azurite and the sandbox: configuration, keys, runs, the clock, the host."""

import json
import time
from dataclasses import replace

import pytest

from local.brevo_sandbox.faults import Faults
from shared.brevo.probed import ProbeAnswers, save_probe
from shared.operating.doctor.settings import settings_findings
from shared.runs.state import Run
from shared.runs.steps.sweep import sweep
from tests.flow.operating.tools import ANA, HEAD, checks, give_up
from tests.sizes import thinned


def test_doctor_finds_a_working_app_well_and_leaves_nothing_behind(office, typed):
    office.segment(f"{HEAD}C-1,{ANA},Ana\n")
    office.run()
    before = office.app.storage.queue.count()
    status, output, _ = typed("doctor", "--verbose")
    assert status == 0, output
    assert [line for line in output.splitlines() if line and line[0] != " "][:-1] == [
        "Settings",
        "Storage",
        "Connections",
        "Exports",
        "Queues and runs",
        "Clock",
    ]
    lines = [line.strip().split(": ")[0] for line in output.splitlines()]
    assert lines[1:3] == ["ok      version", "ok      settings"]
    for check in ("configuration", "container staged", "queue run-steps", "table runs", f"segments {office.container}"):
        assert f"ok      {check}" in lines
    assert [line for line in lines if "connection brevo-eu" in line] == [
        f"ok      connection brevo-eu, {step}"
        for step in (
            "key found",
            "key accepted",
            "address allowed",
            "lists readable",
            "attributes readable",
            "contacts exportable",
            "probe",
            "contract",
            "consent",
        )
    ]
    assert [line for line in lines if f"export {office.export_id}" in line] == [
        f"ok      export {office.export_id}, {check}"
        for check in ("last run", "snapshot", "schedule", "notices", "ledger", "list")
    ]
    assert "run-steps-poison: Empty." in output
    assert "clock: As storage's." in output
    assert office.app.storage.queue.count() == before
    assert not office.app.storage.app_blobs.listing("staged", "probe")
    assert not list(office.app.storage.runs.query("~probe"))


def test_doctor_tells_each_fault_with_its_fix_and_goes_on(office, typed, monkeypatch):
    monkeypatch.setenv("SNAPSHOT_QUIET_SECONDS", "soon")
    monkeypatch.setenv("REPORTING_KEY", "@Microsoft.KeyVault(SecretUri=https://kv.vault.azure.net/secrets/r)")
    monkeypatch.setenv(office.account, "wrong")
    give_up(office, "!!")
    found = checks(typed, 1)
    assert "must be a number of seconds" in found["setting SNAPSHOT_QUIET_SECONDS"]["message"]
    assert "Key Vault reference did not resolve" in found["setting REPORTING_KEY"]["message"]
    assert "the app's identity may read it" in found["setting REPORTING_KEY"]["fix"]
    assert found["connection brevo-eu, key accepted"]["state"] == "FAILED"
    assert "connection brevo-eu, lists readable" not in found
    assert found["run-steps-poison"]["state"] == "FAILED"
    assert "segment-export replay" in found["run-steps-poison"]["fix"]
    assert found["table audit"]["state"] == found["clock"]["state"] == "ok"


@pytest.mark.parametrize(
    ("schedule", "state", "words"),
    thinned(
        [
            ("", "ok", "Next: "),
            ("0 0 22-6 * * *", "FAILED", "The setting EXPORT_SCHEDULE has the hour '22-6'"),
            ("*/5 * * * *", "FAILED", "takes six fields"),
            ("0 0 9 1-7 * MON", "warn", "that fit the day of the month and also the weekday. Next: "),
        ],
        2,
    ),
)
def test_doctor_tells_when_the_timer_runs_or_what_is_wrong_with_its_schedule(
    office, typed, monkeypatch, schedule, state, words
):
    monkeypatch.setenv("EXPORT_SCHEDULE", schedule)
    timer = checks(typed, 1 if state == "FAILED" else 0)["timer schedule"]
    assert timer["state"] == state
    assert words in timer["message"]


@pytest.mark.parametrize(("value", "words"), [("", "is not set"), ("c2hvcnQ=", "is not 32 bytes in Base64")])
def test_doctor_tells_an_app_secret_that_is_missing_or_malformed(office, typed, monkeypatch, value, words):
    monkeypatch.setenv("APP_SECRET", value)
    found = checks(typed, 1)["app secret"]
    assert (found["state"], words in found["message"]) == ("FAILED", True)
    assert "openssl rand -base64 32" in found["fix"]


@pytest.mark.full
def test_doctor_tells_an_export_by_customer_whose_account_was_not_probed(office, typed):
    office.app.storage.app_blobs.write(
        *office.app.settings.export_config.split("/"),
        json.dumps(
            {"connections": office.connections, "exports": [office.export | {"identify_by": "customer_id"}]}
        ).encode(),
    )
    status, output, _ = typed("doctor")
    assert status != 0
    assert f"FAILED  export {office.export_id}, identify_by: Nobody has tried" in output
    assert "segment-export probe brevo-eu" in output
    save_probe(office.app.storage.accounts, office.account, ProbeAnswers("2026-11-01T08:00:00+00:00", ext_id="field"))
    assert "identify_by" not in typed("doctor")[1]


@pytest.mark.full
def test_doctor_tells_that_the_account_does_not_export_contacts_without_exporting_any(office, typed):
    found = checks(typed, 0)
    assert "not_asked" in found["connection brevo-eu, contacts exportable"]["message"]
    asks(office)
    assert checks(typed, 0)["connection brevo-eu, contacts exportable"]["message"].startswith("Brevo takes such")
    assert office.sandbox.exports.records() == []
    office.sandbox.change(export_outcome="refused_403")
    found = checks(typed, 1)["connection brevo-eu, contacts exportable"]
    assert found["state"] == "FAILED"
    assert '"leavers": "not_asked"' in found["message"]


def asks(office):
    container, name = office.app.settings.export_config.split("/")
    document = json.loads(office.app.storage.app_blobs.read(container, name))
    document["connections"][0]["leavers"] = "asked"
    office.app.storage.app_blobs.write(container, name, json.dumps(document).encode())


def test_doctor_says_which_key_did_not_resolve(office, typed, monkeypatch):
    monkeypatch.setenv(office.account, "@Microsoft.KeyVault(VaultName=kv;SecretName=brevo-api-key)")
    found = checks(typed, 1)
    assert found[f"setting {office.account}"]["state"] == "FAILED"
    assert office.account in found["connection brevo-eu, key found"]["message"]


def test_doctor_names_a_mapped_column_that_the_newest_files_lack_before_a_run_fails(office, typed):
    office.segment(f"{HEAD}C-1,{ANA},Ana\n")
    wrong = {**office.export, "mapping": {"email": "EMial"}}
    document = {"connections": office.connections, "exports": [wrong]}
    office.app.storage.app_blobs.write(*office.app.settings.export_config.split("/"), json.dumps(document).encode())
    found = checks(typed, 1)[f"export {office.export_id}, snapshot"]
    assert (found["state"], "has no column 'EMial' (did you mean EMail?)" in found["message"]) == ("FAILED", True)


def test_doctor_tells_a_refused_key_once_for_all_connections_that_have_it(office, typed):
    others = [{**office.connections[0], "id": f"more-{number}"} for number in range(2)]
    document = {"connections": [*office.connections, *others], "exports": [office.export]}
    office.app.storage.app_blobs.write(*office.app.settings.export_config.split("/"), json.dumps(document).encode())
    office.sandbox.storm(Faults(rate=1.0, kinds=("401",)))
    found = checks(typed, 1)
    assert [name for name in found if name.startswith("connection") and found[name]["state"] == "FAILED"] == [
        "connection brevo-eu, key accepted"
    ]
    for each in others:
        assert found[f"connection {each['id']}"]["message"].startswith("Not checked: it has the key of brevo-eu, in")


@pytest.mark.full
def test_doctor_without_a_usable_configuration_looks_at_all_else(office, typed, monkeypatch):
    office.app.storage.app_blobs.write("broken", "exports.json", b'{"exports": [{"id": "A"}], "colour": 1}')
    monkeypatch.setenv("EXPORT_CONFIG", "broken/exports.json")
    found = checks(typed, 1)
    assert "more)" in found["configuration"]["message"]
    assert found["open runs"]["state"] == "ok"
    mistyped = {**office.export, "maping": office.export["mapping"]}
    document = {"connections": office.connections, "exports": [{k: v for k, v in mistyped.items() if k != "mapping"}]}
    office.app.storage.app_blobs.write("broken", "exports.json", json.dumps(document).encode())
    assert "(did you mean mapping?) (1 more)." in checks(typed, 1)["configuration"]["message"]
    monkeypatch.setenv("EXPORT_CONFIG", "Not/There.json")
    assert "There is no configuration at Not/There.json." in checks(typed, 1)["configuration"]["message"]


def test_doctor_names_the_version_to_restore_where_the_configuration_is_gone(office, typed):
    assert typed("export", "schedule", office.export_id, "--off")[0] == 0
    office.app.storage.app_blobs.delete(*office.app.settings.export_config.split("/"))
    found = checks(typed, 1)["configuration"]
    assert "There is no configuration at" in found["message"]
    assert "`segment-export history --restore " in found["fix"]


@pytest.mark.full
def test_doctor_looks_at_no_other_account_where_the_segments_setting_cannot_be_read(office, typed, monkeypatch):
    monkeypatch.setenv("SEGMENT_STORAGE", "garbage")
    found = checks(typed, 1)
    assert found["setting SEGMENT_STORAGE"]["state"] == "FAILED"
    assert not {"segments account", f"segments {office.container}", f"export {office.export_id}, snapshot"} & set(found)


def test_doctor_tells_a_segment_container_that_is_not_there_and_withdrawn_consent(office, typed):
    lost = {**office.export, "id": "lost", "source": {"container": "no-such-container", "folder": "A"}}
    document = {"connections": [{**office.connection, "consent": None}], "exports": [lost]}
    office.app.storage.app_blobs.write(*office.app.settings.export_config.split("/"), json.dumps(document).encode())
    found = checks(typed, 1)
    assert "no such container" in found["segments no-such-container"]["message"]
    assert found["connection brevo-eu, consent"]["state"] == "warn"


@pytest.mark.full
def test_doctor_tells_the_oldest_open_run_and_one_that_nothing_drives(office, typed):
    office.segment(f"{HEAD}C-1,{ANA},Ana\n")
    run_id = office.start().run_id
    assert f"{run_id}" in checks(typed, 0)["open runs"]["message"]

    def aged(run):
        return Run(**{**{name: getattr(run, name) for name in Run.__slots__}, "stalled_after": office.app.now() - 3600})

    office.app.store.update(run_id, aged)
    found = checks(typed, 1)["open runs"]
    assert f"Nothing drives {run_id} (queued)" in found["message"]
    assert "Start the app" in found["fix"]
    assert run_id in sweep(office.app)
    office.finish(run_id)


@pytest.mark.full
def test_doctor_tells_a_clock_that_is_off(office, typed, monkeypatch):
    class Off:
        time = staticmethod(lambda: time.time() - 90)

    monkeypatch.setattr("shared.storage.clock.time", Off)
    found = checks(typed, 0)["clock"]
    assert found["state"] == "warn"
    assert "0 s behind storage's" in found["message"].replace("89", "90").replace("91", "90")


@pytest.mark.full
def test_doctor_tells_that_no_host_takes_messages(office, typed):
    office.segment(f"{HEAD}C-1,{ANA},Ana\n")
    run_id = office.start().run_id
    office.app.store.update(run_id, lambda run: replace(run, watch_due=office.app.now() - 100))
    assert checks(typed, 0)["open runs"]["state"] == "ok"
    office.app.store.update(run_id, lambda run: replace(run, watch_due=office.app.now() - 300))
    found = checks(typed, 1)["open runs"]
    assert found["message"] == f"No host has taken a message of {run_id} that was due 5 min ago."
    assert "Host is shutting down" in found["fix"]
    assert "403" in found["fix"]
    office.finish(run_id)


@pytest.mark.full
@pytest.mark.parametrize(("secret", "state"), [("", "warn"), ("too-short", "warn"), ("kept-between-two-systems", "ok")])
def test_doctor_tells_whether_systems_can_call_the_webhook_where_people_sign_in(
    office, typed, monkeypatch, secret, state
):
    monkeypatch.setenv("WEBSITE_AUTH_ENABLED", "True")
    monkeypatch.setenv("WEBHOOK_SECRET", secret)
    webhook = checks(typed, 0)["webhook"]
    assert webhook["state"] == state
    assert "WEBHOOK_SECRET" in webhook["message"]
    assert not secret or secret not in json.dumps(webhook)


@pytest.mark.full
def test_doctor_shows_what_was_probed_and_what_contradicts_the_connection(office, typed):
    assert checks(typed, 0)["connection brevo-eu, probe"]["message"].startswith("Not tried yet.")
    answers = ProbeAnswers("2026-11-20T08:00:00+00:00", ext_id="attributes", date_formats=("DD-MM-YYYY",))
    save_probe(office.app.storage.accounts, office.account, answers)
    found = checks(typed, 0)
    assert "dates are read as: DD-MM-YYYY" in found["connection brevo-eu, probe"]["message"]
    assert "connection brevo-eu, probe contradicts" not in found
    save_probe(office.app.storage.accounts, office.account, replace(answers, date_formats=()))
    found = checks(typed, 0)["connection brevo-eu, probe contradicts"]
    assert (found["state"], found["fix"]) == ("warn", "Send no dates to this account.")
    assert found["message"] == "Imports do not read dates as YYYY-MM-DD, which runs send."


@pytest.mark.parametrize("name", ["AzureWebJobsStorage", "AzureWebJobsStorage__accountName", ""])
def test_doctor_says_that_it_looks_at_the_emulator_where_no_setting_names_the_storage(name):
    found = {each.check: each for each in settings_findings({name: "x"} if name else {}, [])}["storage account"]
    assert found.state == ("ok" if name else "warn")
    assert ("emulator on this machine" in found.message) == (not name)


@pytest.mark.parametrize(("zone", "is_named"), [("Europe/Bucarest", True), ("Europe/Bucharest", False), ("", False)])
def test_doctor_names_a_time_zone_that_is_not_there(zone, is_named):
    found = [each for each in settings_findings({"TZ": zone}, []) if each.check == "setting TZ"]
    assert [each.state for each in found] == ["warn"] * is_named
    assert all("'Europe/Bucarest'" in each.message for each in found)


@pytest.mark.parametrize("host", ["app.azurewebsites.net", ""])
def test_doctor_names_a_zone_that_moves_the_timer_of_the_deployed_app(host):
    found = settings_findings({"TZ": "Europe/Bucharest", "WEBSITE_HOSTNAME": host}, [])
    assert [each.state for each in found if each.check == "timer zone"] == ["warn"] * bool(host)
