"""docs/api.md is true: its lines are run as they stand there, against the functions host."""

import json
import re
import subprocess
import threading
import time
from pathlib import Path

import pytest

from local.sample_snapshots import SampleSnapshots
from local.stack import CONTAINER, Stack

pytestmark = pytest.mark.timeout(240)

PAGE = Path(__file__).parents[2] / "docs" / "api.md"


def test_worked_example_does_what_the_page_says(tmp_path: Path) -> None:
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)
    with Stack(tmp_path, {"EXPORT_CONFIG": "settings/exports.json"}).start(threading.Event()) as stack:
        SampleSnapshots(("HighValueSegment", "LapsedCustomers"), 50).drop(stack.storage, CONTAINER)
        environment = {"API": f"{stack.url}/api", "KEY": stack.host.key, "PATH": "/usr/bin:/bin"}

        def typed(block: str) -> str:
            done = subprocess.run(
                ["sh", "-ec", block], env=environment, capture_output=True, text=True, timeout=60, check=True
            )
            return done.stdout

        connection, connected, export, started = (json.loads(typed(block)) for block in blocks[:4])
        assert (connection["id"], connection["consent"]) == ("brevo-eu", None)
        assert connected["connected"]
        assert export["list_id"] == 12
        assert started["is_new"]
        assert json.loads(typed(blocks[3]))["run_id"] == started["run_id"]
        deadline = time.monotonic() + 60
        while '"finished_at": null' in (told := typed(blocks[4])):
            assert time.monotonic() < deadline, told
            time.sleep(0.5)
        assert started["run_id"] in told
        assert "segment,file,line,reason,field,customer_id,email_sha256,outcome" in told
        assert json.loads(typed(blocks[5]))["connection"] is None
