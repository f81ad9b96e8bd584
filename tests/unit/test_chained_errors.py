"""No error of the product carries another one along: that one may quote what somebody typed."""

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


def product() -> Iterator[tuple[Path, ast.AST]]:
    for folder in ("shared", "export_trigger", "export_worker", "timer_export", "blob_export"):
        for path in sorted((REPOSITORY / folder).rglob("*.py")):
            yield path.relative_to(REPOSITORY), ast.parse(path.read_bytes())


def chained(tree: ast.AST) -> list[int]:
    """Lines that chain an error to another one."""
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Raise)
        and node.cause is not None
        and not (isinstance(node.cause, ast.Constant) and node.cause.value is None)
    ]


def quoting(tree: ast.AST) -> list[int]:
    """Lines that put a pydantic error's own words, which quote the input, into a text."""
    return [
        inner.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler) and node.type is not None and "ValidationError" in ast.dump(node.type)
        for inner in ast.walk(node)
        if _is_text_of(inner, node.name)
    ]


def _is_text_of(node: ast.AST, name: str | None) -> bool:
    if isinstance(node, ast.FormattedValue):
        return isinstance(node.value, ast.Name) and node.value.id == name
    is_text = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("str", "repr")
    return is_text and any(isinstance(each, ast.Name) and each.id == name for each in getattr(node, "args", []))


def raw_words(tree: ast.AST) -> list[int]:
    """Lines that show a value with `!r` and do not ask `shown` whether it may be."""
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.FormattedValue)
        and node.conversion == ord("r")
        and not (isinstance(node.value, ast.Call) and getattr(node.value.func, "id", "") == "shown")
    ]


def test_no_error_of_the_product_is_chained_to_another_one() -> None:
    assert [f"{path}:{line}" for path, tree in product() for line in chained(tree)] == []


def test_no_text_is_made_from_an_error_of_pydantic() -> None:
    assert [f"{path}:{line}" for path, tree in product() for line in quoting(tree)] == []


def test_no_word_that_somebody_typed_is_shown_as_it_is() -> None:
    typed_here = ("shared/config", "shared/administration", "shared/settings.py", "export_trigger")
    found = [
        f"{path}:{line}" for path, tree in product() if str(path).startswith(typed_here) for line in raw_words(tree)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("find", "code"),
    [
        (chained, "try:\n  f()\nexcept ValueError as error:\n  raise KeyError from error"),
        (quoting, "try:\n  f()\nexcept ValidationError as error:\n  raise KeyError(f'x {error}') from None"),
        (quoting, "try:\n  f()\nexcept (ValidationError, KeyError) as error:\n  log(str(error))"),
        (raw_words, "f'{name!r}'"),
    ],
)
def test_these_looks_find_what_they_are_for(find: Callable[[ast.AST], list[int]], code: str) -> None:
    assert len(find(ast.parse(code))) == 1
