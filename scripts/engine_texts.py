"""What the engine says, as patterns, for the catalogues of the pages (scripts/texts.py).

A pattern is a sentence, or a part of one, with a name in braces for each value. They are read from the code, so that
nobody keeps them by hand. `export_trigger/pages/said.py` tells sentences apart, and finds a text again by its pattern.
"""

import ast
import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path

from export_trigger.pages.said import ONE_WORD, PLACE, sentences_of
from export_trigger.pages.said_words import OWN_WORDS

ROOT = Path(__file__).resolve().parents[1]
# What no page ever shows: the terminal, messages to Teams and others, traces, and what only operators' tools say.
_ELSEWHERE = (
    "shared/cli/",
    "shared/telemetry/",
    "shared/notices/formats.py",
    "shared/notices/notice.py",
    "shared/notices/words.py",
    "shared/operating/elsewhere.py",
    "shared/operating/forgetting.py",
    "shared/operating/health.py",
    "shared/operating/probe",
    "shared/operating/releasing.py",
    "shared/operating/replaying.py",
    "shared/runs/measuring.py",
)
# Expressions of SQL, and words of other languages.
_NO_WORDS = tuple(
    f"shared/mapping/{name}.py"
    for name in (
        *(
            "compared",
            "comparing",
            "customers",
            "date_rule",
            "dedupe",
            "email_rule",
            "excluded",
            "known",
            "leavers",
            "option_rule",
        ),
        *("phone_patterns", "phone_rule", "proposal"),
    )
)
_OF_PAGES = (
    "answers.py",
    *(f"pages/{name}.py" for name in ("export_fields", "export_form", "files", "service", "site", "token", "visit")),
)
# Calls whose texts are for the API's description or the log, or are patterns themselves.
_NO_TEXTS = {"Field", "N_", "compile", "debug", "info", "warning", "error", "exception", "log"}
_CODE = re.compile(
    r"\b(SELECT|FROM|CREATE|INSERT|UPDATE|WHEN|CASE|COPY|JOIN|UNION|DESCRIBE|NULL|BETWEEN|ORDER BY|U?BIGINT)\b"
    r"|\bAS [a-z]|[|:]{2}| \| None|%s|\b(eq|ge|lt) @|\w\([\w'{*(]|\w\[\w|\w > \{|=\{|^[:\"^']|^\('|^application/"
    r"|^(SET|POST|DELETE|attachment;) "
)
_WORD = re.compile(r"\b(?!The\b)[A-Za-z']{2,}")
# A fault of the configuration begins with its field, which pages say by its label.
_FIELD = re.compile(r"^(?:[a-z_.]+|\{path\}|\{whole\}): (?=.)")
_BLANK = re.compile(r"\S \S")
_MOST_BRANCHES = 3
_FEWEST_LETTERS = 8
_FEWEST_AFTER_BEGIN = 3

Text = str | tuple[str, str]


def engine_texts() -> list[Text]:
    """Each pattern once; of what is counted, the form of one and of several."""
    known: dict[Text, Text] = {}
    for path in _files():
        for found in patterns(ast.parse(path.read_text(encoding="utf-8"))):
            shape = PLACE.sub("{}", found) if isinstance(found, str) else found
            known.setdefault(shape, found)
    return [found for found in known.values() if found not in OWN_WORDS]


def stale_own_words() -> set[str]:
    """The patterns with words of the pages that the engine says no more."""
    return set(OWN_WORDS) - {found for path in _files() for found in patterns(ast.parse(path.read_text("utf-8")))}


def _files() -> list[Path]:
    pages = [ROOT / "export_trigger" / name for name in _OF_PAGES]
    engine = (path for path in (ROOT / "shared").rglob("*.py"))
    shown = (path for path in engine if not path.relative_to(ROOT).as_posix().startswith((*_ELSEWHERE, *_NO_WORDS)))
    return sorted([*pages, *shown])


def patterns(tree: ast.AST) -> Iterator[Text]:
    """What the code says, in the order of `ast.walk`."""
    passed_over = set(_passed_over(tree))
    for node in ast.walk(tree):
        if id(node) in passed_over:
            continue
        if isinstance(node, ast.Call) and (counted := _counted(node)):
            yield counted
        for text in _texts(node):
            if not _CODE.search(text):
                yield from filter(_says_something, (_FIELD.sub("", each) for each in sentences_of(text)))


def _passed_over(tree: ast.AST) -> Iterator[int]:
    """Nodes that hold no text for people, and those whose text stands in a node around them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield id(node.value)
        elif isinstance(node, ast.Call) and _called(node) in _NO_TEXTS:
            yield from map(id, ast.walk(node))
        elif isinstance(node, ast.JoinedStr):
            for part in node.values:
                yield id(part)
                if isinstance(part, ast.FormattedValue):
                    yield id(part.format_spec)
                    if len(_choices(part, [])) > 1:
                        yield from map(id, ast.walk(part))


def _called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _counted(call: ast.Call) -> tuple[str, str] | None:
    """The forms of what a call of `counted` counts."""
    words = [str(each.value) for each in call.args[1:] if isinstance(each, ast.Constant)]
    if _called(call) != "counted" or not words:
        return None
    return f"%(num)s {words[0]}", f"%(num)s {words[1] if len(words) > 1 else f'{words[0]}s'}"


def _texts(node: ast.AST) -> Iterator[str]:
    """The text of a node, with its values in braces: one for each choice between two words that it makes."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield _braced(node.value)
    elif isinstance(node, ast.JoinedStr):
        names: list[str] = []
        choices = [_choices(part, names) for part in node.values]
        if sum(len(each) > 1 for each in choices) > _MOST_BRANCHES:
            raise ValueError(f"line {node.lineno} makes too many choices in one text")
        # What follows another value is found by sentences, so that one place is enough for both.
        yield from (re.sub(r"(\{\w+\}) \{\w+\}$", r"\1", "".join(parts)) for parts in product(*choices))


def _choices(part: ast.expr, names: list[str]) -> list[str]:
    match part:
        case ast.Constant(value=str(text)):
            return [_braced(text)]
        case ast.FormattedValue(
            value=ast.IfExp(body=ast.Constant(value=str(one)), orelse=ast.Constant(value=str(other)))
        ):
            return [one, other]
        case ast.FormattedValue(value=value):
            name = _name(value)
            names.append(next(each for each in (name, *(f"{name}{n}" for n in range(2, 99))) if each not in names))
            return [f"{{{names[-1]}}}"]
    return [""]


def _braced(text: str) -> str:
    """A text whose own braces, such as those of JSON, are a place as well."""
    return re.sub(r"\{[^{}]*\}|[{}]", lambda found: "{written}" * (len(found[0]) > 1), text)


def _name(node: ast.expr) -> str:
    """A name for a value, as far as the code gives it one."""
    match node:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name.strip("_").lower()
        case ast.GeneratorExp(generators=[ast.comprehension(iter=inner), *_]):
            return _name(inner)
        case ast.Call(func=ast.Name(id="map"), args=[_, inner, *_]) | ast.Call(args=[inner, *_]):
            return _name(inner)
        case ast.Subscript(slice=ast.Constant(value=str(key))):
            return key
        case (
            ast.Call(func=inner)
            | ast.Subscript(value=inner)
            | ast.BinOp(left=inner)
            | ast.IfExp(test=inner)
            | ast.Compare(left=inner)
            | ast.JoinedStr(values=[ast.FormattedValue(value=inner), *_])
        ):
            return _name(inner)
    return "value"


def _says_something(text: str) -> bool:
    """Whether there are words enough to know the text again by, above all at its begin."""
    words = _WORD.findall(PLACE.sub(" ", text))
    letters = sum(map(len, words))
    if not words or not _BLANK.search(text):
        return False
    begin = PLACE.match(text)
    if begin and not ONE_WORD.fullmatch(begin[1]):
        return len(words) > 1 and letters >= _FEWEST_LETTERS
    return letters >= _FEWEST_AFTER_BEGIN or (text[0].isupper() and text.endswith("."))
