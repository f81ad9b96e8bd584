"""Requests reach the functions that the real host's router picks.

routes.json holds requests with the answers of that router: method, target, function (HOME is the host's own page),
parameters, and the status where no function is reached.
"""

import json
import socket
from pathlib import Path

import pytest

from local.functions_host import FunctionsHost
from local.functions_host.routes import Route, upper_ascii
from local.functions_host.targets import TargetError, path_of

HERE = Path(__file__).parent
VECTORS = json.loads((HERE / "routes.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def host():
    with FunctionsHost(HERE / "routes_app", workers=0, key="the-key", arguments=["--no-timers"]) as running:
        yield running


def app_with(folder, functions):
    """An app whose functions answer with their names. Shape of `functions`: name to route and methods (None: all)."""
    (folder / "host.json").write_text('{"version": "2.0"}')
    (folder / "function_app.py").write_text(f"""
import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


def add(name, route, methods):
    def answer(req: func.HttpRequest) -> str:
        return name

    answer.__name__ = name
    app.route(route=route, methods=methods)(answer)


for name, (route, methods) in {functions!r}.items():
    add(name, route, methods)
""")
    return folder


def sent(host, method, target, *headers):
    """The status and body for a target that is sent as it is, which no HTTP client would do."""
    with socket.create_connection(("127.0.0.1", int(host.url.rpartition(":")[2])), timeout=10) as connection:
        lines = [f"{method} {target} HTTP/1.1", "Host: shop.test", "Connection: close", *headers, "", ""]
        connection.sendall("\r\n".join(lines).encode("latin-1"))
        answer = b""
        while received := connection.recv(65_536):
            answer += received
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


def test_every_request_reaches_the_function_that_the_real_router_picks(host):
    wrong = []
    for method, target, function, parameters, status in VECTORS["requests"]:
        got, body = sent(host, method, target)
        if function == "HOME":
            agrees = got == 200 and (method == "HEAD" or b"up and running" in body)
        elif function is None or method == "HEAD":
            agrees = got == (status or 200)
        else:
            agrees = got == 200 and json.loads(body) == [function, parameters]
        if not agrees:
            wrong.append((method, target, function, parameters, status, got, body))
    assert wrong == []


def test_literal_route_has_no_precedence_and_a_catch_all_takes_what_is_named_behind_it(tmp_path):
    names = {"a_late": "things/{id}", "b_fixed": "things/fixed", "c_all": "{*path}", "d_other": "other"}
    with FunctionsHost(app_with(tmp_path, {name: (route, None) for name, route in names.items()}), workers=0) as host:
        assert sent(host, "GET", "/api/things/fixed") == (200, b"a_late")
        assert sent(host, "GET", "/api/other") == (200, b"c_all")


def test_wrong_method_goes_on_to_the_next_route_and_head_is_not_get(tmp_path):
    functions = {"a_get": ("things", ["GET"]), "b_put": ("{name}", ["PUT"]), "c_all": ("{*path}", None)}
    with FunctionsHost(app_with(tmp_path, functions), workers=0) as host:
        assert sent(host, "GET", "/api/things") == (200, b"a_get")
        assert sent(host, "PUT", "/api/things") == (200, b"b_put")
        assert sent(host, "POST", "/api/things") == (200, b"c_all")
        sent(host, "HEAD", "/api/things")
        assert host.log_text().count("Executed 'Functions.a_get'") == 1


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE", "PROPFIND"])
def test_root_is_the_hosts_own_page_for_every_method(host, method):
    status, body = sent(host, method, "/")
    assert (status, b"up and running" in body) == (200, method != "HEAD")


@pytest.mark.parametrize("method", ["get", "Get", "gEt"])
def test_method_is_taken_in_any_case(host, method):
    assert json.loads(sent(host, method, "/api/status")[1]) == ["status", {}]


@pytest.mark.parametrize("method", ["PROPFIND", "FOO", "TRACE", "QUERY"])
def test_catch_all_sees_methods_that_few_know(host, method):
    assert json.loads(sent(host, method, "/api/status")[1]) == ["zz_lost_and_found", {"path": "status"}]


def test_functions_are_tried_in_the_order_of_their_names_whatever_their_case():
    names = ["not_there", "Show", "a_first", "ab", "_last", "zebra"]
    assert sorted(names, key=upper_ascii) == ["ab", "a_first", "not_there", "Show", "zebra", "_last"]


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/api/%61b%20c", "/api/ab c"),
        ("/api/a%2Fb/%2f", "/api/a%2Fb/%2f"),
        ("/api/%252F", "/api/%2F"),
        ("/api/caf%C3%A9/%C3%20/%C0%AE/%ED%A0%80", "/api/café/%C3 /%C0%AE/%ED%A0%80"),
        ("/api/%/%2/%zz", "/api/%/%2/%zz"),
        ("/api/x/../%2e%2E/y/.", "/y/"),
        ("/..", "/"),
        ("/a//../b", "/a/b"),
        ("/api/a?b=/../c", "/api/a"),
        ("/api/a#b", "/api/a#b"),
        ("http://shop.test/api/a?b", "/api/a"),
        ("http://shop.test", "/"),
    ],
)
def test_path_is_decoded_and_without_dot_segments_before_it_is_matched(target, path):
    assert path_of("GET", target) == path


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", "", 400),
        ("GET", "api/a", 400),
        ("GET", "ftp://shop.test/a", 400),
        ("GET", "api", 405),
        ("GET", "/api/a%00", 400),
        ("GET", "/api/caf\xe9", 400),
        ("GET", "/api/a?b=\xe9", 400),
        ("GET", "*", 405),
    ],
)
def test_target_that_no_route_gets_to_see_is_refused(method, target, status):
    with pytest.raises(TargetError) as refused:
        path_of(method, target)
    assert refused.value.status == status


@pytest.mark.parametrize(
    ("path", "parameters"),
    [
        ("/api", {}),
        ("/api/", {}),
        ("/api/a", {"path": "a"}),
        ("/api/a/", {"path": "a/"}),
        ("/api/a//b", {"path": "a//b"}),
        ("/api//a", None),
        ("/api//", None),
        ("//api/a", None),
    ],
)
def test_empty_segment_is_matched_only_once_a_catch_all_has_begun(path, parameters):
    assert Route.parse("api/{*path}").match("GET", path) == parameters


@pytest.mark.parametrize(("path", "fits"), [("/a/1", True), ("/a/1/", True), ("/a/1//", False), ("/a//", False)])
def test_one_slash_at_the_end_is_forgiven(path, fits):
    assert (Route.parse("a/{id}").match("GET", path) is not None) == fits


@pytest.mark.parametrize("length", [8_191, 8_192, 8_193])
def test_request_line_over_8192_bytes_is_414(host, length):
    target = "/api/orders/".ljust(length - len("GET  HTTP/1.1\r\n"), "x")
    assert sent(host, "GET", target)[0] == (200 if length <= 8_192 else 414)


def test_headers_over_32_kilobytes_are_431(host):
    parts = [f"x-{number}: {'x' * 1_000}" for number in range(33)]
    assert sent(host, "GET", "/api/status", *parts[:31])[0] == 200
    assert sent(host, "GET", "/api/status", *parts)[0] == 431
    assert sent(host, "GET", "/api/status", *(f"y-{number}: z" for number in range(101)))[0] == 431


def test_preflight_is_204_without_allow_headers_on_any_path(host):
    asking = ("Origin: https://shop.test", "Access-Control-Request-Method: POST")
    for target in ("/api/orders", "/", "/nowhere"):
        assert sent(host, "OPTIONS", target, *asking) == (204, b"")
    assert sent(host, "OPTIONS", "/api/orders", asking[0])[0] == 200


def test_second_function_with_the_same_route_and_method_is_in_error_and_all_others_run(tmp_path):
    functions = {
        "second": ("Things", ["GET", "POST"]),
        "first": ("things", ["POST"]),
        "other": ("things", ["PUT"]),
        "unreadable": ("{id", ["PUT"]),
    }
    with FunctionsHost(app_with(tmp_path, functions), workers=0) as host:
        assert sent(host, "POST", "/api/things") == (200, b"first")
        assert sent(host, "PUT", "/api/things") == (200, b"other")
        assert sent(host, "GET", "/api/things")[0] == 404
        assert "The 'second' function is in error: its route conflicts with that of 'first'" in host.log_text()
        assert "The 'unreadable' function is in error: route 'api/{id'" in host.log_text()
