"""Each route asks for a role, and answers in the form that is promised, over Azurite and the sandbox."""

import json

import pytest

import export_trigger.blueprint  # noqa: F401 - registers the routes
from shared.errors import TransientError
from tests.flow.asking import ROUTES
from tests.flow.described import check_described
from tests.flow.requests import PEOPLE, details, undoing

# Who gets in where the connection is shared with nobody else than administrators; 403 for all others.
VIEWERS = [
    "list_exports",
    "show_export",
    "list_runs",
    "show_run",
    "show_rejected_rows",
    "list_connections",
    "list_segments",
    "show_openapi",
]
CONTRIBUTORS = [*VIEWERS, "start_exports"]
SHARED = [
    "save_export", "remove_export", "duplicate_export", "detach_export", "start_export", "start_trial",
    "plan_export", "approve_run", "preview_export", "preview_unsaved", "why_not_in_list", "cancel_run", "reset_export",
    "verify_export", "undo_run",
]  # fmt: skip


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
        expected |= {"show_connection", "list_lists", "list_attributes"}
    if shared and role == "contributor":
        expected |= set(SHARED)
    # What removes or detaches comes last.
    for name in sorted(PEOPLE, key=undoing):
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
    check_described(ROUTES[name], answer)


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


@pytest.mark.parametrize("role", ["administrator", None])
@pytest.mark.parametrize("name", ["list_exports", "show_export", "show_run", "show_audit", "health", "show_openapi"])
def test_no_cache_on_the_way_keeps_an_answer_or_a_refusal(asked, name, role):
    answer = asked(name, role)
    assert (answer.headers["Cache-Control"], answer.headers["X-Content-Type-Options"]) == ("no-store", "nosniff")


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
        ("show_rejected_rows", {"params": {"part": "0"}}),
        ("health", {"params": {"deep": "yes"}}),
        ("list_exports", {"params": {"sort": "colour"}}),
        ("start_export", {"headers": {"Idempotency-Key": "x" * 201}}),
        ("start_export", {"body": {"now": "yes"}}),
        ("start_export", {"body": []}),
        ("start_exports", {"body": {}}),
        ("start_trial", {"body": {}}),
        ("start_trial", {"body": {"list_id": 0}}),
        ("verify_export", {"body": {"repair": "no"}}),
        ("detach_export", {"body": {"members": "go"}}),
        ("detach_export", {"body": {"accept": "yes"}}),
        ("remove_export", {"headers": {"If-Match": "*"}, "params": {"members": "go"}}),
        ("remove_export", {"headers": {"If-Match": "*"}, "params": {"members": "remove", "accept": "yes"}}),
        ("start_trial", {"body": {"list_id": 13, "customers": 101}}),
        ("start_trial", {"body": {"list_id": 13, "customer_ids": []}}),
        ("start_trial", {"body": {"list_id": 13, "customer_ids": ["1"], "customers": 1}}),
        ("why_not_in_list", {"body": {}}),
        ("why_not_in_list", {"body": {"email": 5}}),
        ("webhook", {"body": {"colour": 1}}),
        ("duplicate_export", {"body": {"id": "a/b"}}),
        ("connect_connection", {"body": {"consent": {"agreed_by": " "}}, "id": "brevo-eu"}),
        ("connect_connection", {"body": {"consent": {"agreed_by": "\u200b"}}, "id": "brevo-eu"}),
    ],
)
def test_bad_request_is_400_and_names_its_field(asked, name, sent):
    answer = asked(name, "administrator", **sent)
    found = json.loads(answer.get_body())
    assert (answer.status_code, found["type"]) == (400, "urn:segment-export:problem:body_invalid"), found
    assert [found["title"]] == ["; ".join(f"{each['field']}: {each['message']}" for each in found["errors"]) + "."]
    check_described(ROUTES[name], answer)


@pytest.mark.parametrize(
    ("name", "sent", "field"),
    [
        ("why_not_in_list", {"body": {"email": "nobody"}}, "email"),
        ("why_not_in_list", {"body": {"customer_id": " "}}, "customer_id"),
        ("start_trial", {"body": {"list_id": 13, "customer_ids": ["ana@example.com"]}}, "customer_ids"),
        ("start_export", {"body": {"now": True}, "headers": {"Idempotency-Key": "monday"}}, "Idempotency-Key"),
        ("save_export", {"body": {"id": "another"}}, "id"),
    ],
)
def test_what_is_not_possible_is_422_and_names_its_field(asked, name, sent, field):
    asked("start_export", "administrator", headers={"Idempotency-Key": "monday"})
    answer = asked(name, "administrator", **sent)
    found = json.loads(answer.get_body())
    assert (answer.status_code, [each["field"] for each in found["errors"]]) == (422, [field]), found
    assert found["errors"][0]["message"]
    check_described(ROUTES[name], answer)


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
    for name in sorted(PEOPLE, key=undoing):
        sent = details(flow, name, run_id)
        if name in REFUSED:
            check_described(ROUTES[name], asked(name, role, **{**sent, **REFUSED[name]}))
        if name != "show_openapi":  # an OpenAPI document, which has its own schema
            check_described(ROUTES[name], asked(name, role, **sent))
    check_described(ROUTES["health"], asked("health"))


@pytest.mark.parametrize(
    "name", ["start_export", "start_trial", "plan_export", "verify_export", "start_exports", "webhook"]
)
def test_start_says_where_the_run_is_and_when_to_look_as_the_description_does(asked, name):
    asked.flow.change(schedule="with_refresh")
    asked.save()
    answer = asked(name, "administrator", **details(asked.flow, name, "x"))
    assert (answer.status_code, answer.headers["Retry-After"]) == (202, "5")
    check_described(ROUTES[name], answer)


def test_decision_about_a_held_run_says_when_to_look_as_the_description_does(asked):
    for name in ("approve_run", "cancel_run"):
        planned = json.loads(asked("plan_export", "administrator").get_body())["run_id"]
        assert asked.flow.finish(planned)["status"] == "held"
        answer = asked(name, "administrator", id=planned)
        assert (answer.status_code, answer.headers["Retry-After"]) == (202, "5")
        check_described(ROUTES[name], answer)
        asked.flow.finish(planned)
        asked.flow.change(sync_mode="full")


def test_answer_about_a_failed_run_holds_only_what_the_description_names(asked):
    asked.flow.change(list_id=4711)
    asked.save()
    run_id = asked.flow.run()["run_id"]
    for name in ("show_run", "list_runs", "list_exports", "cancel_run"):
        check_described(ROUTES[name], asked(name, "administrator", **details(asked.flow, name, run_id)))


@pytest.mark.parametrize("document", [b"{", b'{"exports": [{}]}', None], ids=["no JSON", "with faults", "missing"])
def test_answer_beside_a_configuration_that_cannot_be_read_is_described(asked, document):
    flow = asked.flow
    run_id, where = flow.run()["run_id"], flow.app.settings.export_config.split("/")
    for name in sorted(ROUTES, key=undoing):
        sent = details(flow, name, run_id)
        if document is None:
            flow.app.storage.app_blobs.delete(*where)
        else:
            flow.app.storage.app_blobs.write(*where, document)
        if name != "show_openapi":
            check_described(ROUTES[name], asked(name, "administrator", **sent))
        asked.save()


def test_refused_connection_is_described_with_the_steps_of_its_test(asked):
    body = {**asked.flow.connection, "api_key": {"setting": "NO_SUCH_KEY"}}
    answer = asked("save_connection", "administrator", headers={"If-Match": "*"}, body=body, id="brevo-eu")
    assert json.loads(answer.get_body())["steps"][-1]["ok"] is False
    check_described(ROUTES["save_connection"], answer)
