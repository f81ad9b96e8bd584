"""Reads the code's syntax and the text of Bicep."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
INFRA = ROOT / "infra"
TRIGGERS = ("export_trigger", "timer_export", "blob_export", "export_worker")


def modules() -> Iterator[Path]:
    yield ROOT / "function_app.py"
    for folder in ("shared", *TRIGGERS):
        yield from sorted((ROOT / folder).rglob("*.py"))


def nodes[Node: ast.AST](kind: type[Node]) -> Iterator[Node]:
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, kind):
                yield node


def constant(node: ast.AST | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def bicep(name: str) -> str:
    return (INFRA / name).read_text(encoding="utf-8")


def bicep_files() -> list[str]:
    return [str(path.relative_to(INFRA)) for path in sorted(INFRA.rglob("*.bicep"))]
