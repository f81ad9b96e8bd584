"""What the doctor's checks return, and how one that breaks is kept from the others."""

import os
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Literal

from shared.errors import ExportError, place_of
from shared.settings import emulator_hint
from shared.storage.failures import Conflict, NotFound
from shared.storage.forms import OtherFormError

Group = Literal["settings", "storage", "connections", "exports", "queues and runs", "clock"]
State = Literal["ok", "warn", "FAILED"]
# What a check has seen: whether it works, what was seen, how to fix it.
Look = tuple[State, str, str]
# None: there is nothing to say, or another check says it.
Probe = tuple[str, Callable[[], Look | None]]

_DOES_NOT_ANSWER = ("storage_unreachable", "storage_not_signed_in")


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was checked, whether it works, what was seen, how to fix it, and the heading that it is under."""

    check: str
    state: State
    message: str
    fix: str = ""
    group: Group = "settings"


def probed(probes: list[Probe]) -> Generator[Finding, None, bool]:
    """Returns False where storage does not answer: the checks that are left would say the same, and are not made."""
    for check, look in probes:
        try:
            seen = look()
        except OtherFormError:
            continue  # `other releases' rows` shows it
        except Exception as error:  # noqa: BLE001 - a check that breaks must not stop the others
            yield fault(check, error)
            if isinstance(error, ExportError) and error.code in _DOES_NOT_ANSWER:
                return False
            continue
        if seen is not None:
            yield Finding(check, *seen)
    return True


def probed_at_once(probes: list[Probe]) -> tuple[list[Finding], bool]:
    """The same for a thread: the findings, and whether storage has answered."""
    answers: list[bool] = []

    def checks() -> Iterator[Finding]:
        answers.append((yield from probed(probes)))

    return list(checks()), answers[0]


def fault(check: str, error: Exception) -> Finding:
    """The line about what a check has raised."""
    if isinstance(error, ExportError):
        hint = emulator_hint(os.environ, getattr(error, "service", ""))
        return Finding(check, "FAILED", error.message, hint or error.advice)
    if isinstance(error, NotFound | Conflict):
        return Finding(check, "FAILED", f"{error} was changed meanwhile.", "Try again.")
    return Finding(check, "FAILED", f"An unforeseen error: {place_of(error)}.", "Report it with this line.")
