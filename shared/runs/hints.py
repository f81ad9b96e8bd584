"""Sentences about segment files that explain many rejected rows at once."""

from collections import Counter

from shared.segments.framing import Fault

# They stand in a run's row, which is small.
_MOST_NOTES = 8
_KINDS_SHOWN = 2
_MOST_KINDS = 100
_ENOUGH_ROWS = 100  # to know an encoding
# What Windows-1252 texts have beside letters.
_MARKS = frozenset("‘’‚“”„–—…•€£¥§©®™°ºª«»´¨·¿¡±½¼¾×²³ \xa0")


class Hints:
    """Collects what the faults of each file have in common. `notes` are complete for a file once it has ended."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self._first_lines: dict[str, int] = {}
        self._counts: Counter[str] = Counter()
        self._not_utf8 = 0
        self._like_windows = 0

    def add(self, fault: Fault) -> None:
        """Takes in one fault of the file that is being read."""
        if fault.reason == "invalid_encoding":
            self._not_utf8 += 1
            if self._like_windows == self._not_utf8 - 1 and self._like_windows < _ENOUGH_ROWS:
                self._like_windows += _looks_like_windows_1252(fault.data)
        elif fault.detail in self._first_lines or len(self._first_lines) < _MOST_KINDS:
            self._first_lines.setdefault(fault.detail, fault.line)
            self._counts[fault.detail] += 1

    def file_ended(self, where: str) -> None:
        """Sums the file up: its encoding, and the most frequent kinds of malformed rows."""
        if self._not_utf8 and self._like_windows == min(self._not_utf8, _ENOUGH_ROWS):
            rows = "1 row" if self._not_utf8 == 1 else f"{self._not_utf8:,} rows"
            self._note(f"{where} looks like Windows-1252, not UTF-8: {rows} cannot be read. Export it as UTF-8.")
        for detail, count in self._counts.most_common(_KINDS_SHOWN):
            others = f" The same holds for {count - 1:,} more of its rows." if count > 1 else ""
            self._note(f"{where}, line {self._first_lines[detail]}: the row {detail}.{others}")
        self._first_lines, self._counts = {}, Counter()
        self._not_utf8 = self._like_windows = 0

    def _note(self, text: str) -> None:
        if len(self.notes) < _MOST_NOTES:
            self.notes.append(text)


def _looks_like_windows_1252(data: bytes) -> bool:
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError:
        return False
    return all(letter.isascii() or letter.isalpha() or letter in _MARKS for letter in text) and b"\0" not in data
