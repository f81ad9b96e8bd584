"""Route templates, app settings and host.json are read as Azure reads them."""

import json

import pytest

from local.functions_host.routes import Route, RouteError
from local.functions_host.settings import SettingError, connection_string, read_host_json, resolve


@pytest.mark.parametrize(
    ("template", "path", "found"),
    [
        ("runs/{id}", "/runs/5", {"id": "5"}),
        ("runs/{id}", "/RUNS/a%2Fb", {"id": "a%2Fb"}),
        ("runs/{id}", "/runs", None),
        ("runs/{id}", "/runs/5/6", None),
        ("runs/{id?}", "/runs", {}),
        ("runs/{id:int}", "/runs/x", None),
        (
            "runs/{id:guid}",
            "/runs/0b7ab65e-1d0c-4f43-9f0a-6a4a6a2b6c11",
            {"id": "0b7ab65e-1d0c-4f43-9f0a-6a4a6a2b6c11"},
        ),
        ("runs/{id:guid}", "/runs/5", None),
        ("runs/{id:length(2,3)}", "/runs/abcd", None),
        ("runs/{id:range(1,9)}", "/runs/9", {"id": "9"}),
        ("runs/{id:regex(^[a-z]+$)}", "/runs/abc", {"id": "abc"}),
        ("{*all}", "/a/b", {"all": "a/b"}),
        ("", "/", {}),
    ],
)
def test_template_fits_a_path(template, path, found):
    assert Route.parse(template).match("GET", path) == found


@pytest.mark.parametrize("template", ["{id:unknown}", "a{id}", "{id"])
def test_template_that_cannot_be_read_is_refused(template):
    with pytest.raises(RouteError):
        Route.parse(template)


def test_app_setting_is_put_in_its_place():
    assert resolve("%A%-poison", {"A": "steps"}) == "steps-poison"
    with pytest.raises(SettingError, match="set B in"):
        resolve("%B%", {"A": "x"})


def test_connection_is_found_by_its_name_or_with_the_prefix():
    assert connection_string("S", {"S": "a"}) == "a"
    assert connection_string("S", {"AzureWebJobsS": "b", "S": "a"}) == "b"
    assert connection_string(None, {"AzureWebJobsStorage": "c"}) == "c"
    assert "127.0.0.1:10001" in connection_string("S", {"S": "UseDevelopmentStorage=true"})
    with pytest.raises(SettingError, match="set S in"):
        connection_string("S", {"S__accountName": "identity"})


def test_host_json_is_read_and_the_environment_goes_before_it(tmp_path):
    content = {
        "functionTimeout": "01:00:00",
        "extensions": {
            "queues": {"batchSize": 8, "visibilityTimeout": "00:00:30"},
            "http": {"routePrefix": ""},
        },
    }
    (tmp_path / "host.json").write_text(json.dumps(content))
    settings = read_host_json(tmp_path, {"AzureFunctionsJobHost__extensions__queues__maxDequeueCount": "2"})
    assert settings.function_timeout_seconds == 3600
    assert settings.route_prefix == ""
    assert settings.queues.batch_size == 8
    assert settings.queues.new_batch_threshold == 4
    assert settings.queues.visibility_timeout_seconds == 30
    assert settings.queues.max_dequeue_count == 2


@pytest.mark.parametrize(
    "content", ["", '{"functionTimeout": "soon"}', '{"extensions": {"queues": {"batchSize": 33}}}']
)
def test_host_json_that_cannot_be_used_is_refused(tmp_path, content):
    (tmp_path / "host.json").write_text(content)
    with pytest.raises(SettingError):
        read_host_json(tmp_path, {})


def test_missing_host_json_is_refused(tmp_path):
    with pytest.raises(SettingError, match="is missing"):
        read_host_json(tmp_path, {})
