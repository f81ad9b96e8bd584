"""What a check of the form of an export has found, and at which field of the form each fault stands."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from export_trigger.answers import STATUS
from export_trigger.pages.export_fields import SHARES
from export_trigger.pages.refused import refused_words
from shared.errors import ConfigurationError
from shared.staging.losses import FieldLoss
from shared.staging.preview import Preview

GUARDS = ("max_profiles", *SHARES, "hold_hours")
# The fields of the form, in its order: each with the keys of the configuration whose faults stand there.
FIELDS: dict[str, tuple[str, ...]] = {
    "id": ("id",),
    "name": ("display_name",),
    "connection": ("connection",),
    "list": ("list_id", "list_name"),
    "segments": ("segments",),
    "email": ("mapping.email",),
    "first_name": ("mapping.first_name",),
    "last_name": ("mapping.last_name",),
    "phone": ("mapping.phone",),
    "country": ("default_country",),
    "attributes": ("mapping.attributes",),
    "mode": ("sync_mode",),
    "schedule": ("schedule",),
    **{name: (name,) for name in GUARDS},
}


@dataclass
class Checked:
    """What a check has found: faults by field, notes, losses by field, and what a run would send where that was asked
    for.

    `status` is that of the answer. `is_outdated`: somebody has changed the export since the form was opened.
    `was_to_save`: it was refused when it was to be saved.
    """

    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    losses: Mapping[str, list[FieldLoss]] = field(default_factory=dict)
    preview: Preview | None = None
    is_checked: bool = False
    is_outdated: bool = False
    was_to_save: bool = False
    status: int = 200

    def loses_too_much(self, share: object) -> bool:
        """Whether the guard of lost values would hold a run, as far as the first customers show; `share` is its own."""
        most = share if isinstance(share, int | float) else SHARES["max_warnings"]
        losses = [each for found in self.losses.values() for each in found if each.attribute]
        return any(each.lost > most * each.of for each in losses)

    def at(self, name: str) -> list[str]:
        """The faults that stand at this field."""
        return [text.partition(": ")[2] for text in self.problems if field_of(text) == name]

    @property
    def fields(self) -> list[tuple[str, str]]:
        """The fields that have faults, each with the key that it is called by."""
        faulty = set(map(field_of, self.problems))
        return [(name, keys[0]) for name, keys in FIELDS.items() if name in faulty]

    @property
    def has_faulty_guard(self) -> bool:
        """True where a fault stands among the guards, which are mostly closed."""
        return any(name in GUARDS for name, _ in self.fields)

    @property
    def elsewhere(self) -> list[str]:
        """The faults of what the form has no field for."""
        return [text for text in self.problems if not field_of(text)]

    def refuse(self, error: ConfigurationError, *, was_to_save: bool) -> None:
        """Notes what was refused. Raises as `refused_words` does."""
        self.was_to_save = was_to_save
        self.problems = refused_words(error)
        self.is_outdated = error.code == "changed_meanwhile"
        self.status = STATUS.get(error.code, 409) if self.is_outdated else 400


def field_of(problem: str) -> str:
    """The field of the form at which the fault stands; empty where there is none."""
    path = problem.partition(": ")[0]
    found = (name for name, keys in FIELDS.items() if any(path == key or path.startswith(f"{key}.") for key in keys))
    return next(found, "")
