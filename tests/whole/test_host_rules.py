"""The app under the rules of the host: no precedence of routes, no body in chunks, no timer by a wrong schedule."""

import http.client
import json
from urllib.parse import urlsplit

import pytest

from export_trigger.blueprint import blueprint  # noqa: F401 - registers the routes
from export_trigger.entry import ENDPOINTS
from local.functions_host import FunctionsHost

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def host(azurite, sandbox, write_config, tmp_path_factory):
    environment = {
        "AzureWebJobsStorage": azurite.connection_string,
        "EXPORT_CONFIG": str(write_config(streamed={"schedule": "off"})),
        "BREVO_BASE_URL": sandbox.base_url,
        "BREVO_API_KEY": sandbox.api_key,
        "EXPORT_SCHEDULE": "0 0 9 * * monkey",
    }
    log = tmp_path_factory.mktemp("host") / "host.log"
    with FunctionsHost(environment=environment, workers=0, log_file=log) as running:
        yield running


def sent_in_chunks(host, method, path, body):
    """The status and the problem for a body that is sent as a stream, without its length."""
    parts = urlsplit(host.url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
    try:
        headers = {"x-functions-key": host.key, "Transfer-Encoding": "chunked"}
        connection.request(method, f"/api/{path}", body=iter([body]), encode_chunked=True, headers=headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.name)
def test_every_function_is_reached_by_its_route(host, endpoint):
    path = endpoint.route.replace("{", "").replace("}", "")
    host.request(endpoint.method, f"/api/{path}", body=b"{}")
    host.wait_for_log(f"Executed 'Functions.{endpoint.name}' (Succeeded")


@pytest.mark.parametrize("path", ["exports/x//", "exports//runs", "exports///", "nothing", ""])
def test_path_that_no_route_takes_is_404_and_never_405_with_the_very_method(host, path):
    answer = host.request("GET", f"/api/{path}")
    assert (answer.status, json.loads(answer.body)["type"]) == (404, "urn:segment-export:problem:route_unknown")


@pytest.mark.parametrize(("path", "methods"), [("EXPORTS/x", "DELETE, GET, PUT"), ("Runs/x/cancel/", "POST")])
def test_path_with_another_method_is_405_in_any_case_and_names_its_methods(host, path, methods):
    answer = host.request("PATCH", f"/api/{path}")
    headers = {name.lower(): value for name, value in answer.headers}
    assert (answer.status, headers["allow"]) == (405, methods)


def test_start_whose_choices_were_sent_in_chunks_starts_nothing_and_says_why(host):
    status, problem = sent_in_chunks(host, "POST", "exports/streamed/runs", b'{"now": true}')
    assert (status, problem["type"]) == (411, "urn:segment-export:problem:length_missing")
    assert "Content-Length" in problem["title"]
    assert json.loads(host.request("GET", "/api/exports/streamed/runs").body) == []


def test_call_back_of_brevo_needs_no_length(host):
    status, problem = sent_in_chunks(host, "POST", "imports/streamed-20261124T050000-abcdef/1/token", b"{}")
    assert (status, problem["type"]) == (404, "urn:segment-export:problem:route_unknown")


def test_wrong_schedule_stops_the_timer_alone_and_the_log_says_what_to_do(host):
    log = host.log_text()
    assert (
        log.count("The setting EXPORT_SCHEDULE has the weekday 'monkey' ('0 0 9 * * monkey'). Write one such as") == 1
    )
    assert "The 'timer_export' function is in error" in log
    assert host.request("GET", "/api/health").status == 200
    assert host.request("GET", "/api/exports").status == 200
