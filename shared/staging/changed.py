"""A few contacts that a run would change, kept while it is held: a person looks at them beside what Brevo has now.

They lie with what their staging has written down and go with it, at the run's end at the latest.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from shared.mapping.plan import Field, Plan
from shared.staging.bodies import STAGED
from shared.storage.blobs import Blobs
from shared.storage.failures import NotFound

_FILE = "changed.json"


@dataclass(frozen=True, slots=True)
class ChangedContact:
    """A contact that would be sent with other values than before. `ext_id` is None where the address identifies it.

    `attributes` has, of each value, the texts that `kept_text` may give once Brevo has it; the first one is shown.
    There are none where nothing is sent for an attribute, and Brevo keeps what it has.
    """

    email: str = field(repr=False)
    ext_id: str | None = field(repr=False)
    attributes: Mapping[str, list[str]] = field(repr=False)

    @classmethod
    def of(cls, line: str, plan: Plan) -> Self:
        """The contact of a line of a body."""
        contact = json.loads(line.rstrip(",\n"))
        values = contact["attributes"]
        return cls(
            contact["email"],
            contact.get("ext_id", values.get("EXT_ID")),
            {
                each.attribute: _forms(values[each.attribute], each, plan) if each.attribute in values else []
                for each in plan.fields
            },
        )


def write_changed(blobs: Blobs, staging: str, contacts: Iterable[ChangedContact]) -> None:
    """Writes down the contacts of a staging."""
    data = json.dumps([asdict(each) for each in contacts], ensure_ascii=False)
    blobs.write(STAGED, f"{staging}/{_FILE}", data.encode())


def read_changed(blobs: Blobs, staging: str) -> list[ChangedContact]:
    """The contacts of a staging; none where they are not kept."""
    try:
        return [ChangedContact(**each) for each in json.loads(blobs.read(STAGED, f"{staging}/{_FILE}"))]
    except NotFound:
        return []


def is_changed_name(name: str) -> bool:
    """Whether a blob of this name holds such contacts."""
    return name.endswith(f"/{_FILE}")


def kept_text(kept: object) -> str:
    """What Brevo has, as one text, which is the same for values that are; empty where it has none."""
    if isinstance(kept, bool):
        return str(kept).lower()
    if isinstance(kept, int | float):
        return f"{kept:.15g}"
    if isinstance(kept, list):
        return ", ".join(sorted(map(str, kept)))
    return str(kept or "")


def _forms(value: Any, field_: Field, plan: Plan) -> list[str]:
    text = kept_text(value)
    if not text:
        return [text]
    match field_.type:
        case "date":
            parts = dict(zip(plan.date_format.split("-"), text.split("-"), strict=True))
            return [f"{parts['YYYY']}-{parts['MM']}-{parts['DD']}"]
        case "boolean":
            return [kept_text(text == plan.boolean_words.true)]
        case "phone":
            return [text.removeprefix("+")]
        case "category":  # some accounts show the label, and some the value
            return [*(known for known, sent in field_.options if sent == text), text]
        case _:
            return [text]
