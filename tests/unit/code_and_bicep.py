"""Reads the code's syntax and the text of Bicep."""

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
INFRA = ROOT / "infra"
TRIGGERS = ("export_trigger", "timer_export", "blob_export", "export_worker")


def modules() -> Iterator[Path]:
    yield ROOT / "function_app.py"
    for folder in ("shared", *TRIGGERS):
        yield from sorted((ROOT / folder).rglob("*.py"))


@functools.cache
def all_nodes() -> list[ast.AST]:
    return [node for path in modules() for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))]


def nodes[Node: ast.AST](kind: type[Node]) -> Iterator[Node]:
    return (node for node in all_nodes() if isinstance(node, kind))


def constant(node: ast.AST | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def bicep(name: str) -> str:
    return (INFRA / name).read_text(encoding="utf-8")


def bicep_files() -> list[str]:
    return [str(path.relative_to(INFRA)) for path in sorted(INFRA.rglob("*.bicep"))]
