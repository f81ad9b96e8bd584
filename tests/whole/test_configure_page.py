"""docs/configure.md is true: its document is valid, and its lines are run as they stand there."""

import base64
import json
import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from azure.storage.blob import ContainerClient

from local.azurite import Azurite
from local.brevo_sandbox import BrevoSandbox
from local.sample_snapshots import SampleSnapshots
from shared.config.document import parse_document
from tests.documented import blocks
from tests.receiver import receiver

pytestmark = pytest.mark.timeout(240)

SECRET = "whsec_" + base64.b64encode(bytes(32)).decode()
REPOSITORY = Path(__file__).parents[2]
PAGE = (REPOSITORY / "docs" / "configure.md").read_text()


def test_document_of_the_page_is_valid() -> None:
    (document,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    found = parse_document(document.encode(), "docs/configure.md")
    assert found.exports
    assert found.notifications


@pytest.mark.full
def test_worked_example_does_what_the_page_says(
    tmp_path: Path, azurite: Azurite, sandbox: BrevoSandbox, forked: list[str]
) -> None:
    command = tmp_path / "segment-export"
    command.write_text(f'#!/bin/sh\nexec {shlex.join(forked)} shared.cli "$@"\n')
    command.chmod(0o755)
    with ContainerClient.from_connection_string(azurite.connection_string, "segments") as container:
        container.create_container()
    SampleSnapshots(("HighValueSegment", "LapsedCustomers"), 50).drop(azurite.connection_string, "segments")
    environment = {
        "PATH": f"{tmp_path}:/usr/bin:/bin",
        "PYTHONPATH": str(REPOSITORY),
        "USER": "ana",
        "AzureWebJobsStorage": azurite.connection_string,
        "EXPORT_CONFIG": "settings/exports.json",
        "BREVO_BASE_URL": sandbox.base_url,
        "BREVO_API_KEY": sandbox.api_key,
        "APP_SECRET": os.environ["APP_SECRET"],
        "SNAPSHOT_QUIET_SECONDS": "0",
    }

    def typed(block: str) -> str:
        done = subprocess.run(
            ["sh", "-ec", block], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=90
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    first, second, trial, third = blocks("docs/configure.md")
    assert typed(first).splitlines()[-1].startswith("ok      consent")
    printed = typed(second)
    assert "It is not due before" in printed
    (export,) = json.loads(typed("segment-export exports --json"))
    assert (export["last_run"], export["why_not_running"]["code"]) == (None, "not_due")
    assert len(json.loads(typed("segment-export audit --json"))) == 4
    sandbox.seed(lists=[{"name": "Trials", "id": 99}])
    assert "trial of 20 customers to list 99 (Trials)" in typed(trial)
    assert (len(sandbox.members(99)), sandbox.members(12)) == (20, {})
    (export,) = json.loads(typed("segment-export exports --json"))
    assert (export["last_run"], export["why_not_running"]["code"]) == (None, "not_due")
    with receiver() as there:
        names = ("TEAMS_WEBHOOK_URL", "SLACK_WEBHOOK_URL", "TICKETS_URL")
        environment |= dict.fromkeys(names, there.url) | {"TICKETS_SECRET": SECRET}
        lines = typed(third).splitlines()
        assert [line.split()[:2] for line in lines[1:]] == [
            ["accepted", name] for name in ("crm-team", "on-call", "tickets")
        ]
        assert len(there.received) == 3
