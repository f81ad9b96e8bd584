"""A fault that is put into copies of the real modules: texts for other texts."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Edit:
    """In the module, `new` in the place of `old`."""

    module: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Defect:
    """A fault, in a sentence, and what it changes."""

    name: str
    what: str
    edits: tuple[Edit, ...]


def one(name: str, what: str, module: str, old: str, new: str) -> Defect:
    """A defect of one edit; `module` is one of those in `shared`."""
    return Defect(name, what, (Edit(f"shared.{module}", old, new),))
