"""A document that was written by hand takes no value that the API would refuse, and the other way."""

import copy
import json
from pathlib import Path

import pytest

from shared.administration.items import InvalidInput, parse_strictly
from shared.config.document import DocumentError, parse_document
from shared.config.models import Connection, Export

GOOD = json.loads((Path(__file__).parents[2] / "config" / "exports.json").read_text())
CONNECTION = GOOD["connections"][0] | {
    "consent": {"agreed_by": "A", "agreed_on": "2026-11-24"},
    "imports_at_once": 2,
    "import_deadline_hours": 3,
    "date_format": "DD-MM-YYYY",
    "boolean_words": {"true": "1", "false": "0"},
    "leavers": "asked",
}
EXPORT = GOOD["exports"][0] | {
    "erase_empty": True,
    "create_missing_attributes": True,
    "leave_out_missing_attributes": False,
    "put_back_leavers": False,
    "max_profiles": 10,
    "max_shrink": 0.5,
    "max_rejected": 0.5,
    "max_warnings": 1,
    "max_removed": 0,
    "hold_hours": 3,
    "identify_by": "email",
    "delivery": "body",
    "exclude": {"segments": ["S"], "list_ids": [3]},
}
EXPORT["source"] = EXPORT["source"] | {"gaps_allowed": False, "escape": '"', "only": {"column": "A", "is": ["1"]}}
ODD = [
    "yes",
    "no",
    "on",
    "true",
    "1",
    "0",
    "",
    "2026-11-24T00:00:00",
    0,
    1,
    1.0,
    0.5,
    1_764_547_200,
    "1764547200",
    "2026-W48-2",
]
ODD += [True, False, None, [], {}, ["1"], [1]]


def places(value, path=()):
    """The paths to all that stands in an object."""
    for key, inner in value.items() if isinstance(value, dict) else ():
        yield (*path, key)
        yield from places(inner, (*path, key))


def with_value(item, path, value):
    changed = copy.deepcopy(item)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return changed


def is_taken(parse, refusal):
    try:
        parse()
    except refusal:
        return False
    return True


@pytest.mark.parametrize(
    ("kind", "model", "item", "path"),
    [
        *(("connections", Connection, CONNECTION, path) for path in places(CONNECTION) if path != ("id",)),
        *(("exports", Export, EXPORT, path) for path in places(EXPORT) if path[0] not in ("id", "connection")),
    ],
    ids=lambda value: ".".join(value) if isinstance(value, tuple) else "",
)
def test_document_takes_what_the_api_takes(kind, model, item, path):
    differing = []
    for odd in ODD:
        changed = with_value(item, path, odd)
        document = {"connections": [CONNECTION], "exports": [EXPORT]} | {kind: [changed]}
        data = json.dumps(document | ({"exports": []} if kind == "connections" else {})).encode()
        by_hand = is_taken(lambda data=data: parse_document(data, "exports.json"), DocumentError)
        assert not by_hand or odd != "2026-W48-2" or path[-1] != "agreed_on"
        by_api = is_taken(lambda changed=changed: parse_strictly(model, changed), InvalidInput)
        differing += [odd] if by_hand != by_api else []
    assert differing == []
