"""What is written down of an account in the table `accounts`: its pace, how long its imports take, what was probed.

Each step of a run needs several of these rows, so they are read at once. Every change is conditional on what was read.
"""

from shared.storage.tables import NewValues, Row, Table

_FIRST, _BEHIND_LAST = "contacts", "probe."


class AccountRows:
    """The rows `contacts`, `learned`, `other` and `probe` of an account, read in one query when one is first needed."""

    def __init__(self, table: Table, key_setting: str) -> None:
        self._table = table
        self._key_setting = key_setting
        self._known: dict[str, Row] | None = None

    def get(self, key: str) -> Row:
        """The row as it was read or written last; one without values where there is none."""
        return self._all().get(key) or Row(self._key_setting, key)

    def change(self, key: str, change: NewValues) -> None:
        """Changes the values of the row as it stands now, as `Rows.change` does."""
        row = self._table.change(self._key_setting, key, change, self.get(key))
        if row is not None:
            self._all()[key] = row

    def _all(self) -> dict[str, Row]:
        if self._known is None:
            self._known = {row.key: row for row in self._table.query(self._key_setting, _FIRST, _BEHIND_LAST)}
        return self._known
