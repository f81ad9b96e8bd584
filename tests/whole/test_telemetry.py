"""A run's story as one trace, received by a real OTLP receiver from a functions host with two workers."""

import gzip
import json
import os
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from local.brevo_sandbox import BrevoSandbox, SandboxSettings
from local.functions_host import FunctionsHost
from shared.runs.store import RunStore
from shared.settings import read_settings
from shared.storage.account import open_storage
from tests.receiver import Received, Receiver, receiver
from tests.sizes import thinned
from tests.waiting import wait_until
from tests.whole.otlp import Span, logs, metrics, spans

REPOSITORY = Path(__file__).resolve().parents[2]
# The product's app, with bodies so small that 700 people are three batches.
SMALL_APP = f"""
import runpy
from shared.brevo import body
from shared.staging import bodies
body.LARGEST_BODY_BYTES = 20_000
app = runpy.run_path({str(REPOSITORY / "function_app.py")!r})["app"]
"""
PEOPLE = 700
MARK = "kanarie"
NAME = "Kanarienvogel"


def segment() -> str:
    rows = "".join(f"C-{n},{MARK}{n}@example.com,{NAME}\n" for n in range(PEOPLE))
    return f"CustomerId,EMail,FirstName\n{rows}C-x,{MARK}@example..com,{NAME}\nC-y,,{NAME}\n"


@pytest.fixture
def otlp() -> Iterator[Receiver]:
    with receiver() as found:
        yield found


@pytest.fixture
def environment(azurite, sandbox, upload, write_config) -> dict[str, str]:
    export = f"gold-{uuid.uuid4().hex[:6]}"
    upload(f"segments-{export}", "Gold", segment())
    config = write_config(**{export: {"max_rejected": 1, "max_warnings": 1}})
    document = json.loads(config.read_text())
    document["connections"][0]["imports_at_once"] = 3
    config.write_text(json.dumps(document))
    return {
        "EXPORT": export,
        "AzureWebJobsStorage": azurite.connection_string,
        "EXPORT_CONFIG": str(config),
        "EXPORT_SCHEDULE": "0 0 3 1 1 *",
        "SNAPSHOT_QUIET_SECONDS": "0",
        "BREVO_BASE_URL": sandbox.base_url,
        "BREVO_API_KEY": sandbox.api_key,
        "AzureFunctionsWebHost__hostid": uuid.uuid4().hex[:10],
    }


def run(host: FunctionsHost, export: str) -> dict[str, Any]:
    """A whole run; its status."""
    run_id = json.loads(host.request("POST", f"/api/exports/{export}/runs", body=b"{}").body)["run_id"]

    def ended() -> Any:
        status = json.loads(host.request("GET", f"/api/runs/{run_id}").body)
        return status if status["finished_at"] else None

    return wait_until(ended, seconds=30)


def start_host(environment: dict[str, str], folder: Path, workers: int = 2) -> FunctionsHost:
    (folder / "function_app.py").write_text(SMALL_APP)
    settings = json.loads((REPOSITORY / "host.json").read_text())
    # Idle workers poll often, so that a second one takes a batch while the first one waits a second for Brevo.
    settings["extensions"]["queues"]["maxPollingInterval"] = "00:00:00.200"
    (folder / "host.json").write_text(json.dumps(settings))
    return FunctionsHost(folder, environment, workers, log_file=folder / "host.log")


def calls(found: list[Span], step: Span) -> list[tuple[str, Any]]:
    """The step's calls to Brevo: operation and status."""
    return [(span.name, span.attributes["http.response.status_code"]) for span in found if span.parent == step.id]


def test_run_of_three_batches_is_one_tree_over_two_workers_and_shows_nobody(environment, sandbox, otlp, tmp_path):
    # Its worker waits a second, in which the other one takes the next batch.
    sandbox.fail_next("POST /contacts/import", "429")
    environment |= {"OTEL_EXPORTER_OTLP_ENDPOINT": otlp.url, "OTEL_METRIC_EXPORT_INTERVAL": "500"}
    with start_host(environment, tmp_path) as host:
        status = run(host, environment["EXPORT"])
        wait_until(lambda: nothing_is_open(host, otlp), seconds=30)
        wait_until(lambda: metrics(otlp, "segment_export.run.duration"), seconds=30)
        wait_until(lambda: any(span.name == "start" for span in spans(otlp)), seconds=30)
        wait_until(lambda: any(line.startswith("run ended: ") for line, _, _ in logs(otlp)), seconds=30)
    assert (status["status"], status["batches"]) == ("succeeded_with_rejections", 3)
    check_tree(spans(otlp), status)
    check_metrics(otlp, status)
    # At least once: where two workers see the end at the same time, each logs it.
    (attributes, trace), *_ = [(told, trace) for line, told, trace in logs(otlp) if line.startswith("run ended: ")]
    assert (attributes["run"], attributes["export"]) == (status["run_id"], status["export"])
    assert trace == spans(otlp)[0].trace
    sent = b"".join(received.body for received in otlp.received).lower()
    assert status["run_id"].lower().encode() in sent
    for private in (MARK, "example.com", "/reports/", sandbox.api_key, "imports/", "segments-"):
        assert private.lower().encode() not in sent


def nothing_is_open(host: FunctionsHost, otlp: Receiver) -> bool:
    """As the timer sees it, which may come before the run is tidied up."""
    host.run_now("timer_export")
    return metrics(otlp, "segment_export.runs.oldest_open") == {(): 0}


def check_tree(found: list[Span], status: dict[str, Any]) -> None:
    by_id = {span.id: span for span in found}
    (start,) = [span for span in found if not span.parent]
    assert (start.name, start.attributes["trigger"]) == ("start", "http")
    steps = [span for span in found if span.parent == start.id]
    for span in found:
        assert span.trace == start.trace
        assert (span.attributes["run"], span.attributes["export"]) == (status["run_id"], status["export"])
        assert span is start or span in steps or by_id[span.parent] in steps
    # The others asked Brevo who had left the list.
    (stage,) = [span for span in steps if span.name == "stage" and "contacts" in span.attributes]
    assert (stage.attributes["contacts"], stage.attributes["batches"]) == (PEOPLE, 3)
    assert ("GET /contacts/lists/{}", 200) in calls(found, stage)
    delivered = {}
    for span in [span for span in steps if span.name == "deliver"]:
        if ("POST /contacts/import", 202) in calls(found, span):
            assert span.attributes["batch"] not in delivered
            delivered[span.attributes["batch"]] = span
            assert by_id[span.links[0]].name in ("stage", "confirm", "deliver", "call_back")
    assert sorted(delivered) == [1, 2, 3]
    assert sum(span.attributes["contacts"] for span in delivered.values()) == PEOPLE
    throttled = [span for span in found if span.attributes.get("http.response.status_code") == 429]
    assert [(span.name, span.failed, span.attributes["error.type"]) for span in throttled] == [
        ("POST /contacts/import", True, "brevo_throttled")
    ]
    confirms = [span for span in steps if span.name == "confirm"]
    assert any(("GET /processes", 200) in calls(found, span) for span in confirms)
    assert len({span.process for span in steps if span.name in ("stage", "deliver", "confirm")}) == 2
    assert start.process not in {span.process for span in delivered.values()}


def check_metrics(otlp: Receiver, status: dict[str, Any]) -> None:
    export = status["export"]

    def told(name: str, *by: str) -> dict[tuple[Any, ...], float]:
        return metrics(otlp, f"segment_export.{name}", *by)

    assert told("contacts.delivered", "export") == {(export,): PEOPLE}
    assert told("contacts.confirmed", "export") == {(export,): PEOPLE}
    assert told("contacts.rejected", "reason") == {("invalid_email",): 1, ("missing_email",): 1}
    assert told("brevo.throttled", "operation") == {("POST /contacts/import",): 1}
    requests = told("brevo.requests", "operation", "status")
    assert requests[("POST /contacts/import", 202)] == 3
    assert requests[("POST /contacts/import", 429)] == 1
    assert 0 < told("run.duration", "state")[("succeeded_with_rejections",)] < 60


@pytest.mark.full
def test_call_back_cancel_and_a_run_that_is_driven_on_join_its_trace(environment, otlp, tmp_path):
    environment |= {"OTEL_EXPORTER_OTLP_ENDPOINT": otlp.url}
    store = RunStore(open_storage(read_settings(environment)))
    # A sandbox of its own: its imports are still open when the next test begins.
    with BrevoSandbox(SandboxSettings.quick(seconds_fixed=60.0)) as slow:
        environment |= {"BREVO_BASE_URL": slow.base_url, "BREVO_API_KEY": slow.api_key}
        with start_host(environment, tmp_path, workers=1) as host:
            path = f"/api/exports/{environment['EXPORT']}/runs"
            run_id = json.loads(host.request("POST", path, body=b"{}").body)["run_id"]
            wait_until(lambda: (found := store.load(run_id)) and found.state == "confirming", seconds=30)

            def driven_on() -> bool:
                store.update(run_id, lambda now: replace(now, stalled_after=0.0))  # a look sets it anew
                host.run_now("timer_export")
                return any(event["kind"] == "driven_on" for event in store.events(run_id))

            wait_until(driven_on, seconds=30)
            token = store.load(run_id).token
            assert host.request("POST", f"/api/imports/{run_id}/1/{token}").status == 204
            assert host.request("POST", f"/api/runs/{run_id}/cancel").status == 202
            joined = {"drive_on", "call_back", "cancel"}
            wait_until(lambda: joined <= {span.name for span in spans(otlp)}, seconds=30)
    (start,) = [span for span in spans(otlp) if span.name == "start"]
    for span in [span for span in spans(otlp) if span.name in joined]:
        assert (span.trace, span.parent, span.attributes["run"]) == (start.trace, start.id, run_id)


@pytest.fixture(params=["not there", "hanging"])
def dead_endpoint(request) -> Iterator[str]:
    """An address where nobody listens, or one that takes every connection and never answers."""
    if request.param == "not there":
        yield "http://127.0.0.1:9"
        return
    with socket.create_server(("127.0.0.1", 0), backlog=100) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.full
def test_endpoint_that_is_dead_is_told_once_a_worker_and_the_run_goes_on(environment, tmp_path, dead_endpoint):
    environment |= {"OTEL_EXPORTER_OTLP_ENDPOINT": dead_endpoint}
    with start_host(environment, tmp_path, workers=1) as host:
        status = run(host, environment["EXPORT"])
        log = tmp_path / "host.log"

        def told() -> bool:
            """Each process, the host's and the worker's, tells with the step that comes after its first failure."""
            run(host, environment["EXPORT"])
            return log.read_text().count("telemetry is not delivered") >= 2

        wait_until(told, seconds=30)
        run(host, environment["EXPORT"])
        text = log.read_text()
    assert status["contacts_confirmed"] == PEOPLE
    lines = [line for line in text.splitlines() if "telemetry is not delivered: the OTLP endpoint does not" in line]
    assert len(lines) == 2
    assert not [line for line in lines if "[host]" in line]  # the real host drops what no function has written
    assert "Traceback" not in text
    assert "opentelemetry" not in text


# Where it is on, and where it is not even loaded


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "APPLICATIONINSIGHTS"))}
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=REPOSITORY,
        env=clean | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


LOADED = "import sys; print(sorted(name for name in sys.modules if name.split('.')[0] == 'opentelemetry'))"
SPAN = "from shared import telemetry\nwith telemetry.span('start', parent='', run='r', export='e'): pass\n"


@pytest.mark.parametrize(
    "environment",
    thinned([{}, {"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}], 2),
    ids=["nothing set", "disabled"],
)
def test_nothing_of_opentelemetry_is_loaded_where_it_is_off(environment):
    told = python(
        f"import function_app\nfrom shared.app import open_worker_app\nopen_worker_app()\n{SPAN}{LOADED}", **environment
    )
    assert told.stdout == "[]\n", told.stderr


@pytest.mark.full
def test_start_of_the_app_loads_nothing_of_opentelemetry_even_where_it_is_on():
    told = python(f"import function_app\n{LOADED}", OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9")
    assert told.stdout == "[]\n", told.stderr


@pytest.mark.parametrize(
    "setting",
    thinned([{"APPLICATIONINSIGHTS_CONNECTION_STRING": "nonsense"}, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://["}], 2),
    ids=["connection string", "endpoint"],
)
def test_setting_that_cannot_be_used_is_told_in_one_line(setting):
    told = python(SPAN + SPAN + "import time; time.sleep(2)", **setting)
    assert told.returncode == 0
    assert told.stderr.count("telemetry is ") == 1
    assert len(told.stderr.splitlines()) == 1


# The extra `otlp` is not there.
WITHOUT_OTLP = "import sys; sys.modules['opentelemetry.exporter.otlp.proto.http'] = None\n"


@pytest.mark.full
def test_endpoint_without_the_exporter_is_reported_once_and_the_app_runs():
    told = python(f"{WITHOUT_OTLP}import function_app\n{SPAN}{SPAN}", OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9")
    assert told.returncode == 0
    (line,) = told.stderr.splitlines()
    assert "OTEL_EXPORTER_OTLP_ENDPOINT" in line
    assert "segment-export[otlp]" in line


@pytest.mark.parametrize(
    ("before", "environment"),
    [("", {}), (WITHOUT_OTLP, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"})],
    ids=["alone", "beside an endpoint without the exporter"],
)
def test_azure_monitor_gets_spans_and_metrics_where_its_connection_string_is_set(otlp, before, environment):
    taken = {"itemsReceived": 1, "itemsAccepted": 1, "errors": []}
    otlp.answers += [(200, {"content-type": "application/json"}, json.dumps(taken).encode())] * 20
    told = python(
        f"{before}{SPAN}telemetry.count('segment_export.contacts.delivered', 7)",
        **environment,
        APPLICATIONINSIGHTS_CONNECTION_STRING=f"InstrumentationKey={uuid.uuid4()};IngestionEndpoint={otlp.url}/",
        APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL="true",
    )
    assert told.returncode == 0, told.stderr
    sent = b"".join(map(readable, otlp.received)).decode()
    assert '"run":"r"' in sent.replace(" ", "")
    assert "segment_export.contacts.delivered" in sent


def readable(received: Received) -> bytes:
    return gzip.decompress(received.body) if received.headers.get("content-encoding") == "gzip" else received.body
