"""Extreme files take little memory, and time in proportion to their size; each in a process of its own."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.sizes import thinned

REPOSITORY = Path(__file__).parents[2]
# Of 300. A forked process may count some 10 MB less than one that loads everything itself.
PEAK_MB = 285


def read(forked: list[str], case: str, size: int) -> dict[str, Any]:
    found = subprocess.run(
        [*forked, "tests.hostile.bounds_reader", case, str(size)],
        capture_output=True,
        text=True,
        check=True,
        cwd=REPOSITORY,
    )
    result: dict[str, Any] = json.loads(found.stdout)
    assert result["peak_mb"] < PEAK_MB, result
    return result


# Case, a size in megabytes (columns, files) that takes a second or two, and what the file gives.
CASES = [
    ("one_line", 100, {"contact": 2, "malformed_row": 1}, [3]),
    ("one_quoted_line", 70, {"contact": 2, "malformed_row": 1}, [3]),
    ("blank_lines", 100, {"contact": 2, "missing_email": 1}, [100_000_003]),
    ("gzip_bomb", 100, {"contact": 2, "malformed_row": 1}, [3]),
    ("partitions", 1_000, {"contact": 1_000}, []),
    ("many_columns", 5_000, {"contact": 2_500}, []),
]


@pytest.mark.parametrize(("case", "size", "reasons", "lines"), thinned(CASES, 2), ids=[str(case[0]) for case in CASES])
def test_extreme_file_is_read_in_little_memory(
    forked: list[str], case: str, size: int, reasons: dict[str, int], lines: list[int]
) -> None:
    found = read(forked, case, size)
    assert (found["reasons"], found["lines"], found["error"]) == (reasons, lines, "")


@pytest.mark.parametrize(
    ("case", "size", "message"),
    [
        ("open_quote", 100, "quote_open: segments/0.csv, line 3: a quote is opened and never closed"),
        ("many_columns", 50_000, "too_many_columns: segments/0.csv, line 1: 50,000 columns are more than 5,000."),
    ],
)
def test_extreme_file_that_cannot_be_read_is_refused_in_little_memory(
    forked: list[str], case: str, size: int, message: str
) -> None:
    assert read(forked, case, size)["error"].startswith(message)


@pytest.mark.full
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize(
    ("case", "small", "large"),
    [
        ("one_line", 500, 2_000),
        ("one_quoted_line", 70, 280),
        ("blank_lines", 100, 400),
        ("gzip_bomb", 500, 2_000),
        ("partitions", 4_500, 18_000),
        ("bad_bytes", 5, 20),
        ("stray_quotes", 5, 20),
    ],
)
def test_four_times_the_size_takes_four_times_the_time(forked: list[str], case: str, small: int, large: int) -> None:
    # What is not linear takes sixteen times as long; the half second is what starting takes.
    assert read(forked, case, large)["cpu_seconds"] < 6 * read(forked, case, small)["cpu_seconds"] + 0.5
