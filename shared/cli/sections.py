"""The groups in which `segment-export --help` shows its commands: by what somebody wants to do."""

from collections.abc import Iterable

_SECTIONS = {
    "Run exports and see what became of them": (
        "exports", "preview", "plan", "trial", "run", "approve", "status", "runs", "rejects", "why", "cancel", "undo",
        "verify", "reset",
    ),
    "Look into storage and an account": ("segments", "lists", "attributes"),
    "Configure": (
        "validate", "schema", "connections", "connect", "disconnect", "connection", "export", "notify-test", "probe",
        "history", "audit",
    ),
    "On call": ("doctor", "replay", "release", "prune", "forget"),
}  # fmt: skip
_OTHERS = "Other"


def sections(commands: Iterable[str]) -> list[tuple[str, list[str]]]:
    """Title and names of each group that has commands; those of no group come last."""
    known = list(commands)
    found = [(title, [name for name in names if name in known]) for title, names in _SECTIONS.items()]
    grouped = {name for _, names in found for name in names}
    found.append((_OTHERS, [name for name in known if name not in grouped]))
    return [(title, names) for title, names in found if names]
