"""The real app in the functions host: every trigger, from outside."""

import base64
import csv
import io
import json
import socket
from dataclasses import replace

import pytest

from shared.version import VERSION
from tests.waiting import wait_until
from tests.whole.running_app import HEAD, RunningApp

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def app(azurite, sandbox, upload, write_config, tmp_path_factory, functions_host):
    on_demand = {"schedule": "off"}
    config = write_config(
        plain=on_demand,
        cancelled=on_demand,
        hooked=on_demand,
        poisoned=on_demand,
        refused=on_demand | {"list_id": 4711},
        called_back=on_demand,
        timed={"segments": ["Timed"]},
        landed={"segments": ["Landed"]},
        watched={"segments": ["Watched"]},
        segment_hook={"segments": ["Hooked"]},
        detached={"connection": None},
    )
    for name in ("plain", "cancelled", "hooked", "poisoned", "refused", "called-back"):
        upload(f"segments-{name}", "Gold", f"{HEAD}C-1,{name}@example.com,Ana\nC-2,nobody,Ion\n")
    upload("segments-watched", "", "hello", "readme.txt")
    with socket.socket() as free:  # the app's own address is a setting, so it is chosen before the start
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        "AzureWebJobsStorage": azurite.connection_string,
        "EXPORT_CONFIG": str(config),
        "BREVO_BASE_URL": sandbox.base_url,
        "BREVO_API_KEY": sandbox.api_key,
        "SNAPSHOT_QUIET_SECONDS": "0",
        "EXPORT_SCHEDULE": "0 0 3 1 1 *",
        "PUBLIC_URL": f"http://127.0.0.1:{port}/",
    }
    host = functions_host(
        environment=environment,
        port=port,
        watch_containers=["segments-watched"],
        log_file=tmp_path_factory.mktemp("host") / "host.log",
    )
    with host:
        yield RunningApp(host, azurite, sandbox, upload)


def check_problem(answer, status, code):
    found_status, headers, problem = answer
    assert (found_status, headers["content-type"].split(";")[0]) == (status, "application/problem+json")
    assert problem.keys() - {"errors"} == {"type", "title", "status", "detail"}
    assert all(fault["field"] and fault["message"] for fault in problem.get("errors", []))
    assert problem["type"].endswith(f":{code}")
    assert problem["status"] == status
    assert problem["title"]
    return problem


# HTTP


def test_run_is_started_and_followed_over_http(app):
    status, headers, started = app.call("POST", "exports/plain/runs")
    assert status == 202
    assert headers["location"].endswith(f"/api/runs/{started['run_id']}")
    assert started | {"run_id": ""} == {
        "export": "plain",
        "run_id": "",
        "is_new": True,
        "reason": None,
        "status_url": f"/api/runs/{started['run_id']}",
    }
    found = app.finish(started["run_id"])
    assert (found["status"], found["trigger"]) == ("succeeded_with_rejections", "http")
    assert (found["contacts_confirmed"], found["rows_rejected"]) == (1, {"invalid_email": 1})
    assert "plain@example.com" in app.sandbox.members(12)
    assert app.runs("plain")[0]["run_id"] == started["run_id"]
    status, headers, text = app.call("GET", f"runs/{started['run_id']}/rejected-rows")
    assert (status, headers["content-type"].split(";")[0]) == (200, "text/csv")
    assert "attachment" in headers["content-disposition"]
    [row] = csv.DictReader(io.StringIO(text.decode()))
    assert (row["line"], row["reason"], row["customer_id"]) == ("3", "invalid_email", "C-2")
    assert "nobody" not in text.decode()
    [overview] = [each for each in app.call("GET", "exports")[2] if each["id"] == "plain"]
    assert overview["last_run"]["run_id"] == started["run_id"]


def test_preview_masks_and_sends_nothing(app):
    before = len(app.sandbox.imports.records())
    status, _, found = app.call("POST", "exports/plain/preview")
    assert (status, found["contacts_mapped"]) == (200, 1)
    assert found["contacts"][0]["email"] == "p••••@e••••••.com"
    assert len(app.sandbox.imports.records()) == before


def test_run_that_fails_says_why(app):
    found = app.finish(app.start("refused"))
    assert (found["status"], found["error"]["code"]) == ("failed", "list_missing")


def test_run_that_waits_is_cancelled_over_http(app):
    with app.sandbox.slow_imports(5.0):
        run_id = app.start("cancelled")
        wait_until(lambda: app.status(run_id)["status"] == "confirming", explain=app.host.log_text)
    assert app.call("POST", "exports/cancelled/runs")[2] | {"reason": ""} == {
        "export": "cancelled", "run_id": run_id, "is_new": False, "reason": "", "status_url": f"/api/runs/{run_id}",
    }  # fmt: skip
    assert app.call("POST", f"runs/{run_id}/cancel")[0] == 202
    assert app.finish(run_id)["status"] == "cancelled"
    check_problem(app.call("POST", f"runs/{run_id}/cancel"), 409, "run_final")


def test_webhook_starts_by_export_and_by_segment(app):
    status, _, [start] = app.call("POST", "webhook", {"export": "hooked"})
    assert (status, start["is_new"]) == (202, True)
    assert app.finish(start["run_id"])["trigger"] == "webhook"
    app.upload("segments-segment-hook", "Hooked", HEAD + "C-1,hook@example.com,Ana\n")
    status, _, starts = app.call("POST", "webhook", {"segment": "Hooked"})
    assert (status, [start["export"] for start in starts]) == (202, ["segment-hook"])
    assert app.finish(starts[0]["run_id"])["status"] == "succeeded"
    assert app.call("POST", "webhook", {"segment": "NoSuchSegment"})[::2] == (202, [])


@pytest.mark.stand_in("`func start` asks nobody for a key")
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "exports"), ("POST", "exports/plain/runs"), ("GET", "exports/plain/runs"), ("POST", "runs"),
        ("POST", "exports/plain/preview"), ("GET", "runs/x"), ("POST", "runs/x/cancel"), ("POST", "webhook"),
        ("GET", "runs/x/rejected-rows"),
    ],
)  # fmt: skip
def test_every_route_needs_a_key(app, method, path):
    assert app.call(method, path, key="")[0] == 401
    assert app.call(method, path, key="wrong")[0] == 401


def test_health_needs_no_key(app):
    assert app.call("GET", "health", key="")[::2] == (200, {"status": "ok", "version": VERSION})


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("POST", "exports/no-such/runs", None, 404, "export_unknown"),
        ("GET", "exports/no-such/runs", None, 404, "export_unknown"),
        ("POST", "exports/no-such/preview", None, 404, "export_unknown"),
        ("POST", "exports/%2e%2e%2f/runs", None, 404, "export_unknown"),
        ("POST", "exports/detached/runs", None, 409, "export_detached"),
        ("GET", "runs/no-such", None, 404, "run_unknown"),
        ("GET", "runs/plain-20261124T050000-abcdef", None, 404, "run_unknown"),
        ("GET", "runs/no-such/rejected-rows", None, 404, "run_unknown"),
        ("POST", "runs/no-such/cancel", None, 404, "run_unknown"),
        ("POST", "webhook", {"export": "no-such"}, 404, "export_unknown"),
        ("POST", "webhook", {}, 400, "body_invalid"),
        ("POST", "webhook", {"export": "a", "segment": "b"}, 400, "body_invalid"),
        ("POST", "webhook", {"export": 7}, 400, "body_invalid"),
        ("POST", "webhook", {"exprt": "a"}, 400, "body_invalid"),
        ("POST", "webhook", [], 400, "body_invalid"),
        ("POST", "runs", {"exports": "some"}, 400, "body_invalid"),
        ("POST", "runs", None, 400, "body_invalid"),
        ("POST", "exports/plain/runs", {"now": "yes"}, 400, "body_invalid"),
        ("POST", "exports/plain/runs", {"later": True}, 400, "body_invalid"),
        ("POST", "exports/plain/preview", None, 200, ""),
    ],
)
def test_wrong_request_gets_a_problem_that_says_what_to_do(app, method, path, body, status, code):
    answer = app.call(method, path, body)
    if status == 200:
        assert answer[0] == 200
    else:
        check_problem(answer, status, code)


@pytest.mark.parametrize(
    "raw", [b"{", b"\xff\xfe", b"[" * 100_000, b"null", b'{"now": true, "now": }'], ids=lambda raw: repr(raw[:9])
)
def test_body_that_is_no_json_object_is_400(app, raw):
    assert check_problem(app.call("POST", "exports/plain/runs", raw=raw), 400, "body_invalid")["detail"]


def test_problem_names_the_wrong_field(app):
    assert "exprt" in check_problem(app.call("POST", "webhook", {"exprt": "a"}), 400, "body_invalid")["title"]


def test_body_of_two_megabytes_is_413(app):
    check_problem(app.call("POST", "webhook", raw=b'{"export": "' + b"x" * 2_000_000 + b'"}'), 413, "body_too_large")


@pytest.mark.parametrize(
    "path", ["imports/plain-20261124T050000-abcdef/1/token", "imports/x/y/z", "imports/a/b", "no-such-route"]
)
def test_call_back_that_nobody_expects_is_404(app, path):
    assert app.call("POST", path, key="")[0] == 404


# Timer, events, queue


def test_timer_starts_what_is_due_once(app):
    app.upload("segments-timed", "Timed", HEAD + "C-1,timed@example.com,Ana\n")
    assert app.host.run_now("timer_export").status == 202
    found = app.first_run("timed")
    assert (found["status"], found["trigger"]) == ("succeeded", "timer")
    assert app.host.run_now("timer_export").status == 202
    app.host.wait_for_log("export timed: There is no new snapshot.")
    assert len(app.runs("timed")) == 1


def landed_event(name, kind="Microsoft.Storage.BlobCreated", **data):
    return {
        "topic": "/subscriptions/1",
        "subject": "/blobServices/default/containers/segments-landed/blobs/"
        f"CustomerInsights_abcd1234/BlobExport/{name}",
        "eventType": kind,
        "eventTime": "2026-11-24T11:00:00Z",
        "id": "1",
        "data": {"url": "https://files.contoso.com/x", "eTag": "0x1", "contentLength": 1, **data},
        "dataVersion": "",
        "metadataVersion": "1",
    }


def test_events_of_event_grid_start_one_run_however_often_they_come(app):
    app.upload("segments-landed", "Landed", HEAD + "C-1,landed@example.com,Ana\n")
    good = landed_event("Landed/2026/11/24/0500/Landed_1.csv")
    others = [
        landed_event("Landed/readme.txt"),
        landed_event("Landed/2026/11/24/0500/Landed_1.csv", "Microsoft.Storage.BlobDeleted"),
        good | {"subject": ""},
        good | {"subject": "/blobServices/default/containers/segments-landed/blobs/x"},
    ]
    assert app.host.deliver("blob_export", others).status == 202
    assert app.runs("landed") == []
    # Data Lake Storage: written under another name, then renamed.
    renamed = landed_event("Landed/2026/11/24/0500/Landed_1.csv", "Microsoft.Storage.BlobRenamed")
    renamed["data"] = {"api": "RenameFile", "destinationUrl": "https://files.contoso.com/x", "sourceUrl": "https://x"}
    assert app.host.deliver("blob_export", [renamed, renamed]).status == 202
    found = app.first_run("landed")
    assert (found["status"], found["trigger"]) == ("succeeded", "event")
    assert app.host.deliver("blob_export", [good, good]).status == 202
    assert len(app.runs("landed")) == 1


def test_blob_that_lands_in_a_watched_container_is_exported(app):
    app.upload("segments-watched", "Watched", HEAD + "C-1,watched@example.com,Ana\n")
    assert app.first_run("watched")["status"] == "succeeded"
    assert "watched@example.com" in app.sandbox.members(12)


def encoded(text):
    return base64.b64encode(text.encode()).decode()


def test_garbage_in_the_queue_does_not_circle(app):
    before = app.messages_left()  # the delayed watch messages of other tests' runs
    for text in (
        "hello",
        "{}",
        '{"run": "x", "step": "stage"}',
        '{"run": "plain-20261124T050000-abcdef", "step": "fly"}',
    ):
        app.queue().send_message(encoded(text))
    wait_until(lambda: app.messages_left() <= before, explain=app.host.log_text)
    assert app.messages_left("-poison") == 0
    assert "hello" not in app.host.log_text()


def test_text_that_is_not_base64_leaves_the_queue(app):
    before = app.messages_left()
    app.queue().send_message("not base64!")
    wait_until(lambda: app.messages_left("-poison") == 1, explain=app.host.log_text)
    app.queue("-poison").clear_messages()
    wait_until(lambda: app.messages_left() <= before, explain=app.host.log_text)


def test_call_back_reaches_the_app_at_its_public_url(app):
    app.sandbox.change(notify_delay_seconds=1.0)
    try:
        run_id = app.start("called-back")
        path = f"/api/imports/{run_id}/1/"
        [told] = wait_until(
            lambda: [each for each in app.sandbox.world.notifier.sent() if each.path.startswith(path)],
            explain=app.host.log_text,
        )
        assert app.finish(run_id)["status"] == "succeeded_with_rejections"
    finally:
        app.sandbox.change(notify_delay_seconds=0.0)
    assert told.status == 204
    # The run has ended: nothing is left to do.
    assert app.call("POST", told.path.removeprefix("/api/"), key="")[0] == 204


def test_message_in_the_poison_queue_ends_its_run(app):
    # Behind the other runs: its import keeps the account's slot for 40 seconds.
    with app.sandbox.slow_imports(40.0):
        run_id = app.start("poisoned")
        wait_until(lambda: app.status(run_id)["status"] == "confirming", explain=app.host.log_text)
    app.queue("-poison").send_message(encoded(json.dumps({"run": run_id, "step": "confirm"})))
    wait_until(lambda: app.messages_left("-poison") == 0, explain=app.host.log_text)
    assert app.status(run_id)["status"] == "confirming", "a stale message ends nothing"
    app.store().update(run_id, lambda run: replace(run, faults=10))

    def given_up():
        # The run's own message may be sent anew between the two calls: then this one is stale, and another is sent.
        number = app.store().load(run_id).confirm_number
        app.queue("-poison").send_message(encoded(json.dumps({"run": run_id, "step": "confirm", "number": number})))
        wait_until(lambda: app.messages_left("-poison") == 0, explain=app.host.log_text)
        return app.status(run_id)["status"] == "failed"

    wait_until(given_up, explain=app.host.log_text)
    found = app.status(run_id)
    assert (found["status"], found["error"]["code"]) == ("failed", "step_kept_failing")
    assert "Brevo accepted 1 contact and confirmed none." in found["error"]["message"]


def test_log_holds_no_address_no_key_and_no_report_link(app):
    text = app.host.log_text()
    assert "Executed" in text
    for secret in ("@example.com", app.sandbox.api_key, "/reports/"):
        assert secret not in text
