"""No file is too long, no function too branched: neither of the product nor of its tests and tools."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
MOST_LINES = 350
MOST_COMPLEXITY = 8
CODE = ("shared", "export_trigger", "timer_export", "blob_export", "export_worker")
AROUND_IT = ("tests", "local", "benchmarks", "scripts", "infra", "simulation")


def python_files() -> Iterator[Path]:
    yield ROOT / "function_app.py"
    for folder in (*CODE, *AROUND_IT):
        yield from sorted((ROOT / folder).rglob("*.py"))


def test_no_python_file_is_longer_than_350_lines() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_bytes().splitlines()) for path in python_files()}
    assert len(lengths) > 300
    assert {name: lines for name, lines in lengths.items() if lines > MOST_LINES} == {}


def test_no_function_is_more_complex_than_8_for_ruff_which_leaves_out_no_file() -> None:
    rules = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["ruff"]
    lint = rules["lint"]
    assert "C90" in lint["select"]
    assert lint["mccabe"]["max-complexity"] <= MOST_COMPLEXITY
    ignored = [*lint["ignore"], *(rule for left_out in lint["per-file-ignores"].values() for rule in left_out)]
    assert [rule for rule in ignored if rule.startswith("C9") or rule in ("C", "ALL")] == []
    assert rules["extend-exclude"] == [".local"]
    noqa, all_rules = "noqa: " + "C901", "ruff: " + "noqa\n"
    texts = {path: path.read_text(encoding="utf-8") for path in python_files()}
    assert [str(path) for path, text in texts.items() if noqa in text or all_rules in text] == []


def test_what_several_tests_need_stands_in_no_file_of_tests() -> None:
    taken = re.compile(r"^from tests\.(\w+\.)*test_\w+ ", re.MULTILINE)
    files = (ROOT / "tests").rglob("*.py")
    assert [str(path.relative_to(ROOT)) for path in files if taken.search(path.read_text(encoding="utf-8"))] == []
