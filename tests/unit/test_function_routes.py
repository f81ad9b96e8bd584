"""Each HTTP function is reached by its own route on a host that tries functions in the order of their names."""

import re
from datetime import UTC, datetime

import azure.functions as func
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from function_app import app
from local.functions_host.routes import Route, upper_ascii
from local.functions_host.targets import path_of
from shared.config.base import Id
from shared.runs.run_ids import is_run_id, new_run_id, run_address

PREFIX = "api"


def http_functions(functions):
    """(name, route, method) in the order in which the host tries them; method "" takes all."""
    triggers = []
    for function in functions:
        trigger = function.get_trigger().get_dict_repr()
        if trigger["type"].lower() != "httptrigger":
            continue
        name = function.get_function_name()
        methods = [str(getattr(method, "value", method)) for method in trigger.get("methods") or [""]]
        triggers += [(name, f"{PREFIX}/{trigger.get('route', name)}", method) for method in methods]
    return sorted(triggers, key=lambda each: upper_ascii(each[0]))


def reached(functions, method, path):
    routes = ((name, Route.parse(route, [own] if own else [])) for name, route, own in functions)
    return next((name for name, route in routes if route.match(method, path) is not None), None)


FUNCTIONS = http_functions(app.get_functions())


def test_app_has_its_http_functions():
    assert len({name for name, _, _ in FUNCTIONS}) >= 31


@pytest.mark.parametrize(("name", "route", "method"), FUNCTIONS)
def test_function_is_reached_by_its_own_route(name, route, method):
    path = re.sub(r"\{\*?\w+\}", "x1", f"/{route}")
    assert reached(FUNCTIONS, method or "GET", path) == name


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("POST", "/api/exports/preview", "preview_unsaved"),
        ("POST", "/api/exports/preview/preview", "preview_export"),
        ("GET", "/api/exports/preview", "show_export"),
        ("DELETE", "/api/exports/preview", "remove_export"),
        ("GET", "/api/connections/lists", "show_connection"),
        ("GET", "/api/connections/lists/lists", "list_lists"),
        ("POST", "/api/history/20261124T050312.123456-a1b2c3/restore", "restore_version"),
    ],
)
def test_literal_part_of_a_route_and_an_id_of_the_same_name_do_not_collide(method, path, name):
    assert reached(FUNCTIONS, method, path) == name


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/api/nothing"), ("PATCH", "/api/exports"), ("PROPFIND", "/api/runs/1"), ("GET", "/api")],
)
def test_what_no_route_takes_reaches_the_function_behind_all_others(method, path):
    assert reached(FUNCTIONS, method, path) == FUNCTIONS[-1][0] == "zz_unknown_path"


def test_catch_all_with_a_name_in_the_middle_would_be_noticed():
    other = func.FunctionApp()
    for name, route in (("not_there", "{*path}"), ("health", "health"), ("webhook", "webhook")):

        def answer(req: func.HttpRequest) -> str:
            return ""

        answer.__name__ = name
        other.route(route=route)(answer)
    functions = http_functions(other.get_functions())
    assert reached(functions, "GET", "/api/health") == "health"
    assert reached(functions, "GET", "/api/webhook") == "not_there"


@given(st.from_regex(r"[a-z0-9]([a-z0-9-]{0,48}[a-z0-9])?", fullmatch=True))
@settings(deadline=None)
def test_id_that_is_taken_reaches_its_function_unchanged(name):
    assert TypeAdapter(Id).validate_python(name) == name
    run_id = new_run_id(name, datetime(2026, 11, 24, tzinfo=UTC))
    assert is_run_id(run_id)
    for template, value in (("connections/{id}", name), ("exports/{id}/runs", name), ("runs/{id}", run_id)):
        path = path_of("GET", f"/api/{template.format(id=value)}")
        assert Route.parse(f"api/{template}").match("GET", path) == {"id": value}


def test_no_two_functions_have_the_same_route_and_method():
    routes = [Route.parse(route, [method] if method else []) for _, route, method in FUNCTIONS]
    for index, route in enumerate(routes):
        assert not any(route.conflicts_with(other) for other in routes[:index])


def test_newer_run_of_an_export_comes_first_also_within_a_second():
    times = [datetime(2026, 11, 24, 5, 0, second, place * 50_000, UTC) for second in (0, 1) for place in range(20)]
    keys = [run_address(new_run_id("gold", time))[1] for time in times]
    assert keys == sorted(keys, reverse=True)
