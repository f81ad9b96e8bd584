"""Sentences that explain many rejected rows or refused values at once."""

from collections import Counter
from collections.abc import Iterable

from shared.mapping.plan import Field
from shared.mapping.results import RejectedRow
from shared.segments.framing import Fault
from shared.segments.stored import looks_like_windows_1252

# They stand in a run's row, which is small.
_MOST_NOTES = 8
_LONGEST_NOTE = 500
_KINDS_SHOWN = 2
_MOST_KINDS = 100
_ENOUGH_ROWS = 100  # to know an encoding


class Hints:
    """Collects what the faults of each file have in common, and columns most of whose values are refused."""

    def __init__(self) -> None:
        self._notes: list[str] = []
        self._first_lines: dict[str, int] = {}
        self._counts: Counter[str] = Counter()
        self._not_utf8 = 0
        self._like_windows = 0
        # By column and attribute: a column may feed several.
        self._bad_dates: Counter[tuple[str, str]] = Counter()
        self._no_options: Counter[tuple[str, str]] = Counter()

    def add_fault(self, fault: Fault) -> None:
        """Takes in one fault of the file that is being read."""
        if fault.reason == "invalid_encoding":
            self._not_utf8 += 1
            if self._like_windows == self._not_utf8 - 1 and self._like_windows < _ENOUGH_ROWS:
                self._like_windows += looks_like_windows_1252(fault.data)
        elif fault.detail in self._first_lines or len(self._first_lines) < _MOST_KINDS:
            self._first_lines.setdefault(fault.detail, fault.line)
            self._counts[fault.detail] += 1

    def add_row(self, row: RejectedRow) -> None:
        """Takes in a row whose values were judged."""
        if row.reason == "invalid_date":
            self._bad_dates[row.field, row.attribute] += 1
        elif row.reason in ("invalid_category", "invalid_multiple_choice"):
            self._no_options[row.field, row.attribute] += 1

    def file_ended(self, where: str) -> None:
        """Sums the file up: its encoding, and the most frequent kinds of malformed rows."""
        if self._not_utf8 and self._like_windows == min(self._not_utf8, _ENOUGH_ROWS):
            rows = "1 row" if self._not_utf8 == 1 else f"{self._not_utf8:,} rows"
            self._notes.append(
                f"{where} looks like Windows-1252, not UTF-8: {rows} cannot be read. Export it as UTF-8."
            )
        for detail, count in self._counts.most_common(_KINDS_SHOWN):
            others = f" The same holds for {count - 1:,} more of its rows." if count > 1 else ""
            self._notes.append(f"{where}, line {self._first_lines[detail]}: the row {detail}.{others}")
        del self._notes[_MOST_NOTES:]
        self._first_lines, self._counts = {}, Counter()
        self._not_utf8 = self._like_windows = 0

    def notes(self, contacts: int, fields: Iterable[Field]) -> list[str]:
        """The sentences, once all files have ended; `fields` are the mapped ones. No value of a cell is in them."""
        dates = [
            f"{column[:100]}: {count:,} of {contacts:,} contacts go without this date, since it is in no form that is "
            'read. If it is written as 8/24/1984 or 24.8.1984, set "format" for it in the mapping, such as M/d/yyyy '
            "or d.M.yyyy: day and month are not guessed."
            for (column, _), count in self._bad_dates.most_common(_MOST_NOTES)
            if count * 2 >= contacts
        ]
        labels = {field.attribute: [known for known, _ in field.options] for field in fields}
        options = [
            f"{column[:100]}: {count:,} of {contacts:,} contacts have what is no option in Brevo. The options are: "
            f"{', '.join(labels.get(attribute, ())) or 'none'}"[:_LONGEST_NOTE]
            for (column, attribute), count in self._no_options.most_common(_MOST_NOTES)
            if count * 2 >= contacts
        ]
        return [*self._notes, *dict.fromkeys(dates), *dict.fromkeys(options)]
