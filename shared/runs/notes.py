"""A run's notes, as many as its row has room for."""

from collections.abc import Iterable
from itertools import accumulate

from shared.counting import counted

# A property of a row holds 32 Ki characters, and in JSON some take two.
_MOST_CHARACTERS = 12_000
_LONGEST_NOTE = 2_000


def fitting(notes: Iterable[str]) -> list[str]:
    """These sentences, each cut where it is very long, and behind those that have room how many more there are."""
    cut = [note if len(note) <= _LONGEST_NOTE else f"{note[: _LONGEST_NOTE - 1]}…" for note in notes]
    room = sum(size <= _MOST_CHARACTERS for size in accumulate(map(len, cut)))
    more = counted(len(cut) - room, "more note")
    return cut if room == len(cut) else [*cut[:room], f"And {more}."]
