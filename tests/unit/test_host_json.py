"""What docs/performance.md and docs/reliability.md promise of the Functions host is set in host.json."""

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def host_json(path: str = "host.json") -> dict[str, Any]:
    content: dict[str, Any] = json.loads((ROOT / path).read_text(encoding="utf-8"))
    return content


def test_queues_are_polled_every_two_seconds_at_the_latest():
    """The default is a minute: https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-queue."""
    assert host_json()["extensions"]["queues"]["maxPollingInterval"] == "00:00:02"


def test_chaos_runs_on_the_products_own_host_settings():
    assert host_json("local/chaos/app/host.json") == host_json()


def test_a_failing_step_comes_back_sooner_than_its_run_counts_as_stalled():
    """Otherwise a second message would drive a run on while the host still retries the first one."""
    from shared.runs.graces import Graces

    hours, minutes, seconds = host_json()["extensions"]["queues"]["visibilityTimeout"].split(":")
    between_tries = 3600 * int(hours) + 60 * int(minutes) + int(seconds)
    assert between_tries * host_json()["extensions"]["queues"]["maxDequeueCount"] < Graces().stalled
