"""What all tests share: `--slice K/N` runs the K-th of N slices of what is selected, `--core-tools` the tests that
start the whole app, on Azure's own host."""

from __future__ import annotations

import base64
import functools
import gc
import os
import shlex
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from local.azurite import Azurite

TESTS = Path(__file__).parent
# Where the files are that take longest. They start first, so that no worker process ends with one of them alone.
LONGEST_FIRST = ("simulation", "whole", "pages", "faults", "host", "property", "hostile")

# As the set-up of a machine has it; apps that tests start in processes of their own inherit it.
os.environ["APP_SECRET"] = base64.b64encode(b"a secret of 32 bytes, for tests.").decode()

# All that tests talk to is on this machine. Without this, each request looks through the whole environment for proxies.
os.environ["NO_PROXY"] = "127.0.0.1,localhost"

# What people read has the times of the machine.
os.environ["TZ"] = "UTC"
time.tzset()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--core-tools", action="store_true", help="run the tests that start the app, on `func start`")
    parser.addoption("--slice", type=slice_of, metavar="K/N", help="run the K-th of N slices of the selected tests")


@pytest.hookimpl(trylast=True)  # after -m and -k, so that a slice is one of what they leave
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    chosen = list(items)
    if config.getoption("--core-tools"):
        chosen = [item for item in items if "functions_host" in getattr(item, "fixturenames", ())]
        for item in chosen:
            if item.get_closest_marker("stand_in"):
                item.add_marker(pytest.mark.skip(reason=item.get_closest_marker("stand_in").args[0]))
    if wanted := config.getoption("--slice"):
        names = set(in_slice([item.nodeid for item in chosen], *wanted))
        chosen = [item for item in chosen if item.nodeid in names]
    chosen.sort(key=_turn)
    kept = set(chosen)
    if left := [item for item in items if item not in kept]:
        config.hook.pytest_deselected(items=left)
    items[:] = chosen


def pytest_collection_finish() -> None:
    """Keeps the garbage collector off what lasts as long as the process: modules and thousands of collected tests."""
    gc.collect()
    gc.freeze()


def pytest_sessionfinish() -> None:
    """Libraries complain at the end of the process of objects that they find in no collection."""
    gc.unfreeze()


def _turn(item: pytest.Item) -> int:
    return _turn_of(item.path)


@functools.cache
def _turn_of(file: Path) -> int:
    folder = file.relative_to(TESTS).parts[0]
    return LONGEST_FIRST.index(folder) if folder in LONGEST_FIRST else len(LONGEST_FIRST)


def slice_of(text: str) -> tuple[int, int]:
    """Reads `K/N`. Raises ValueError, which pytest shows as wrong use."""
    number, count = (int(part) for part in text.split("/"))
    if not 1 <= number <= count:
        raise ValueError(f"{text} is no slice: K/N wants 1 <= K <= N")
    return number, count


def in_slice(names: Sequence[str], number: int, count: int) -> list[str]:
    """Every `count`-th name in the order of the alphabet: slices differ by one test at most, and none is in two."""
    return sorted(names)[number - 1 :: count]


@pytest.fixture(scope="session")
def azurite() -> Iterator[Azurite]:
    """One storage emulator for all tests of a worker process. They share it: each takes names of its own."""
    from local.azurite import Azurite  # not needed to collect

    with Azurite(in_memory=True) as storage:
        yield storage


@pytest.fixture(scope="session")
def forked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """What a command line begins with in place of `python -m`, where the start of Python is not what is tested.

    Once it is there, the functions hosts and sandboxes of the worker process start in this way, too.
    """
    from local.run_module import RUN_MODULE
    from tests.forked import forking

    with forking(tmp_path_factory.mktemp("forked")) as start, pytest.MonkeyPatch.context() as patch:
        patch.setenv(RUN_MODULE, shlex.join(start))
        yield start


@pytest.fixture(scope="session", autouse=True)
def _one_engine() -> Iterator[None]:
    from shared.mapping import engine
    from tests.one_engine import OneEngine

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "duckdb", OneEngine())
        yield
