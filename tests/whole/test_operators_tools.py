"""The operator's tools from the terminal, beside the app in the functions host."""

import base64
import json
import os
import re
import subprocess
import time
from pathlib import Path

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import ContainerClient
from azure.storage.queue import QueueClient

from shared.runs.store import RunStore
from shared.settings import read_settings
from shared.storage.account import open_storage
from shared.storage.tables import Row
from tests.waiting import wait_until

pytestmark = pytest.mark.timeout(120)

REPOSITORY = Path(__file__).resolve().parents[2]
HEAD = "CustomerId,EMail,FirstName\n"
ANA = "ana.pop@example.com"


class Site:
    """The settings that the host and the terminal share."""

    def __init__(self, azurite, sandbox, config, folder, functions_host, forked):
        self.functions_host, self.forked = functions_host, forked
        self.storage, self.sandbox, self.folder = azurite.connection_string, sandbox, folder
        self.settings = {
            "AzureWebJobsStorage": azurite.connection_string,
            "EXPORT_CONFIG": str(config),
            "BREVO_BASE_URL": sandbox.base_url,
            "BREVO_API_KEY": sandbox.api_key,
            "SNAPSHOT_QUIET_SECONDS": "0",
            "EXPORT_SCHEDULE": "0 0 3 1 1 *",
            "APP_SECRET": os.environ["APP_SECRET"],
        }
        self.store = RunStore(open_storage(read_settings(self.settings)))

    def host(self, **settings):
        # A failed message comes back at once instead of after ten seconds, ten times.
        quick = {"AzureFunctionsJobHost__extensions__queues__visibilityTimeout": "00:00:00"}
        return self.functions_host(
            environment=self.settings | quick | settings,
            # What a poison function cannot work on stays hidden for the whole lease, 600 s: no test waits that long.
            queue_lease_seconds=3,
            log_file=self.folder / f"host-{time.monotonic_ns()}.log",
        )

    def __call__(self, *words, exit_status=0, **settings):
        done = subprocess.run(
            [*self.forked, "shared.cli", *words],
            cwd=REPOSITORY,
            env={"PATH": os.environ["PATH"]} | self.settings | settings,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert done.returncode == exit_status, (done.returncode, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr
        return done.stdout

    def json(self, *words, exit_status=0, **settings):
        return json.loads(self(*words, "--json", exit_status=exit_status, **settings))

    def queue(self, suffix=""):
        return QueueClient.from_connection_string(self.storage, f"run-steps{suffix}")

    def messages_left(self, suffix=""):
        try:
            return self.queue(suffix).get_queue_properties().approximate_message_count
        except ResourceNotFoundError:
            return 0

    def finished(self, run_id, host):
        wait_until(lambda: self.run(run_id).is_final, explain=host.log_text)
        return self.json("status", run_id)

    def run(self, run_id):
        """The run as storage has it: a terminal would be a process for each poll."""
        found = self.store.load(run_id)
        assert found, run_id
        return found


@pytest.fixture(scope="module")
def site(azurite, sandbox, upload, write_config, tmp_path_factory, functions_host, forked):
    config = write_config(given_up={"schedule": "off"}, forgotten={"schedule": "off"}, rotated={"schedule": "off"})
    upload("segments-given-up", "Gold", f"{HEAD}C-1,given-up@example.com,Ion\n")
    upload("segments-rotated", "Gold", f"{HEAD}C-1,rotated@example.com,Eva\nC-2,as-well@example.com,Max\n")
    upload("segments-forgotten", "Gold", f"{HEAD}C-1,{ANA},Ana\nC-2,ben@example.com,Ben\n")
    return Site(azurite, sandbox, config, tmp_path_factory.mktemp("site"), functions_host, forked)


@pytest.fixture(scope="module")
def host(site):
    """A host that works, for all tests that need no other."""
    with site.host() as running:
        yield running


def checks(found):
    return {each["check"]: each for each in found["checks"]}


@pytest.mark.full
def test_key_that_is_rotated_in_mid_run_loses_no_run(site):
    """As docs/operate.md has it: a setting that changes restarts the app, and the run goes on with the new key.

    Before the tests that share a host: with the old key it would take this run's messages.
    """
    before = site.sandbox.settings.seconds_fixed
    site.sandbox.change(seconds_fixed=4.0)
    try:
        with site.host() as host:
            run_id = site("run", "rotated").strip()
            wait_until(lambda: site.run(run_id).counts.contacts_delivered == 2, explain=host.log_text)
        site.sandbox.change(api_key="rotated-key")
        with site.host(BREVO_API_KEY="rotated-key") as host:
            status = site.finished(run_id, host)
    finally:
        site.sandbox.change(seconds_fixed=before, api_key=site.settings["BREVO_API_KEY"])
    assert (status["status"], status["contacts_confirmed"]) == ("succeeded", 2)
    assert status["batches"] == 1


@pytest.mark.full
def test_message_that_failed_until_it_was_given_up_is_told_put_back_and_its_run_ends_right(site, request):
    run_id = site("run", "given-up").strip()
    site.queue().send_message(base64.b64encode(b"\xff\x00 ana").decode())
    with site.host(SNAPSHOT_QUIET_SECONDS="soon") as broken:
        wait_until(lambda: site.messages_left("-poison") == 2, explain=broken.log_text)
        assert "MaxDequeueCount of 10" in broken.log_text()
    found = checks(site.json("doctor", exit_status=1))
    assert [name for name, each in found.items() if each["state"] == "FAILED"] == ["run-steps-poison"]
    given_up = found["run-steps-poison"]["message"]
    assert given_up.startswith("Messages that were given up: ")
    # Each is in sight or not, by whether `export_poison` has it just then.
    assert sum(int(number) for number in re.findall(r"\d+", given_up)) == 2, given_up
    assert run_id in found["open runs"]["message"]
    # `export_poison` had them, and could not work either: they come back when its time with them is over.
    wait_until(lambda: len(site.queue("-poison").peek_messages(max_messages=32)) == 2)
    seen = site.json("replay")["messages"]
    assert {(each["run"], each["step"], each["fate"]) for each in seen} == {
        (run_id, "stage", "replay"),
        ("", "", "leave"),
    }
    site("replay", "--yes", "--drop-unreadable")
    assert (site.messages_left("-poison"), site.messages_left()) == (0, 2)  # the step, and the run's delayed watch
    status = site.finished(run_id, request.getfixturevalue("host"))  # not before: it would have taken the messages
    assert site.json("doctor")["healthy"] is True
    assert status["status"] == "succeeded"
    assert "replayed" in [event["kind"] for event in status["story"]]


def test_timer_forgets_idempotency_keys_of_yesterday(site, host):
    requests = open_storage(read_settings(site.settings)).requests
    for key, hours in (("old", 25), ("new", 23)):
        requests.put(Row("given-up", key, {"run_id": "r", "wish": "{}", "at": time.time() - hours * 3600}))
    assert host.run_now("timer_export").status == 202
    wait_until(lambda: [row.key for row in requests.rows()] == ["new"], explain=host.log_text)


def test_person_is_forgotten_beside_a_host_that_is_at_their_run(site, host):
    with site.sandbox.slow_imports(20.0):
        run_id = site("run", "forgotten").strip()
        wait_until(lambda: site.run(run_id).state == "confirming", explain=host.log_text)
        found = site.json("forget", ANA)
        assert [line.split(":")[0] for line in found["erased"]] == ["staged", "ledgers"]
        assert run_id in found["erased"][0]
        assert len([line for line in found["remains"] if "segments-forgotten/" in line]) == 1
        assert site.finished(run_id, host)["status"] == "cancelled"
        staged = ContainerClient.from_connection_string(site.storage, "staged")
        assert not list(staged.list_blob_names(name_starts_with=run_id))
        assert ANA not in host.log_text()
