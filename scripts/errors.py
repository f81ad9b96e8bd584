"""Writes docs/errors.md again, from the calls that make errors: `python -m scripts.errors`."""

import ast
import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path

from shared.administration.items import CORRECT_IT

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "errors.md"
FOLDERS = ("shared", "export_trigger", "timer_export", "blob_export", "export_worker")
_MAKERS = re.compile(r"\w*Error|__init__|AccessDenied|Problem|Why")
_CODE = re.compile(r"[a-z]+(_[a-z]+)*")
# A form's fault is shown as its sentence alone, without the code that pydantic wants.
_NO_ERRORS = {"PydanticCustomError"}
# What makes the error for faults of what was sent, of one sentence or a list of them, unless it is given a code.
_FAULTS = {"wrong_form": "body_invalid", "InvalidInput": "not_possible", "NoSuchList": "not_possible"}

_PAGE = """\
# Error codes

Made from the code by `python -m scripts.errors`; a test fails when the two differ.

A code stands in a run's `error`, in `why_not_running`, in a problem's `type` ([api.md](api.md#errors)), in the log and
in traces. Programs may rely on it; the sentences may change. "…" stands for a name or a number.
[reliability.md](reliability.md) says what the app does about the important ones.

| code | says | what to do |
|---|---|---|
{rows}
"""


def errors_page() -> str:
    """The text of docs/errors.md."""
    rows: dict[str, tuple[list[str], list[str]]] = {}
    for code, message, advice in sorted(_found()):
        messages, advices = rows.setdefault(code, ([], []))
        messages += [message] if message and message not in messages else []
        advices += [advice] if advice and advice not in advices else []
    lines = [
        f"| `{code}` | {'<br>'.join(messages)} | {'<br>'.join(advices)} |" for code, (messages, advices) in rows.items()
    ]
    return _PAGE.format(rows="\n".join(lines))


def _found() -> Iterator[tuple[str, str, str]]:
    """Code, message and advice of each call that makes an error. What is not written out there is left empty."""
    for path in sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                yield from _faults(node)
                messages, advices, *_ = [*map(_texts, node.args[1:3]), [""], [""]]
                yield from product(_codes(node), messages, advices)


def _faults(call: ast.Call) -> Iterator[tuple[str, str, str]]:
    code = _FAULTS.get(_name(call))
    if code is None or not call.args:
        return
    sentences, *others = call.args
    if others and isinstance(others[0], ast.Constant):
        code = str(others[0].value)
    for sentence in sentences.elts if isinstance(sentences, ast.List) else [sentences]:
        text = _text(sentence)
        yield code, f"{text}." if text.strip("…") else "", CORRECT_IT


def _name(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else str(getattr(call.func, "id", ""))


def _codes(call: ast.Call) -> list[str]:
    name = _name(call)
    if not call.args or not _MAKERS.fullmatch(name) or name in _NO_ERRORS:
        return []
    match call.args[0]:
        case ast.Constant(str() as code):
            codes = [code]
        # What Brevo makes as files shares its errors, each under the name of its kind.
        case ast.JoinedStr([ast.FormattedValue(ast.Attribute(attr="kind")), ast.Constant(str() as ending)]):
            codes = [f"{kind}{ending}" for kind in ("export", "report")]
        case _:
            codes = []
    return [code for code in codes if _CODE.fullmatch(code)]


def _texts(node: ast.expr) -> list[str]:
    """One text, or where the code decides, each."""
    return [*_texts(node.body), *_texts(node.orelse)] if isinstance(node, ast.IfExp) else [_text(node)]


def _text(node: ast.expr) -> str:
    """The text as people get it, with "…" for what is put in; empty where it is made elsewhere."""
    if isinstance(node, ast.JoinedStr):
        parts = [str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values]
    else:
        parts = [node.value] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []
    return re.sub("…{2,}", "…", "".join(parts)).replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    PAGE.write_text(errors_page(), encoding="utf-8")
