"""Marked people and a marked key go through good, failing and faulty runs; the marks are found nowhere but at Brevo."""

import base64
import io
import json
import os
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient

from local.app_storage import make_app_storage
from local.azurite import Azurite
from local.brevo_sandbox import BrevoSandbox, SandboxSettings
from local.functions_host import FunctionsHost
from tests.faults.brevo_routes import IMPORT
from tests.faults.conftest import FOLDER, REFRESH, Story
from tests.faults.marked import BROKEN, KEY, NAME, PHONE, assert_clean, marked_segment, row
from tests.sizes import thinned
from tests.waiting import wait_until

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def sandbox() -> Iterator[BrevoSandbox]:
    with BrevoSandbox(SandboxSettings.quick(api_key=KEY)) as running:
        running.seed(contacts=[{"email": "owner@example.org", "attributes": {"SMS": f"+40{PHONE}"}}])
        yield running


@pytest.fixture
def marked(story: Story) -> Story:
    story.segment(marked_segment())
    story.save(
        mapping={
            "email": "EMail",
            "first_name": "FirstName",
            "phone": "Telephone",
            "attributes": {"CITY": {"field": "City"}},
        }
    )
    return story


def check_story(story: Story, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    for text in story.kept.all_text():
        assert_clean("a table row or a message", text)
    for name, (data, _, _) in story.kept.containers.get("rejected-rows", {}).items():
        assert_clean(f"the rejected rows {name}", data.decode())
    for run in story.runs():
        assert_clean("a status", json.dumps(story.status(run.run_id), ensure_ascii=False))
        assert run.is_final
    for error in story.errors:
        assert_clean("an error", f"{error} {error!r}")
    for record in caplog.records:
        assert_clean("a log line", f"{record.getMessage()} {record.exc_text}")
    told = capfd.readouterr()
    assert_clean("standard output", told.out)
    assert_clean("standard error", told.err)
    assert story.kept.blob_names("staged") == []


FAULTY = {
    IMPORT: [
        "429",
        "500",
        "502",
        "503",
        "524",
        "500-after",
        "524-after",
        "reset",
        "reset-after",
        "truncated",
        "html-200",
        "html-502",
        "no-process-id",
        "401-ip",
        "402",
        "403",
        "import-failed",
        "import-cancelled",
        "import-partial",
        "report-404",
        "report-500",
        "report-endless",
        "report-wrong-columns",
        "report-other-host",
        "report-redirect",
    ],
    "GET /processes": ["500", "truncated", "html-200", "402"],
    "GET /contacts/attributes": ["500", "html-200", "403"],
}


@pytest.mark.parametrize(
    ("route", "kind"), thinned(((route, kind) for route, kinds in FAULTY.items() for kind in kinds), 3)
)
def test_faulty_run_shows_nobody(marked, caplog, capfd, route, kind):
    caplog.set_level("DEBUG", "shared")
    marked.sandbox.change(endless_report_bytes=100_000)
    marked.sandbox.fail_next(route, kind, 2)
    marked.run()
    check_story(marked, caplog, capfd)


def test_good_run_shows_nobody(marked, caplog, capfd):
    caplog.set_level("DEBUG", "shared")
    status = marked.run()
    assert status["status"] == "succeeded_with_rejections"
    assert len(marked.sent()) >= 5
    assert status["warnings"]["brevo_duplicate_phone"]
    check_story(marked, caplog, capfd)


@pytest.mark.parametrize("kind", thinned(list(BROKEN), 3))
@pytest.mark.parametrize("attributes", ["named", "all"])
def test_broken_file_shows_nobody(marked, caplog, capfd, kind, attributes):
    caplog.set_level("DEBUG", "shared")
    data: Any = BROKEN[kind]
    marked.segment(data)
    if attributes == "all":
        marked.save(mapping={"email": "EMail", "attributes": "all"})
    marked.run()
    check_story(marked, caplog, capfd)


def test_second_file_without_a_header_shows_nobody(marked, caplog, capfd):
    marked.segment(row(20) + row(21), partition=2)
    for mapping in ({"email": "EMail"}, {"email": "EMail", "attributes": "all"}):
        marked.save(mapping=mapping, leave_out_missing_attributes=True)
        marked.run()
    check_story(marked, caplog, capfd)


def test_unforeseen_error_ends_the_run_in_time_and_shows_nobody(marked, caplog, capfd, monkeypatch):
    def fail(*arguments: Any, **named: Any) -> None:
        raise RuntimeError(f"kanarie@example.com {KEY}")

    monkeypatch.setattr("shared.runs.steps.deliver.read_import", fail)
    status = marked.run(hours=0.2)
    assert (status["error"] or {}).get("code") == "step_kept_failing"
    check_story(marked, caplog, capfd)


# The whole app: host, terminal and storage as they are


@dataclass
class Stack:
    host: FunctionsHost
    log: Path
    storage: Azurite
    environment: dict[str, str]
    forked: list[str]

    def terminal(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.forked, "shared.cli", *arguments],
            cwd=REPOSITORY,
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def status(self, run_id: str) -> dict[str, Any]:
        return json.loads(self.host.request("GET", f"/api/runs/{run_id}").body)


@pytest.fixture
def stack(sandbox: BrevoSandbox, tmp_path: Path, forked: list[str]) -> Iterator[Stack]:
    with Azurite(in_memory=True) as storage:
        make_app_storage(storage.connection_string)
        config = tmp_path / "exports.json"
        connection = {
            "id": "brevo-eu",
            "display_name": "Brevo",
            "api_key": {"setting": "CANARY_KEY"},
            "consent": {"agreed_by": "admin", "agreed_on": "2026-11-01"},
        }
        export = {
            "id": "gold",
            "display_name": "Gold",
            "connection": "brevo-eu",
            "list_id": 12,
            "source": {"container": "segments", "folder": FOLDER},
            "segments": ["Gold"],
            "mapping": {"email": "EMail", "first_name": "FirstName", "phone": "Telephone"},
            "default_country": "RO",
            "max_rejected": 1,
            "max_warnings": 1,
        }
        broken = export | {"id": "broken", "mapping": {"email": "NoSuchColumn"}}
        config.write_text(json.dumps({"connections": [connection], "exports": [export, broken]}))
        environment = {
            "AzureWebJobsStorage": storage.connection_string,
            "SEGMENT_STORAGE": storage.connection_string,
            "EXPORT_CONFIG": str(config),
            "EXPORT_SCHEDULE": "0 0 3 1 1 *",
            "SNAPSHOT_QUIET_SECONDS": "0",
            "BREVO_BASE_URL": sandbox.base_url,
            "CANARY_KEY": KEY,
            "AzureFunctionsWebHost__hostid": uuid.uuid4().hex[:10],
        }
        blobs = BlobServiceClient.from_connection_string(storage.connection_string)
        blobs.create_container("segments")
        blobs.get_blob_client("segments", f"{FOLDER}/Gold/{REFRESH}/Gold_1.csv").upload_blob(
            io.BytesIO(marked_segment().encode())
        )
        log = tmp_path / "host.log"
        with FunctionsHost(environment=environment, log_file=log, arguments=["--log-level=DEBUG"]) as host:
            yield Stack(host, log, storage, environment, forked)


@pytest.mark.full
def test_host_terminal_and_storage_show_nobody(stack, sandbox):
    sandbox.fail_next(IMPORT, "524-after")
    sandbox.fail_next(IMPORT, "html-200")
    outputs: list[str] = []
    for export in ("gold", "broken"):
        answer = stack.host.request("POST", f"/api/exports/{export}/runs", body=b"{}")
        outputs.append(answer.body.decode())
        run_id = json.loads(answer.body)["run_id"]
        wait_until(lambda run_id=run_id: stack.status(run_id)["finished_at"])
        outputs.append(json.dumps(stack.status(run_id), ensure_ascii=False))
        outputs.append(stack.host.request("GET", f"/api/runs/{run_id}/rejected-rows").body.decode())
    assert len(sandbox.members(12)) >= 5
    for arguments in (("status",), ("rejects", run_id), ("run", "gold", "--wait", "--now"), ("connect", "brevo-eu")):
        told = stack.terminal(*arguments)
        outputs += [told.stdout, told.stderr]
    assert sandbox.log.count(IMPORT) >= 4
    for text in outputs:
        assert_clean("an answer", text)
    previewed = (
        stack.terminal("preview", "gold").stdout + stack.host.request("POST", "/api/exports/gold/preview").body.decode()
    )
    assert NAME.lower() not in previewed.lower()
    assert "kanarie" not in previewed.lower()
    assert "K••••" in previewed
    assert_clean("the host's log", stack.log.read_text(encoding="utf-8", errors="replace"))
    check_storage(stack)


def check_storage(stack: Stack) -> None:
    from azure.data.tables import TableServiceClient

    tables = TableServiceClient.from_connection_string(stack.storage.connection_string)
    for table in tables.list_tables():
        for entity in tables.get_table_client(table.name).list_entities():
            assert_clean(f"table {table.name}", repr(dict(entity)))
    queues = QueueServiceClient.from_connection_string(stack.storage.connection_string)
    for queue in queues.list_queues():
        for message in queues.get_queue_client(queue.name).peek_messages(32):
            assert_clean(f"queue {queue.name}", base64.b64decode(message.content).decode(errors="replace"))
    blobs = BlobServiceClient.from_connection_string(stack.storage.connection_string)
    for container in blobs.list_containers():
        for blob in blobs.get_container_client(container.name).list_blobs():
            assert container.name != "staged", f"the staged blob {blob.name} is left"
            if container.name != "segments":
                data = blobs.get_blob_client(container.name, blob.name).download_blob().readall()
                assert_clean(f"blob {container.name}/{blob.name}", data.decode(errors="replace"))
