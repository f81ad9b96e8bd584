"""HTTP functions behave as on the platform."""

import http.client
import json
import socket
from urllib.parse import urlsplit

import pytest

from local.functions_host.http_messages import send


def call(toy, method, path, headers=None, body=b""):
    return toy.host.request(method, path, headers={"x-functions-key": "", **(headers or {})}, body=body)


def header(response, name):
    return [value for key, value in response.headers if key.lower() == name.lower()]


def test_all_functions_of_the_app_and_its_blueprint_are_indexed(toy):
    functions = {
        f["name"]: f["config"]["bindings"][0]["type"]
        for f in json.loads(toy.host.request("GET", "/admin/functions").body)
    }
    assert functions["echo"] == "httpTrigger"
    assert functions["tick"] == "timerTrigger"
    assert functions["blob_event"] == "eventGridTrigger"
    assert functions["work"] == functions["bury"] == "queueTrigger"


def test_request_reaches_the_function_and_its_answer_comes_back(toy):
    response = call(toy, "POST", "/api/echo/a%20b?one=1&two=2&ONE=3&empty=&%6Fne=", body="zażółć".encode())
    facts = json.loads(response.body)
    assert response.status == 203
    assert facts["method"] == "POST"
    assert facts["word"] == "a b"
    assert facts["params"] == {"one": "1,3,", "two": "2"}
    assert facts["body"] == "zażółć"
    assert facts["url"].startswith(toy.host.url + "/api/echo/a%20b?one=1")
    assert header(response, "X-Toy") == ["yes"]
    assert header(response, "Content-Type") == ["application/json"]


def test_client_principal_header_is_passed_through_as_sent(toy):
    response = call(toy, "GET", "/api/echo/x", {"X-MS-CLIENT-PRINCIPAL": "Zm9yZ2Vk"})
    assert json.loads(response.body)["principal"] == "Zm9yZ2Vk"


def test_binary_body_comes_back_unchanged(toy):
    response = call(toy, "GET", "/api/for_functions", {"x-functions-key": toy.host.key})
    assert response.body == bytes([0, 255])


def test_parameter_wins_over_a_literal_route_whose_function_is_named_later(toy):
    response = call(toy, "GET", "/api/echo/fixed")
    assert (response.status, json.loads(response.body)["word"]) == (203, "fixed")


def test_route_constraint_and_optional_parameter_decide_which_paths_fit(toy):
    assert json.loads(call(toy, "GET", "/api/numbers/10").body) == {"number": "10"}
    assert json.loads(call(toy, "GET", "/api/numbers/10/more").body) == {"number": "10", "rest": "more"}
    assert call(toy, "GET", "/api/numbers/9").status == 404
    assert call(toy, "GET", "/api/numbers/ten").status == 404


def test_catch_all_parameter_takes_the_rest_of_the_path(toy):
    assert call(toy, "GET", "/api/files/a/b/c.csv").body == b"a/b/c.csv"


def test_cookie_of_a_function_is_set(toy):
    [cookie] = header(call(toy, "GET", "/api/files/x"), "Set-Cookie")
    assert cookie == "seen=1; max-age=60; path=/; samesite=strict; httponly"


@pytest.mark.parametrize(("method", "path"), [("DELETE", "/api/echo/x"), ("GET", "/api/nowhere"), ("GET", "/echo/x")])
def test_unknown_route_or_method_is_404(toy, method, path):
    assert call(toy, method, path).status == 404


def test_function_that_raises_answers_500_with_an_empty_body_and_is_logged(toy):
    response = call(toy, "GET", "/api/broken")
    assert (response.status, response.body) == (500, b"")
    toy.host.wait_for_log("RuntimeError: the function broke")
    log = toy.host.log_text()
    assert "WARNING" in log
    assert "[broken] root: about to break" in log
    assert "printed by a function" in log


def test_async_function_logs_under_its_name(toy):
    call(toy, "GET", "/api/numbers/11")
    toy.host.wait_for_log("[numbers] root: async function at work")


@pytest.mark.parametrize(
    ("path", "key", "status"),
    [
        ("/api/for_functions", None, 401),
        ("/api/for_functions", "wrong", 401),
        ("/api/for_functions", "the-function-key", 200),
        ("/api/for_functions", "HOST", 200),
        ("/api/for_functions", "the-master", 200),
        ("/api/for-admins", None, 401),
        ("/api/for-admins", "the-function-key", 401),
        ("/api/for-admins", "HOST", 401),
        ("/api/for-admins", "the-master", 204),
        ("/admin/host/status", None, 401),
        ("/admin/host/status", "wrong", 401),
        ("/admin/host/status", "the-function-key", 403),
        ("/admin/host/status", "HOST", 403),
        ("/admin/host/status", "the-master", 200),
    ],
)
@pytest.mark.parametrize("place", ["header", "query"])
def test_only_a_fitting_key_opens_a_function(toy, path, key, status, place):
    key = toy.host.key if key == "HOST" else key
    if place == "query" and key:
        assert send("GET", f"{toy.host.url}{path}?code={key}").status == status
    else:
        assert call(toy, "GET", path, {"x-functions-key": key or ""}).status == status


def test_key_in_the_header_goes_before_the_one_in_the_query_even_an_empty_one(toy):
    assert call(toy, "GET", f"/api/for_functions?code={toy.host.key}").status == 401
    assert call(toy, "GET", "/api/for_functions?code=wrong", {"x-functions-key": toy.host.key}).status == 200


def test_key_in_the_query_may_be_named_in_any_case_and_the_first_one_counts(toy):
    address = f"{toy.host.url}/api/for_functions"
    assert send("GET", f"{address}?CODE={toy.host.key}&code=wrong").status == 200
    assert send("GET", f"{address}?code=wrong&code={toy.host.key}").status == 401
    assert send("GET", f"{address}?code=&code={toy.host.key}").status == 401


def test_route_is_looked_for_before_the_key_and_its_refusal_has_no_body(toy):
    assert call(toy, "POST", "/api/for_functions").status == 404
    refused = call(toy, "GET", "/api/for_functions")
    assert (refused.status, refused.body) == (401, b"")


def test_ping_needs_no_key(toy):
    assert call(toy, "GET", "/admin/host/ping").status == 200


def test_body_sent_in_chunks_reaches_the_function_empty(toy):
    parts = urlsplit(toy.host.url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
    connection.request(
        "POST",
        "/api/echo/x",
        body=iter([b"one ", b"two"]),
        encode_chunked=True,
        headers={"Transfer-Encoding": "chunked"},
    )
    facts = json.loads(connection.getresponse().read())
    assert (facts["body"], facts["encoding"]) == ("", "chunked")
    connection.close()


def test_connection_is_kept_for_the_next_request(toy):
    parts = urlsplit(toy.host.url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
    for _ in range(2):
        connection.request("GET", "/api/files/kept")
        assert connection.getresponse().read() == b"kept"
        before = connection.sock
    assert before is connection.sock is not None
    connection.close()


def test_host_listens_on_the_loopback_address_only(toy):
    port = urlsplit(toy.host.url).port
    with socket.socket() as other:
        other.settimeout(2)
        assert other.connect_ex(("127.0.0.2", port)) != 0


def test_too_large_body_is_413_and_a_slow_function_504(start_toy):
    toy = start_toy({"FUNCTIONS_REQUEST_BODY_SIZE_LIMIT": "1000"}, workers=0, arguments=["--http-timeout-seconds=0.3"])
    try:
        assert call(toy, "POST", "/api/echo/x", body=b"x" * 1000).status == 203
        assert call(toy, "POST", "/api/echo/x", body=b"x" * 300_000).status == 413
        assert call(toy, "GET", "/api/slow?seconds=2").status == 504
        assert call(toy, "GET", "/api/slow?seconds=0").status == 200
    finally:
        toy.host.stop()
