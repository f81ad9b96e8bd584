"""Only `shared/storage` tries a conditional write again; everybody else calls `change`, `take` or `change_blob`.

A loop of tries that is written once more by hand forgets the lost answer, the bound, or the error at its end.
"""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("shared", "export_trigger", "timer_export", "blob_export", "export_worker")
CONFLICTS = {"Conflict", "ResourceExistsError", "ResourceModifiedError"}
CONDITIONAL_WRITES = {"write_if", "copy_if", "insert", "replace", "save", "transact"}
COUNTERS = {"range", "count", "repeat", "retry_context"}


def name_of(node: ast.AST) -> str:
    if isinstance(node, ast.Call):
        return name_of(node.func)
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def is_loop_of_tries(node: ast.AST) -> bool:
    """A loop that does not go over things, and in which a conflict is met or a conditional write is made."""
    is_counted = isinstance(node, ast.For) and name_of(node.iter) in COUNTERS and not has_step(node.iter)
    if not is_counted and not isinstance(node, ast.While):
        return False
    return any(meets_conflict(inside) or writes(inside) for inside in ast.walk(node))


def has_step(call: ast.AST) -> bool:
    """True for a `range` that goes over a list part by part."""
    return isinstance(call, ast.Call) and len(call.args) == 3


def meets_conflict(node: ast.AST) -> bool:
    if not isinstance(node, ast.ExceptHandler) or node.type is None:
        return False
    return bool(CONFLICTS & {name_of(each) for each in ast.walk(node.type)})


def writes(node: ast.AST) -> bool:
    """Also a method of tables and blobs alone: `replace` of a text or a dataclass is something else."""
    if not isinstance(node, ast.Call) or name_of(node) not in CONDITIONAL_WRITES:
        return False
    owner = name_of(node.func.value) if isinstance(node.func, ast.Attribute) else ""
    return owner.strip("_") in {"table", "blobs", "accounts", "runs", "batches", "events", "notices", "app_blobs"}


def retries_conflicts(node: ast.AST) -> bool:
    """A library's retry, told to go on at a conflict."""
    is_retry = isinstance(node, ast.Call) and name_of(node) in {"retry", "retry_context"}
    return is_retry and bool(CONFLICTS & {name_of(inside) for inside in ast.walk(node)})


def loops_of_tries(text: str) -> list[int]:
    return [node.lineno for node in ast.walk(ast.parse(text)) if is_loop_of_tries(node) or retries_conflicts(node)]


def test_nobody_outside_storage_tries_a_conditional_write_again():
    files = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
    outside = [path for path in files if path.parent != ROOT / "shared/storage"]
    assert len(outside) > 100
    found = {str(path.relative_to(ROOT)): loops_of_tries(path.read_text(encoding="utf-8")) for path in outside}
    assert {name: lines for name, lines in found.items() if lines} == {}


def test_loops_of_the_wrappers_themselves_are_found():
    inside = {name: loops_of_tries((ROOT / f"shared/storage/{name}.py").read_text()) for name in WRAPPERS}
    assert {name: len(lines) for name, lines in inside.items()} == WRAPPERS


WRAPPERS = {"tables": 2, "blob_changes": 1}


@pytest.mark.parametrize(
    "text",
    [
        "for _ in range(5):\n  try:\n    f()\n  except Conflict:\n    continue",
        "for _ in range(5):\n  try:\n    f()\n  except (NotFound, failures.Conflict):\n    pass",
        "while True:\n  try:\n    f()\n  except ResourceModifiedError:\n    pass",
        "while not done:\n  done = app.storage.accounts.save(row)",
        "for n in itertools.count():\n  self._blobs.write_if(a, b, c, d)",
        "@stamina.retry(on=Conflict)\ndef f(): ...",
    ],
)
def test_each_form_of_such_a_loop_is_found(text):
    assert loops_of_tries(text)


@pytest.mark.parametrize(
    "text",
    [
        "for row in rows:\n  try:\n    table.save(row)\n  except Conflict:\n    continue",
        "for first in range(0, len(rows), 100):\n  self._batches.transact(rows[first:first + 100])",
        "while text:\n  text = text.replace('a', 'b')",
        "try:\n  f()\nexcept Conflict:\n  pass",
    ],
)
def test_loop_over_things_and_a_single_try_are_none(text):
    assert not loops_of_tries(text)
