"""Each route asks for a role, and answers in the form that is promised, over Azurite and the sandbox."""

import base64
import json
import uuid
from urllib.parse import urlencode

import azure.functions as func
import pytest

import export_trigger.blueprint  # noqa: F401 - registers the routes
from export_trigger import entry
from export_trigger.entry import ENDPOINTS
from shared.errors import ConfigurationError, TransientError
from tests.flow.described import check_described

CSV = "CustomerId,EMail,FirstName\n1,ana@example.com,Ana\n2,ben@example.com,Ben\n"
ROUTES = {each.name: each for each in ENDPOINTS}
PEOPLE = [name for name, each in ROUTES.items() if not each.anonymous]

# Who gets in where the connection is shared with nobody else than administrators; 403 for all others.
VIEWERS = [
    "list_exports",
    "show_export",
    "list_runs",
    "show_run",
    "show_rejected_rows",
    "list_connections",
    "show_openapi",
]
CONTRIBUTORS = [*VIEWERS, "start_exports"]
SHARED = [
    "save_export", "remove_export", "duplicate_export", "detach_export", "start_export", "preview_export", "cancel_run",
]  # fmt: skip


@pytest.fixture
def asked(make_flow, monkeypatch):
    """Calls a route as a role; `asked.flow` is what is behind it."""
    location = f"settings-{uuid.uuid4().hex[:8]}/exports.json"
    flow = make_flow(EXPORT_CONFIG=location)
    flow.change(schedule="off")
    monkeypatch.setattr(entry, "open_app", lambda: flow.app)
    monkeypatch.setenv("WEBSITE_AUTH_ENABLED", "True")
    flow.segment(CSV)

    def save():
        document = json.dumps({"connections": flow.connections, "exports": flow.exports}).encode()
        flow.app.storage.app_blobs.write(*location.split("/"), document)

    def ask(name, role=None, headers=None, body=None, params=None, **path):
        endpoint = ROUTES[name]
        sent = dict(headers or {})
        if role:
            claims = {"claims": [{"typ": "roles", "val": role}, {"typ": "oid", "val": "0a"}]}
            sent["X-MS-CLIENT-PRINCIPAL"] = base64.b64encode(json.dumps(claims).encode()).decode()
        request = func.HttpRequest(
            endpoint.method,
            f"https://app.example.com/api/{endpoint.route}?{urlencode(params or {})}",
            headers=sent,
            route_params={"id": flow.export_id, **path},
            body=b"" if body is None else json.dumps(body).encode(),
        )
        built = entry.blueprint._function_builders
        function = next(each.build(auth_level=None).get_user_function() for each in built if _name(each) == name)
        return function(request)

    ask.flow, ask.save = flow, save
    save()
    return ask


def _name(builder):
    return builder._function.get_function_name() or builder._function.get_user_function().__name__


def details(flow, name, run_id):
    path, body, headers = {}, None, {}
    if "connection" in name:
        path["id"] = "brevo-eu"
        body = {key: value for key, value in flow.connection.items() if key != "consent"} if "save" in name else None
    if ROUTES[name].route.startswith("runs/"):
        path["id"] = run_id
    if name == "save_export":
        body = flow.export
    if name == "duplicate_export":
        body = {"id": "copy"}
    if name == "start_exports":
        body = {"exports": "all"}
    if name == "webhook":
        body = {"segment": "Gold"}
    if ROUTES[name].method in ("PUT", "DELETE"):
        headers["If-Match"] = "*"
    return {"headers": headers, "body": body, **path}


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("role", ["viewer", "contributor", "owner"])
def test_route_lets_a_role_do_what_it_may(asked, role, shared):
    flow = asked.flow
    if shared:
        flow.connection["available_to"] = ["administrator", "contributor", "viewer"]
        asked.save()
    run_id = flow.run()["run_id"]
    allowed = {
        "viewer": [*VIEWERS],
        "contributor": [*CONTRIBUTORS, "webhook"],
        "owner": ["show_openapi"],
    }
    expected = set(allowed[role])
    if shared and role != "owner":
        expected.add("show_connection")
    if shared and role == "contributor":
        expected |= set(SHARED)
    # What removes or detaches comes last.
    for name in sorted(PEOPLE, key=lambda name: ("remove" in name, "detach" in name)):
        answer = asked(name, role, **details(flow, name, run_id))
        assert (answer.status_code != 403) == (name in expected), (name, answer.status_code, answer.get_body()[:300])
        if name in expected:
            assert answer.status_code < 500, (name, answer.get_body()[:300])


@pytest.mark.parametrize("name", PEOPLE)
def test_nobody_is_let_in_without_a_sign_in(asked, name):
    answer = asked(name, None, **details(asked.flow, name, "x"))
    assert (answer.status_code, json.loads(answer.get_body())["type"]) == (
        401,
        "urn:segment-export:problem:sign_in_required",
    )


SECRET = "kept-between-two-systems"  # pragma: allowlist secret


@pytest.mark.parametrize("wanted", ["segment", "export"])
def test_webhook_takes_its_secret_and_starts_what_runs_with_the_refresh(asked, monkeypatch, wanted):
    monkeypatch.setenv("WEBHOOK_SECRET", SECRET)
    asked.flow.change(schedule="with_refresh")
    asked.save()
    body = {wanted: "Gold" if wanted == "segment" else asked.flow.export_id}
    answer = asked("webhook", None, headers={"X-Webhook-Secret": SECRET}, body=body)
    assert (answer.status_code, json.loads(answer.get_body())[0]["is_new"]) == (202, True)
    (line, *_) = json.loads(asked("show_audit", "administrator").get_body())
    assert line["who"] == "webhook secret"


@pytest.mark.parametrize("schedule", ["off", {"cron": "0 5 * * *"}])
@pytest.mark.parametrize("role", [None, "administrator"])
def test_webhook_starts_no_export_of_another_schedule_where_people_sign_in(asked, monkeypatch, schedule, role):
    monkeypatch.setenv("WEBHOOK_SECRET", SECRET)
    asked.flow.change(schedule=schedule)
    asked.save()
    answer = asked("webhook", role, headers={"X-Webhook-Secret": SECRET}, body={"export": asked.flow.export_id})
    problem = json.loads(answer.get_body())
    assert (answer.status_code, problem["type"]) == (409, "urn:segment-export:problem:schedule_not_with_refresh")
    assert not list(asked.flow.app.store.latest(asked.flow.export_id, 1))


def test_webhook_starts_any_export_by_key_where_nobody_signs_in(asked, monkeypatch):
    monkeypatch.delenv("WEBSITE_AUTH_ENABLED")
    answer = asked("webhook", None, body={"export": asked.flow.export_id})
    assert (answer.status_code, json.loads(answer.get_body())[0]["is_new"]) == (202, True)


def test_viewer_starts_nothing_by_the_webhook(asked):
    asked.flow.change(schedule="with_refresh")
    asked.save()
    for body in ({"export": asked.flow.export_id}, {"segment": "Gold"}):
        assert asked("webhook", "viewer", body=body).status_code == 403
    assert not list(asked.flow.app.store.latest(asked.flow.export_id, 1))


def test_contributor_starts_nothing_of_others_by_the_webhook(asked):
    asked.flow.change(schedule="with_refresh")
    asked.save()
    (started,) = json.loads(asked("webhook", "contributor", body={"segment": "Gold"}).get_body())
    assert (started["is_new"], started["reason"]) == (False, "You may not run this export.")


def ids(answer):
    return [each["id"] for each in json.loads(answer.get_body())]


@pytest.mark.parametrize("sort", ["", "-id", "display_name", "last_run", "-last_success", "next_due", "schedule"])
def test_exports_come_page_by_page_and_each_once(asked, sort):
    for number in range(7):
        schedule = {"cron": f"{number} 5 * * *"} if number % 2 else "off"
        asked.flow.add_export(f"n{number}", display_name=f"Name {number * 5 % 7}", schedule=schedule)
    asked.save()
    asked.flow.segment(CSV)
    for name in ("n2", "n5"):
        asked.flow.finish(asked.flow.start(f"{asked.flow.export_id}-{name}").run_id)
    whole = ids(asked("list_exports", "viewer", params={"sort": sort}))
    seen, token, answers = [], "", 0
    while answers == 0 or token:
        answer = asked("list_exports", "viewer", params={"sort": sort, "limit": "3", "continuation": token})
        token = answer.headers.get("X-Continuation-Token", "")
        assert bool(token) == ('rel="next"' in answer.headers.get("Link", ""))
        assert f"sort={sort}" in answer.headers.get("Link", f"sort={sort}")
        seen += ids(answer)
        answers += 1
    assert (seen, answers) == (whole, 3)
    assert len(set(whole)) == 8


def test_page_of_exports_has_fifty_unless_told_and_reads_of_no_others(asked, monkeypatch):
    for number in range(60):
        asked.flow.add_export(f"n{number:02}")
    asked.save()
    read = []
    find = "shared.runs.overview.find_snapshot"
    monkeypatch.setattr(find, lambda blobs, source, segments: read.append(1) or _no_snapshot())
    answer = asked("list_exports", "viewer")
    assert (len(ids(answer)), len(read) <= 50) == (50, True)
    assert answer.headers["X-Continuation-Token"] == ids(answer)[-1]


def _no_snapshot():
    raise ConfigurationError("snapshot_missing", "There is none.")


@pytest.mark.parametrize(
    "params", [{"limit": "0"}, {"limit": "201"}, {"continuation": "A B"}, {"continuation": "gone"}]
)
def test_page_of_exports_that_is_none_is_400(asked, params):
    assert asked("list_exports", "viewer", params=params).status_code == 400


def test_page_behind_an_export_that_is_gone_is_409(asked):
    answer = asked("list_exports", "viewer", params={"continuation": "gone"})
    assert (answer.status_code, json.loads(answer.get_body())["type"].rpartition(":")[2]) == (409, "list_changed")


def test_link_to_the_next_page_of_exports_keeps_the_search(asked):
    asked.flow.add_export("two")
    asked.save()
    answer = asked("list_exports", "viewer", params={"search": "gold ünd", "limit": "1"})
    assert ids(answer) == []
    answer = asked("list_exports", "viewer", params={"search": "gold", "limit": "1"})
    assert "search=gold" in answer.headers["Link"]


PART_OF_ROWS = 700


@pytest.fixture
def long_report(asked, monkeypatch):
    """A run with a report of several parts in several blobs, with a quoted line break in it; its id and its CSV."""
    monkeypatch.setattr("shared.staging.rejected.REPORT_PART_BYTES", PART_OF_ROWS)
    monkeypatch.setattr("shared.staging.rejected._PART_BYTES", 300)
    rows = "".join(f'"C{number}\n",,Ana\n' for number in range(60))
    asked.flow.segment(f"CustomerId,EMail,FirstName\n{rows}1,ana@example.com,Ana\n")
    run_id = asked.flow.run()["run_id"]
    whole = asked.flow.rejects_text(run_id).encode()
    assert len(whole) > 3 * PART_OF_ROWS
    return run_id, whole


def test_long_report_comes_in_parts_that_are_the_whole_one_behind_the_other(asked, long_report):
    run_id, whole = long_report
    seen, number = b"", 1
    while number:
        answer = asked("show_rejected_rows", "viewer", id=run_id, params={"part": number})
        assert answer.status_code == 200
        assert len(answer.get_body()) <= PART_OF_ROWS
        seen += answer.get_body()
        number = number + 1 if f"?part={number + 1}>" in answer.headers.get("Link", "") else 0
    assert seen == whole


def test_long_report_that_is_asked_for_whole_is_409_and_says_how_many_parts_there_are(asked, long_report):
    run_id, whole = long_report
    answer = asked("show_rejected_rows", "viewer", id=run_id)
    problem = json.loads(answer.get_body())
    parts = -(-len(whole) // PART_OF_ROWS)
    assert (answer.status_code, problem["type"]) == (409, "urn:segment-export:problem:report_in_parts")
    assert f"?part={parts}" in problem["detail"]


@pytest.mark.parametrize(
    ("part", "status"), [("0", 400), ("-1", 400), ("x", 400), ("1" * 30, 400), ("", 400), ("99", 404)]
)
def test_part_of_a_report_that_is_none_is_an_error(asked, long_report, part, status):
    assert asked("show_rejected_rows", "viewer", id=long_report[0], params={"part": part}).status_code == status


def test_short_report_comes_whole_and_is_its_own_only_part(asked):
    run_id = asked.flow.run()["run_id"]
    whole = asked("show_rejected_rows", "viewer", id=run_id).get_body()
    assert whole == asked.flow.rejects_text(run_id).encode()
    assert asked("show_rejected_rows", "viewer", id=run_id, params={"part": "1"}).get_body() == whole


def test_storage_that_does_not_answer_is_503_with_retry_after(asked, monkeypatch):
    def failing(*_):
        raise TransientError("storage_unreachable", "Storage did not answer.", retry_after_seconds=7.2)

    monkeypatch.setattr(type(asked.flow.app.configuration), "read", failing)
    answer = asked("show_export", "administrator")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "8")


@pytest.mark.parametrize("name", [name for name, each in ROUTES.items() if each.body is not None])
def test_body_that_was_sent_in_chunks_and_did_not_arrive_is_411_and_nothing_is_done(asked, name):
    sent = {**details(asked.flow, name, "x"), "body": None}
    sent["headers"] = {**sent["headers"], "Transfer-Encoding": "chunked"}
    answer = asked(name, "administrator", **sent)
    problem = json.loads(answer.get_body())
    assert (answer.status_code, problem["type"]) == (411, "urn:segment-export:problem:length_missing")
    assert "Content-Length" in problem["title"]
    assert "as a whole" in problem["detail"]
    assert not list(asked.flow.app.store.latest(asked.flow.export_id, 1))


def test_unforeseen_error_shows_nothing_of_itself(asked, monkeypatch, caplog):
    def failing(*_):
        raise RuntimeError("ana@example.com")

    monkeypatch.setattr(type(asked.flow.app.configuration), "read", failing)
    answer = asked("show_export", "administrator")
    assert answer.status_code == 500
    assert b"ana@" not in answer.get_body()
    assert "ana@" not in caplog.text


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("list_runs", {"params": {"limit": "0"}}),
        ("list_runs", {"params": {"limit": "many"}}),
        ("list_runs", {"params": {"limit": ""}}),
        ("list_runs", {"params": {"continuation": "'; drop"}}),
        ("show_audit", {"params": {"continuation": "x"}}),
        ("list_exports", {"params": {"sort": "colour"}}),
        ("start_export", {"headers": {"Idempotency-Key": "x" * 201}}),
        ("start_export", {"body": {"now": "yes"}}),
        ("start_export", {"body": []}),
        ("start_exports", {"body": {}}),
        ("webhook", {"body": {"colour": 1}}),
        ("duplicate_export", {"body": {"id": "a/b"}}),
        ("connect_connection", {"body": {"consent": {"agreed_by": " "}}, "id": "brevo-eu"}),
    ],
)
def test_bad_request_is_400_and_names_its_field(asked, name, sent):
    answer = asked(name, "administrator", **sent)
    found = json.loads(answer.get_body())
    assert (answer.status_code, found["type"]) == (400, "urn:segment-export:problem:body_invalid"), found
    assert ": " in found["title"]


REFUSED = {
    "save_export": {"body": {"display_name": "Gold"}},
    "start_export": {"body": {"now": "yes"}},
    "connect_connection": {"id": "nowhere"},
    "remove_connection": {},
    "show_run": {"id": "nowhere"},
}


@pytest.mark.parametrize("role", ["administrator", "contributor"])
def test_answer_holds_only_what_the_description_names(asked, role):
    flow = asked.flow
    flow.connection["available_to"] = ["administrator", "contributor"]
    flow.change(schedule={"cron": "0 6 * * *", "time_zone": "Europe/Bucharest"})
    asked.save()
    flow.segment("CustomerId,EMail,FirstName\n1,ana@example.com,Ana\n2,,Ben\n3,dan@example,Dan\n")
    run_id = flow.run()["run_id"]
    for name in sorted(PEOPLE, key=lambda name: ("remove" in name, "detach" in name)):
        sent = details(flow, name, run_id)
        if name in REFUSED:
            check_described(ROUTES[name], asked(name, role, **{**sent, **REFUSED[name]}))
        if name != "show_openapi":  # an OpenAPI document, which has its own schema
            check_described(ROUTES[name], asked(name, role, **sent))
    check_described(ROUTES["health"], asked("health"))


def test_answer_about_a_failed_run_holds_only_what_the_description_names(asked):
    asked.flow.change(list_id=4711)
    asked.save()
    run_id = asked.flow.run()["run_id"]
    for name in ("show_run", "list_runs", "list_exports", "cancel_run"):
        check_described(ROUTES[name], asked(name, "administrator", **details(asked.flow, name, run_id)))


def test_refused_connection_is_described_with_the_steps_of_its_test(asked):
    body = {**asked.flow.connection, "api_key": {"setting": "NO_SUCH_KEY"}}
    answer = asked("save_connection", "administrator", headers={"If-Match": "*"}, body=body, id="brevo-eu")
    assert json.loads(answer.get_body())["steps"][-1]["ok"] is False
    check_described(ROUTES["save_connection"], answer)
