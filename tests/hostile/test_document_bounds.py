"""Extreme configurations and model.json take little memory and time, or are refused; each in a process of its own."""

import json
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.hostile.bounds_documents import CONFIGURATIONS, MODELS

REPOSITORY = Path(__file__).parents[2]
# Of 300. A forked process may count some 10 MB less than one that loads everything itself.
PEAK_MB = 285
CPU_SECONDS = 10

CONFIGURATION_CODES = {"good": "", "too large": "configuration_too_large"}
MODEL_CODES = {
    **dict.fromkeys(("good", "fewer partitions", "attributes", "annotations"), ""),
    **dict.fromkeys(("too large", "partitions", "numbers"), "model_json_too_large"),
    "entities that are none": "model_json_invalid",
}


# Like others in what takes their memory.
ALIKE = ("fewer unknown keys", "roles", "exports to be told of", "fewer partitions", "annotations")


def cases(kind: Iterable[str]) -> list[Any]:
    """All of them, those that are like others in `make test-full` alone."""
    return [pytest.param(name, marks=pytest.mark.full) if name in ALIKE else name for name in kind]


def read(forked: list[str], kind: str, case: str) -> dict[str, Any]:
    found = subprocess.run(
        [*forked, "tests.hostile.bounds_documents", kind, case],
        capture_output=True,
        text=True,
        check=True,
        cwd=REPOSITORY,
    )
    result: dict[str, Any] = json.loads(found.stdout)
    assert result["peak_mb"] < PEAK_MB, result
    assert result["cpu_seconds"] < CPU_SECONDS, result
    return result


@pytest.mark.parametrize("case", cases(CONFIGURATIONS))
def test_extreme_configuration_takes_little_memory(forked: list[str], case: str) -> None:
    found = read(forked, "configuration", case)
    assert found["code"] == CONFIGURATION_CODES.get(case, "configuration_invalid")
    assert found["found"] == (5_000 if case == "good" else 0)
    assert found.get("words", 0) < 5_000, "an error is a few lines, however many faults there are"


@pytest.mark.parametrize("case", cases(MODELS))
def test_extreme_model_json_takes_little_memory(forked: list[str], case: str) -> None:
    found = read(forked, "model", case)
    assert found["code"] == MODEL_CODES[case]
    assert case != "good" or found["found"] > 50_000
