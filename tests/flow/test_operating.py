"""The operator's tools over Azurite and the sandbox: doctor, replay, forget, prune."""

import base64
import contextlib
import hashlib
import json
import logging
import re
import socket
import time
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import (
    AccountSasPermissions,
    BlobServiceClient,
    ResourceTypes,
    RetentionPolicy,
    generate_account_sas,
)
from azure.storage.queue import QueueClient
from click.testing import CliRunner

from shared.access import AccessDenied, Caller
from shared.administration import running
from shared.administration.audit import read_audit
from shared.cli.program import program
from shared.operating import doctor, forgetting, pruning, replaying
from shared.runs.queue import Message, send
from shared.runs.rows import run_row
from shared.runs.run_ids import run_address
from shared.runs.state import Batch, Run
from shared.runs.status import find_run
from shared.runs.steps import cancel
from shared.runs.steps.sweep import sweep
from shared.staging.rejected import REJECTED
from shared.storage import account
from shared.storage.tables import Row
from tests.waiting import wait_until

pytestmark = pytest.mark.usefixtures("azurite")  # the commands open storage by its connection string

ADMINISTRATOR = Caller("function key", "administrator")
HEAD = "CustomerId,EMail,FirstName\n"
ANA = "ana.pop@example.com"
ANA_SHA256 = hashlib.sha256(ANA.encode()).hexdigest()


@pytest.fixture
def office(make_flow, monkeypatch):
    """A flow whose configuration is a blob, with the environment that its terminal has.

    These tools look at everything that an account holds, so what other tests have left is cleared away first.
    """
    location = f"settings-{uuid.uuid4().hex[:8]}/exports.json"
    flow = make_flow(EXPORT_CONFIG=location)
    document = json.dumps({"connections": flow.connections, "exports": flow.exports}).encode()
    flow.app.storage.app_blobs.write(*location.split("/"), document)
    for name, value in {
        "AzureWebJobsStorage": flow.connection_string,
        "EXPORT_CONFIG": location,
        "BREVO_BASE_URL": flow.sandbox.base_url,
        "SNAPSHOT_QUIET_SECONDS": "0",
        "USER": "ana",
    }.items():
        monkeypatch.setenv(name, value)
    for queue in (poison_queue(flow), QueueClient.from_connection_string(flow.connection_string, "run-steps")):
        with contextlib.suppress(ResourceNotFoundError):
            queue.clear_messages()
    for container in ("staged", REJECTED):
        flow.app.storage.app_blobs.delete_below(container, "")
    for run_id, _ in flow.app.store.open_runs():
        flow.app.store.drop_open(run_id)
    return flow


@pytest.fixture
def typed(office):
    """Types a command; its exit status, output and words on standard error."""

    def run(*words, typed_in=""):
        done = CliRunner().invoke(program, words, input=typed_in, catch_exceptions=False)
        return done.exit_code, done.stdout, done.stderr

    return run


def poison_queue(office):
    return QueueClient.from_connection_string(office.connection_string, "run-steps-poison")


def give_up(office, *contents):
    """Puts messages into the poison queue, as they stand there."""
    with contextlib.suppress(ResourceExistsError):
        poison_queue(office).create_queue()
    for content in contents:
        poison_queue(office).send_message(content)


def encoded(data):
    return base64.b64encode(data.encode() if isinstance(data, str) else data).decode()


def step_of(run_id, step="stage", **more):
    return encoded(json.dumps({"run": run_id, "step": step, **more}))


def checks(typed, status):
    """What doctor found, by what it looked at."""
    found_status, output, _ = typed("doctor", "--json")
    found = json.loads(output)
    assert (found_status, found["healthy"]) == (status, status == 0), output
    return {each["check"]: each for each in found["checks"]}


# Who may


@pytest.mark.parametrize("role", ["contributor", "viewer", None])
def test_tools_are_for_administrators_alone(office, role):
    caller = Caller("user 1", role)
    for call in (
        lambda: list(doctor.examine(caller)),
        lambda: replaying.look(office.app, caller),
        lambda: replaying.replay(office.app, caller),
        lambda: forgetting.forget(office.app, caller, ANA),
        lambda: pruning.prune(office.app, caller, 400),
    ):
        with pytest.raises(AccessDenied):
            call()


# doctor


def test_doctor_finds_a_working_app_well_and_leaves_nothing_behind(office, typed):
    office.segment(f"{HEAD}C-1,{ANA},Ana\n")
    office.run()
    before = office.app.storage.queue.count()
    status, output, _ = typed("doctor")
    assert status == 0, output
    lines = [line.split(": ")[0] for line in output.splitlines()]
    assert lines[:2] == ["ok      version", "ok      settings"]
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
            "contract",
            "consent",
        )
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
    [
        ("", "ok", "Next: "),
        ("0 0 22-6 * * *", "FAILED", "The setting EXPORT_SCHEDULE has the hour '22-6'"),
        ("*/5 * * * *", "FAILED", "takes six fields"),
        ("0 0 9 1-7 * MON", "warn", "that fit the day of the month and also the weekday. Next: "),
    ],
)
def test_doctor_tells_when_the_timer_runs_or_what_is_wrong_with_its_schedule(
    office, typed, monkeypatch, schedule, state, words
):
    monkeypatch.setenv("EXPORT_SCHEDULE", schedule)
    timer = checks(typed, 1 if state == "FAILED" else 0)["timer"]
    assert timer["state"] == state
    assert words in timer["message"]


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


def test_doctor_says_which_key_did_not_resolve(office, typed, monkeypatch):
    monkeypatch.setenv(office.account, "@Microsoft.KeyVault(VaultName=kv;SecretName=brevo-api-key)")
    found = checks(typed, 1)
    assert found[f"setting {office.account}"]["state"] == "FAILED"
    assert office.account in found["connection brevo-eu, key found"]["message"]


def test_doctor_without_a_usable_configuration_looks_at_all_else(office, typed, monkeypatch):
    office.app.storage.app_blobs.write("broken", "exports.json", b'{"exports": [{"id": "A"}], "colour": 1}')
    monkeypatch.setenv("EXPORT_CONFIG", "broken/exports.json")
    found = checks(typed, 1)
    assert "more)" in found["configuration"]["message"]
    assert found["open runs"]["state"] == "ok"
    monkeypatch.setenv("EXPORT_CONFIG", "Not/There.json")
    assert "There is no configuration at Not/There.json." in checks(typed, 1)["configuration"]["message"]


def test_doctor_tells_a_segment_container_that_is_not_there_and_withdrawn_consent(office, typed):
    lost = {**office.export, "id": "lost", "source": {"container": "no-such-container", "folder": "A"}}
    document = {"connections": [{**office.connection, "consent": None}], "exports": [lost]}
    office.app.storage.app_blobs.write(*office.app.settings.export_config.split("/"), json.dumps(document).encode())
    found = checks(typed, 1)
    assert "no such container" in found["segments no-such-container"]["message"]
    assert found["connection brevo-eu, consent"]["state"] == "warn"


@pytest.fixture
def soft_delete(office):
    """Turns blob soft delete on, for the test."""
    service = BlobServiceClient.from_connection_string(office.connection_string)
    service.set_service_properties(delete_retention_policy=RetentionPolicy(enabled=True, days=7))
    yield
    service.set_service_properties(delete_retention_policy=RetentionPolicy(enabled=False))


def test_doctor_warns_of_soft_delete_on_the_account_with_the_segments(office, typed, soft_delete):
    found = checks(typed, 0)["segments account"]
    assert found["state"] == "warn"
    assert found["message"] == "Blob soft delete is on (7 days): Customer Insights' exports to this account fail."
    assert "--enable-delete-retention false" in found["fix"]


def test_doctor_finds_an_account_without_soft_delete_well(office, typed):
    found = checks(typed, 0)["segments account"]
    assert (found["state"], found["message"]) == ("ok", "Blob soft delete is off.")


def test_doctor_says_who_may_see_whether_soft_delete_is_on(office, typed, monkeypatch):
    service = BlobServiceClient.from_connection_string(office.connection_string)
    only_blobs = generate_account_sas(
        service.account_name,
        service.credential.account_key,
        ResourceTypes(container=True, object=True),
        AccountSasPermissions(list=True),
        datetime.now(UTC) + timedelta(hours=1),
    )
    monkeypatch.setenv("SEGMENT_STORAGE", f"BlobEndpoint={service.url};SharedAccessSignature={only_blobs}")
    found = checks(typed, 0)["segments account"]
    assert found["state"] == "warn"
    assert found["message"] == "Your roles do not show whether blob soft delete is on."
    assert found["fix"].startswith("Get the role Reader on the account")


@pytest.mark.parametrize(
    ("setting", "value", "check"),
    [
        ("SEGMENT_STORAGE", "nonsense", "setting SEGMENT_STORAGE"),
        ("AzureWebJobsStorage", "nonsense", "storage settings"),
    ],
)
def test_doctor_names_a_connection_string_that_is_none(office, typed, monkeypatch, setting, value, check):
    monkeypatch.setenv(setting, value)
    found = checks(typed, 1)
    assert "not a valid connection string" in found[check]["message"]
    assert ("table runs" in found) == (setting == "SEGMENT_STORAGE")


def test_doctor_without_storage_still_looks_for_the_keys_of_a_local_configuration(flow, typed, monkeypatch):
    monkeypatch.setenv("AzureWebJobsStorage", "nonsense")
    monkeypatch.setenv("EXPORT_CONFIG", str(flow.config))
    assert checks(typed, 1)["connection brevo-eu, key found"]["state"] == "ok"
    monkeypatch.delenv(flow.account)
    assert checks(typed, 1)["connection brevo-eu, key found"]["state"] == "FAILED"


@pytest.fixture
def silent_port():
    """A port that takes connections and never answers."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(64)
        yield listening.getsockname()[1]


def storage_at(office, port):
    return "".join(
        f"{part};" if "Endpoint=" not in part else f"{part.split('=')[0]}=http://127.0.0.1:{port}/devstoreaccount1;"
        for part in office.connection_string.strip(";").split(";")
    )


def test_doctor_ends_soon_where_storage_does_not_answer(flow, office, typed, monkeypatch, silent_port):
    assert account._HURRIED["read_timeout"] <= 3
    monkeypatch.setitem(account._HURRIED, "read_timeout", 0.3)  # each of three services is asked twice
    monkeypatch.setenv("AzureWebJobsStorage", storage_at(office, silent_port))
    monkeypatch.setenv("EXPORT_CONFIG", str(flow.config))
    began = time.monotonic()
    status, output, _ = typed("doctor")
    assert time.monotonic() - began < 8
    assert status == 1
    assert output.count("Storage did not answer for") == 3
    assert "Check that the account in AzureWebJobsStorage or SEGMENT_STORAGE can be reached." in output


def test_doctor_ends_at_once_where_storage_refuses_connections(flow, office, typed, monkeypatch):
    monkeypatch.setenv("AzureWebJobsStorage", storage_at(office, 9))
    monkeypatch.setenv("EXPORT_CONFIG", str(flow.config))
    began = time.monotonic()
    assert typed("doctor")[0] == 1
    assert time.monotonic() - began < 15


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


def test_doctor_tells_a_clock_that_is_off(office, typed, monkeypatch):
    class Off:
        time = staticmethod(lambda: time.time() - 90)

    monkeypatch.setattr("shared.storage.clock.time", Off)
    found = checks(typed, 0)["clock"]
    assert found["state"] == "warn"
    assert "0 s behind storage's" in found["message"].replace("89", "90").replace("91", "90")


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


# replay


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
    assert typed("replay", "--yes")[1].startswith("No message was given up in the last seven days.")


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


def test_replay_of_one_run_leaves_the_others(office, typed):
    office.segment(f"{HEAD}C-1,{ANA},Ana\n")
    run_id = office.start().run_id
    give_up(office, step_of("gone-20261124T050000-abcdef"), step_of(run_id))
    assert typed("replay", "--yes", "--run", run_id)[1].count("Another run was asked for.") == 1
    assert office.app.storage.poison.count() == 1
    office.finish(run_id)


def test_more_messages_than_can_be_peeked_are_counted_and_all_put_back(office, typed):
    office.segment(f"{HEAD}C-1,{ANA},Ana\n")
    run_id = office.start().run_id
    give_up(office, *[step_of(run_id) for _ in range(40)])
    assert "8 messages more" in typed("replay")[1]
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


# forget


def everything_stored(office, segments=False):
    """All blobs, rows and messages as one text; the segments only where asked for."""
    storage = office.app.storage
    parts = []
    containers = ["staged", REJECTED, office.app.settings.export_config.split("/")[0]]
    for container in [*containers, *([office.container] if segments else [])]:
        parts += [
            storage.app_blobs.read(container, blob.name) for blob in storage.app_blobs.listing_if_there(container, "")
        ]
    for name in ("runs", "batches", "events", "accounts", "requests", "audit"):
        parts += [repr((row.partition, row.key, dict(row.values))).encode() for row in getattr(storage, name).rows()]
    parts += [message.text.encode() for message in storage.queue.peek()]
    return b"\n".join(parts).lower()


def test_address_that_nobody_has_is_told_and_is_0(office, typed):
    status, output, errors = typed("forget", "Nobody.Here@example.com")
    assert (status, errors) == (0, "")
    assert "Nothing of this person is stored" in output
    assert "nobody" not in output.replace("Nobody has", "").lower()
    assert b"nobody.here" not in everything_stored(office)


@pytest.mark.parametrize("text", ["", " ", "ana", "@", "@@", "a" * 400 + "@example.com", "a\x00b@example.com"])
def test_what_is_no_address_is_2_and_is_not_repeated(office, typed, text):
    status, output, errors = typed("forget", "-", typed_in=f"{text}\n")
    assert (status, output) == (2, "")
    assert errors.startswith("segment-export: That is no e-mail address.")
    assert not text.strip() or text not in errors.replace("address", "").replace("That is no", "") or len(text) < 4


def test_person_is_erased_from_rejected_rows_by_address_and_by_customer_id(office, typed, caplog):
    office.segment(
        f"{HEAD}C-1,Ana.Pop@example.com,Ana\nC-2,ANA.POP@example.com,Twice\nC-3,mariana.pop@example.com.ro,M\n"
    )
    run_id = office.run()["run_id"]
    office.segment(f"{HEAD}C-2,,Ana\nC-9,,Other\nC-4,ben@example.com,B\n", refresh="2026/11/25/0500")
    second = office.run()["run_id"]
    assert [row["email_sha256"] for row in office.rejects(run_id)] == [ANA_SHA256]
    caplog.set_level(logging.DEBUG)
    caplog.clear()
    status, output, _ = typed("forget", "Ana.Pop@Example.com")
    assert status == 0, output
    assert "rejected-rows: 2 rows in 2 reports" in output
    assert office.rejects(run_id) == []
    assert [row["customer_id"] for row in office.rejects(second)] == ["C-9"]
    assert f"Brevo, connection brevo-eu: contact {office.sandbox.account.contacts[ANA].id}, in lists 12" in output
    assert "DELETE /contacts/" in output
    assert ANA in office.sandbox.members(12), "it is not ours to delete"
    assert "segments:" not in output, "the newest snapshot does not have them"
    stored = everything_stored(office)
    assert ANA.encode() not in stored
    assert ANA_SHA256.encode() not in stored
    ours = "\n".join(
        record.getMessage() for record in caplog.records if not record.name.startswith(("urllib3", "azure"))
    )
    for text in (output, ours):
        assert ANA not in text.lower()
        assert ANA_SHA256 not in text
    assert "forget a person" in typed("audit")[1]
    again = typed("forget", "-", typed_in=f"{ANA}\n")
    assert (again[0], "erased" in again[1]) == (0, False)


def test_segments_that_still_have_the_person_are_named(office, typed):
    office.segment(f"{HEAD}C-1,{ANA},Ana\n")
    office.segment(f"{HEAD}C-3,mariana.pop@example.com,M\nC-4,ana.pop@example.com.ro,X\n", partition=2)
    office.segment(f"{HEAD}C-5,{ANA.upper()},Ana\n", partition=3, ending=".csv.gz")
    status, output, _ = typed("forget", ANA)
    assert status == 0
    assert [line.split("/")[-1].split(",")[0] for line in output.splitlines() if "segments:" in line] == [
        "Gold_1.csv",
        "Gold_3.csv.gz",
    ]
    assert "delete the person at their source and refresh, or the next run sends them again" in output


def test_segment_that_cannot_be_read_is_not_done_and_is_1(office, typed):
    office.segment(b"\x1f\x8bbroken", ending=".csv.gz")
    status, output, _ = typed("forget", ANA)
    assert status == 1
    assert "NOT DONE  segments" in output


def test_account_that_cannot_be_asked_is_not_done_and_is_1(office, typed, monkeypatch):
    monkeypatch.setenv(office.account, "wrong")
    status, output, _ = typed("forget", ANA, "--json")
    assert status == 1
    assert "does not accept the API key" in json.loads(output)["not_done"][0]


def test_run_that_has_the_person_in_a_staged_body_is_cancelled_and_its_bodies_are_gone(office, typed):
    office.sandbox.fail_next("POST /contacts/import", "import-stuck")
    office.segment(f"{HEAD}C-1,{ANA},Ana\nC-2,ben@example.com,Ben\n")
    office.app.storage.app_blobs.write(
        REJECTED, f"{office.export_id}-x/report.csv", b"Gold,f,2,missing_email,EMail,C-1,\n"
    )
    run_id = office.start().run_id
    office.work_until(lambda: office.status(run_id)["status"] == "confirming")
    assert ANA.encode() in everything_stored(office)
    status, output, _ = typed("forget", ANA)
    assert status == 0, output
    assert f"staged: all bodies of the run {run_id}, which is cancelled: run {office.export_id} again" in output
    assert "rejected-rows: 1 rows in 1 reports" in output, "found by the customer id beside the body"
    found = office.status(run_id)
    assert found["status"] == "cancelled"
    assert "Cancelled by terminal ana." in found["error"]["message"]
    assert ANA.encode() not in everything_stored(office)
    assert not office.app.storage.app_blobs.listing("staged", f"{run_id}/")


def test_what_a_run_writes_of_the_person_until_its_end_is_erased_as_well(office, typed, monkeypatch):
    office.sandbox.fail_next("POST /contacts/import", "import-stuck")
    office.segment(f"{HEAD}C-1,{ANA},Ana\n")
    run_id = office.start().run_id
    office.work_until(lambda: office.status(run_id)["status"] == "confirming")
    cancel = forgetting._cancel

    def confirmed_first(app, caller, run):
        app.storage.app_blobs.write(REJECTED, f"{run_id}/late.csv", f"Gold,f,2,brevo_other,,,{ANA_SHA256}\n".encode())
        return cancel(app, caller, run)

    monkeypatch.setattr(forgetting, "_cancel", confirmed_first)
    assert "rejected-rows: 1 rows" in typed("forget", ANA)[1]
    assert ANA_SHA256.encode() not in everything_stored(office)


def test_run_without_the_person_is_not_cancelled(office, typed):
    office.sandbox.fail_next("POST /contacts/import", "import-stuck")
    office.segment(f"{HEAD}C-1,mariana.pop@example.com,Ana\n")
    run_id = office.start().run_id
    office.work_until(lambda: office.status(run_id)["status"] == "confirming")
    assert typed("forget", ANA)[0] == 0
    assert office.status(run_id)["status"] == "confirming"
    cancel.request_cancel(office.app, find_run(office.app, run_id), "tester")
    office.finish(run_id)


def test_run_that_a_worker_is_at_is_waited_for_and_is_told_where_it_does_not_end(office, typed, monkeypatch):
    office.sandbox.fail_next("POST /contacts/import", "import-stuck")
    office.segment(f"{HEAD}C-1,{ANA},Ana\n")
    run_id = office.start().run_id
    office.work_until(lambda: office.status(run_id)["status"] == "confirming")
    monkeypatch.setattr(forgetting, "_CANCEL_SECONDS", 0.5)
    monkeypatch.setattr(forgetting, "_LOOK_AGAIN_SECONDS", 0.1)
    run = find_run(office.app, run_id)

    def sending(until):
        def change(batch: Batch):
            return Batch(
                **{
                    **{name: getattr(batch, name) for name in Batch.__slots__},
                    "state": "delivering",
                    "owner_until": until,
                }
            )

        office.app.store.update_batch(run, 1, change)

    sending(office.app.now() + 3600)
    status, output, _ = typed("forget", ANA)
    assert status == 1
    assert f"The run {run_id} is still being cancelled. Repeat this in a while." in output
    sending(0.0)
    status, output, _ = typed("forget", ANA)
    assert (status, ANA.encode() in everything_stored(office)) == (0, False)
    assert office.status(run_id)["status"] == "cancelled"


def test_run_that_reads_its_segments_at_this_moment_is_told(office, typed):
    office.segment(f"{HEAD}C-1,{ANA},Ana\n")
    run_id = office.start().run_id
    status, output, _ = typed("forget", "nobody@example.com")
    assert status == 1
    assert f"NOT DONE  run {run_id}: it reads its segments now" in output
    office.finish(run_id)


def test_what_an_ended_run_has_left_of_the_person_is_deleted(office, typed):
    office.segment(f"{HEAD}C-1,ben@example.com,Ben\n")
    run_id = office.run()["run_id"]
    body = b'{"jsonBody":[{"email":"ana.pop@example.com","attributes":{}}],"listIds":[12]}'
    office.app.storage.app_blobs.write("staged", f"{run_id}/abcd/00001.json", body)
    status, output, _ = typed("forget", ANA)
    assert status == 0
    assert f"staged: all bodies of the run {run_id}\n" in output
    assert not office.app.storage.app_blobs.listing("staged", f"{run_id}/")
    assert office.status(run_id)["status"] == "succeeded"


def test_whoever_gave_consent_is_no_longer_named_in_any_version_and_consent_stays(office, typed):
    assert typed("connect", "brevo-eu", "--agree", "Ana.Pop@example.com")[0] == 0
    assert typed("connect", "brevo-eu", "--agree", "ben@example.com")[0] == 0
    assert typed("connect", "brevo-eu", "--agree", "Ana.Pop@example.com")[0] == 0
    assert ANA.encode() in everything_stored(office)
    status, output, _ = typed("forget", ANA)
    assert status == 0
    assert "erased    configuration: who has given consent" in output
    assert "of its earlier versions" in output
    assert ANA.encode() not in everything_stored(office)
    (connection,) = office.app.document().connections
    assert connection.consent.agreed_by == "a forgotten person"
    assert b"ben@example.com" in everything_stored(office)
    assert len(office.app.configuration.history()) == 4


def test_local_configuration_that_names_the_person_is_told(office, flow, typed, monkeypatch):
    flow.change_connection(consent={"agreed_by": ANA, "agreed_on": "2026-11-01"})
    monkeypatch.setenv("EXPORT_CONFIG", str(flow.config))
    status, output, _ = typed("forget", ANA)
    assert status == 0
    assert "remains   configuration: The configuration is the local file" in output


# prune


def old_run(office, days, state="succeeded", open_too=False):
    """A run of so many days ago, with a batch, events and blobs."""
    app = office.app
    at = datetime.now(UTC) - timedelta(days=days)
    run_id = f"{office.export_id}-{at:%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:6]}"
    run = Run(run_id, office.export_id, office.account, 12, "timer", "timer", state=state, staging_id="abcd")
    app.storage.runs.put(run_row(run))
    if open_too:
        app.storage.runs.put(Row("open", run_id, {"key_setting": office.account}))
    app.store.write_batches([Batch(run_id, "abcd", number, 1, 1) for number in (1, 2)])
    for number in range(3):
        app.storage.events.put(Row(run_id, f"2026-{number}", {"kind": "queued"}))
    app.storage.app_blobs.write("staged", f"{run_id}/abcd/00001.json", b"{}")
    app.storage.app_blobs.write(REJECTED, f"{run_id}/abcd-00001.csv", b"")
    return run_id


def kept(office, run_id):
    """What is left of a run: its row, batches, events, staged and rejected blobs."""
    storage = office.app.storage
    return (
        storage.runs.get(*run_address(run_id)) is not None,
        len(list(storage.batches.query(run_id))),
        len(list(storage.events.query(run_id))),
        len(storage.app_blobs.listing("staged", f"{run_id}/")),
        len(storage.app_blobs.listing(REJECTED, f"{run_id}/")),
    )


def test_prune_deletes_what_is_past_its_time_and_only_that(office, typed):
    young, days, weeks, years, open_run = (
        old_run(office, 1),
        old_run(office, 3),
        old_run(office, 31),
        old_run(office, 401),
        old_run(office, 500, "confirming", open_too=True),
    )
    everything = (True, 2, 3, 1, 1)
    dry = typed("prune", "--dry-run", "--json")
    assert [kept(office, run_id) for run_id in (young, days, weeks, years, open_run)] == [everything] * 5
    counts = json.loads(typed("prune", "--json")[1])
    assert (dry[0], json.loads(dry[1])) == (0, counts)
    assert (counts["staged_blobs"], counts["rejected_rows_blobs"]) == (3, 2)
    assert (counts["runs"], counts["batches"], counts["events"]) == (1, 2, 3)
    assert kept(office, young) == everything
    assert kept(office, days) == (True, 2, 3, 0, 1)
    assert kept(office, weeks) == (True, 2, 3, 0, 0)
    assert kept(office, years) == (False, 0, 0, 0, 0)
    assert kept(office, open_run) == everything, "an open run may still send what it has staged"
    assert set(json.loads(typed("prune", "--json")[1]).values()) == {0}
    assert "prune" in typed("audit")[1]
    assert typed("prune", "--days", "20")[1].startswith("deleted: ")
    assert kept(office, weeks)[0] is False
    office.app.store.drop_open(open_run)
    typed("prune")


def test_prune_leaves_blobs_that_are_no_runs(office, typed):
    names = ("readme.txt", "gold-99999999T999999-abcdef/abcd/00001.json")
    for name in names:
        office.app.storage.app_blobs.write("staged", name, b"x")
    typed("prune")
    for name in names:
        assert office.app.storage.app_blobs.read("staged", name) == b"x"
        office.app.storage.app_blobs.delete("staged", name)


def test_prune_deletes_earlier_configurations_by_their_age(office, typed):
    typed("connect", "brevo-eu", "--agree", "Ana")
    container, _ = office.app.settings.export_config.split("/")
    old = "history/exports/20200101T000000.000000-abcdef.json"
    office.app.storage.app_blobs.write(container, old, b"{}")
    assert json.loads(typed("prune", "--json")[1])["earlier_configurations"] == 1
    assert len(office.app.configuration.history()) == 1


def test_keys_of_yesterday_are_forgotten_and_those_of_today_kept(office):
    requests = office.app.storage.requests
    for key, hours in (("old", 25), ("new", 23)):
        requests.put(Row(office.export_id, key, {"run_id": "r", "wish": "{}", "at": office.app.now() - hours * 3600}))
    assert running.forget_old_keys(office.app, dry_run=True) == 1
    assert running.forget_old_keys(office.app) == 1
    assert [row.key for row in requests.query(office.export_id)] == ["new"]


@pytest.mark.parametrize("days", ["0", "-1", "soon", "1e9", "99999999999"])
def test_days_that_are_none_are_wrong_use(typed, days):
    status, output, errors = typed("prune", "--days", days)
    assert (status, output) == (2, "")
    assert "Invalid value for '--days'" in errors


def test_trail_of_the_tools_names_nobody(office, typed):
    typed("forget", ANA)
    entries, _ = read_audit(office.app, ADMINISTRATOR, limit=1)
    assert (entries[0].what, entries[0].target) == ("forget a person", "")
    assert "sha" not in entries[0].detail.lower()
    assert "@" not in str(entries)
