"""Whatever is wrong in a document is said in our words, with the nearest known name, and none of the value."""

import copy
import json
import re
from functools import cache

import pytest
from pydantic import ValidationError

from shared.administration.items import parse_strictly
from shared.config.document import DocumentError, validated
from shared.config.faults import _SENTENCES, field_problems
from shared.config.models import Connection, Document, Export
from shared.errors import did_you_mean

WHOLE = {
    "connections": [
        {
            "id": "brevo-eu",
            "type": "brevo",
            "display_name": "Brevo",
            "api_key": {"setting": "KEY"},
            "available_to": ["viewer"],
            "consent": {"agreed_by": "Ana", "agreed_on": "2026-11-24"},
            "imports_at_once": 1,
            "import_deadline_hours": 6,
            "date_format": "YYYY-MM-DD",
            "boolean_words": {"true": "Yes", "false": "No"},
            "leavers": "asked",
        }
    ],
    "exports": [
        {
            "id": "gold",
            "display_name": "Gold",
            "connection": "brevo-eu",
            "list_id": 12,
            "source": {
                "container": "crm",
                "folder": "ci/Export",
                "delimiter": ",",
                "escape": '"',
                "gaps_allowed": False,
                "only": [{"column": "Consent", "is": ["yes"]}],
                "date_format": "M/d/yyyy",
                "null_words": ["NULL"],
            },
            "segments": ["Gold"],
            "mapping": {
                "email": "EMail",
                "first_name": {"field": "FirstName", "attribute": "FIRSTNAME", "type": "text"},
                "phone": "Phone",
                "attributes": {"BORN": {"field": "Born", "type": "date", "format": "d.M.yyyy", "time_zone": "UTC"}},
            },
            "default_country": "RO",
            "schedule": {"cron": "0 5 * * *", "time_zone": "UTC"},
            "sync_mode": "full",
            "identify_by": "email",
            "erase_empty": False,
            "max_profiles": 10,
            "max_shrink": 0.5,
        }
    ],
    "notifications": [
        {
            "id": "team",
            "type": "webhook",
            "url": {"setting": "URL"},
            "secret": {"setting": "SECRET"},
            "on": ["failed"],
            "rejected_share": 0.1,
            "exports": ["gold"],
        }
    ],
}
BAD = [
    *(None, True, 7, -1, 1.5, 1e300, float("inf"), float("nan"), 10**40, "9" * 5000),
    *(
        "",
        " ",
        "x",
        "x" * 600,
        "not a name <>",
        "12",
        "0.5x",
        "2026-13-01",
        "2026-11-24T05:00:00",
        "lone \ud800",
        "\x00",
    ),
    *([], [7], ["x"] * 300, {}, {"x": 1}, [{}], [[]]),
]
# What only the library would say.
FOREIGN = re.compile(
    r"Input|should|instance|validation|dictionary|required|Extra|String|List |Value error|unable|pydantic|tuple|Dict"
)


def paths(value, at=()):
    yield at
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from paths(child, (*at, key))


def with_value(path, value):
    """The document with another value at the path."""
    if not path:
        return value
    changed = copy.deepcopy(WHOLE)
    at = changed
    for part in path[:-1]:
        at = at[part]
    at[path[-1]] = value
    return changed


@cache
def all_faults():
    """The lines and kinds of all faults of bad values, read loosely from a file and strictly from a request."""
    documents = [with_value(path, value) for path in paths(WHOLE) for value in BAD]
    documents += [with_value((*path, "unknown"), 1) for path in paths(WHOLE) if isinstance(at(path), dict)]
    lines, kinds = [], set()
    for document in documents:
        for model, read in readings(document):
            try:
                read()
            except ValidationError as error:
                lines += field_problems(error, model)
                kinds |= {each["type"] for each in error.errors()}
    return lines, kinds


def readings(document):
    yield Document, lambda: Document.model_validate(document)
    for kind, model in (("connections", Connection), ("exports", Export)):
        items = document.get(kind) if isinstance(document, dict) else None
        if isinstance(items, list) and items and items[0] != WHOLE[kind][0]:
            yield model, lambda model=model, item=items[0]: model.model_validate_json(json.dumps(item), strict=True)


def at(path):
    value = WHOLE
    for part in path:
        value = value[part]
    return value


def test_the_whole_document_is_right():
    assert validated(WHOLE, "x").exports[0].id == "gold"
    assert parse_strictly(Export, WHOLE["exports"][0]).id == "gold"
    assert parse_strictly(Connection, WHOLE["connections"][0]).id == "brevo-eu"


def test_no_line_about_a_bad_value_has_words_of_the_library():
    lines, _ = all_faults()
    assert len(lines) > 2_000
    assert [line for line in lines if FOREIGN.search(line)] == []
    assert [line for line in lines if "not in a form that is known" in line] == []


def test_every_kind_of_fault_that_the_models_find_has_its_sentence():
    _, kinds = all_faults()
    assert len(kinds) > 20
    assert kinds - {"value_error", "form"} <= set(_SENTENCES)


@pytest.mark.parametrize(
    ("path", "value", "hint"),
    [
        (("exports", 0, "segment"), [], "did you mean segments?"),
        (("exports", 0, "mapping", "firstname"), "F", "did you mean first_name?"),
        (("exports", 0, "mapping", "attributes", "BORN", "formatt"), "F", "did you mean format?"),
        (("exports", 0, "source", "only", 0, "colum"), "F", "did you mean column?"),
        (("exports", 0, "schedule", "timezone"), "UTC", "did you mean time_zone?"),
        (("exports", 0, "sync_mode"), "fulll", "did you mean full?"),
        (("connections", 0, "available_to"), ["admin", "Viewers"], "did you mean viewer?"),
        (("exports", 0, "LIST_ID"), 12, "did you mean list_id?"),
    ],
    ids=str,
)
def test_unknown_key_or_word_has_the_nearest_known_one_beside_it(path, value, hint):
    with pytest.raises(DocumentError) as raised:
        validated(with_value(path, value), "x")
    assert hint in raised.value.problems[-1]


@pytest.mark.parametrize("typed", ["colour", "", "zzz", "e" * 100_000])
def test_name_that_is_near_none_gets_no_hint(typed):
    assert did_you_mean(typed, ["list_id", "segments"]) == ""


@pytest.mark.parametrize("value", [True, "0.5", "100.000", "1_000"])
@pytest.mark.parametrize(
    "path",
    [
        *(("exports", 0, name) for name in ("max_profiles", "max_shrink", "max_removed", "hold_hours")),
        *(("connections", 0, name) for name in ("imports_at_once", "import_deadline_hours")),
        ("notifications", 0, "rejected_share"),
    ],
)
def test_number_of_a_file_is_a_number_too(path, value):
    """`"max_removed": true` would be 1, which removes the guard, and "100.000" a hundred."""
    changed = with_value(path[:-1], {**at(path[:-1]), path[-1]: value})
    with pytest.raises(ValidationError) as caught:
        Document.model_validate(changed)
    (line,) = field_problems(caught.value, Document)
    assert re.fullmatch(r"\w+\[0\]\.\w+: must be a (whole )?number, such as [\d.]+, without quotes", line)


def test_name_of_an_attribute_that_cannot_be_is_said_at_its_own_path():
    changed = with_value(("exports", 0, "mapping", "attributes"), {"FIRST NAME": "First"})
    with pytest.raises(ValidationError) as caught:
        Document.model_validate(changed)
    (line,) = field_problems(caught.value, Document)
    assert line.startswith("exports[0].mapping.attributes.FIRST NAME: takes the name of an attribute: ")


@pytest.mark.parametrize("name", [" ", "\u00a0", "\u200b", "\u200e\u2060", "\ufeff \u00ad", "\u3164\u2800"])
def test_name_that_nobody_sees_is_none(name):
    with pytest.raises(DocumentError) as raised:
        validated(with_value(("exports", 0, "display_name"), name), "x")
    assert "exports[0].display_name: takes a name that can be seen" in raised.value.problems[0]
    seen = with_value(("exports", 0, "display_name"), f"{name}Zo\u200dë 👩\u200d👧")
    assert validated(seen, "x").exports[0].display_name.startswith(name)
