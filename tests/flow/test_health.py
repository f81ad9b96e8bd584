"""`GET health` says that the app is up; with `deep=1` it reads from storage and says what it found."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from export_trigger.openapi import openapi_document
from shared.errors import ConfigurationError, TransientError
from shared.operating import health
from shared.version import VERSION
from tests.flow.asking import ROUTES
from tests.flow.described import check_described

PARTS = ["tables", "queues", "blobs", "configuration", "segments"]


def test_health_reads_nothing_unless_it_is_asked_to(asked, monkeypatch):
    monkeypatch.setattr(asked.flow.app.storage.runs, "get", None)
    answer = asked("health")
    assert (answer.status_code, json.loads(answer.get_body())) == (200, {"status": "ok", "version": VERSION})


def test_deep_health_names_each_part_of_storage(asked):
    answer = asked("health", params={"deep": "1"})
    check_described(ROUTES["health"], answer)
    steps = json.loads(answer.get_body())["steps"]
    assert [(step["step"], step["ok"]) for step in steps] == [(part, True) for part in PARTS]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (TransientError("storage_unreachable", "Storage did not answer for table runs."), "Storage does not answer."),
        (ConfigurationError("storage_denied", "Storage denied access to table runs."), "cannot be used: `segment-exp"),
    ],
)
def test_deep_health_says_which_part_of_storage_fails(asked, monkeypatch, error, message):
    def fails(*_):
        raise error

    monkeypatch.setattr(asked.flow.app.storage.runs, "get", fails)
    answer = asked("health", params={"deep": "1"})
    check_described(ROUTES["health"], answer)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
    found = json.loads(answer.get_body())
    assert found["title"] == "Storage cannot be used for: tables."
    assert message in found["steps"][0]["message"]
    assert [step["ok"] for step in found["steps"]] == [False, True, True, True, True]
    assert "runs" not in answer.get_body().decode().replace("for storage", "")


def test_deep_health_does_not_blame_storage_for_a_broken_configuration(asked):
    app = asked.flow.app
    app.storage.app_blobs.write(*app.settings.export_config.split("/"), b"{")
    answer = asked("health", params={"deep": "1"})
    check_described(ROUTES["health"], answer)
    found = json.loads(answer.get_body())
    assert answer.status_code == 503
    assert found["type"].endswith("configuration_unreadable")
    assert found["title"] == "The configuration cannot be read: no export is started."
    steps = {step["step"]: step for step in found["steps"]}
    assert [name for name in PARTS if not steps[name]["ok"]] == ["configuration"]
    assert steps["configuration"]["message"] == "It cannot be read: `segment-export validate` says why."
    assert steps["segments"]["message"].startswith("Not checked, since the configuration cannot be read")


def test_deep_takes_0_and_1_only(asked):
    assert asked("health", params={"deep": "yes"}).status_code == 400
    assert asked("health", params={"deep": "0"}).status_code == 200
    (deep,) = openapi_document()["paths"]["/health"]["get"]["parameters"]
    assert deep["schema"]["enum"] == ["0", "1"]


def test_each_answer_ends_its_line(asked):
    for answer in (asked("health"), asked("health", params={"deep": "yes"})):
        assert answer.get_body().endswith(b"}\n")
        json.loads(answer.get_body())


def test_deep_health_that_is_asked_again_and_at_once_reads_storage_once(asked, monkeypatch):
    reads, real = [], asked.flow.app.storage.segment_blobs.listing

    def listing(*arguments):
        reads.append(arguments)
        time.sleep(0.05)
        return real(*arguments)

    monkeypatch.setattr(asked.flow.app.storage.segment_blobs, "listing", listing)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: asked("health", params={"deep": "1"}), range(20)))
    assert {(answer.status_code, answer.get_body()) for answer in answers} == {(200, answers[0].get_body())}
    assert len(reads) == len(set(reads)) > 0


def test_deep_health_reads_storage_again_after_ten_seconds(asked, monkeypatch):
    now = 1_000_000_000.0
    monkeypatch.setattr(health, "time", SimpleNamespace(monotonic=lambda: now))
    assert asked("health", params={"deep": "1"}).status_code == 200
    monkeypatch.setattr(asked.flow.app.storage.runs, "get", fails)
    now += 9.9
    assert asked("health", params={"deep": "1"}).status_code == 200
    now += 0.2
    assert asked("health", params={"deep": "1"}).status_code == 503


def fails(*_):
    raise TransientError("storage_unreachable", "Storage did not answer for table runs.")
