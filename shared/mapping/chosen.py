"""Which customers of a segment a trial takes, out of rows that are mapped as for any run.

The first ones that can be sent, so that reading stops when they are found; or those with given ids, wherever they
stand. Every other row gets the fate `outside`: it is neither sent nor counted.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from shared.errors import ConfigurationError
from shared.mapping.cells import without_invisible
from shared.mapping.fate import FATE, Fate
from shared.mapping.plan import CUSTOMER_ID, columns_text, find_column

# What a customer's row ends as where no later row of the customer changes that.
_SETTLED: tuple[Fate, ...] = ("contact", "left_list", "excluded", "blocked_new_address", "address_of_another")
_ID = without_invisible("customer_id")
_WAITING, _OUTSIDE, _CONTACT = FATE["waiting"], FATE["outside"], FATE["contact"]


@dataclass(frozen=True, slots=True)
class Chosen:
    """The first `most` customers that can be sent; with `customer_ids` those customers instead."""

    most: int = 0
    customer_ids: tuple[str, ...] = ()

    def check_columns(self, columns: tuple[str, ...], where: str) -> None:
        """Raises ConfigurationError where customers are chosen by ids that the file does not have."""
        if self.customer_ids and find_column(CUSTOMER_ID, columns) is None:
            raise ConfigurationError(
                "column_missing",
                f"{where} has no column {CUSTOMER_ID!r}, by which customers are named.",
                f"Choose a number of customers instead of their ids; {columns_text(columns, ())}",
            )


@dataclass
class Choosing:
    """The choice on its way through the chunks. `execute` is DuckDB's; the chunk's table is `chunk`.

    `seen` are the ids that a row had; `is_enough` once nothing behind can change what is sent.
    """

    chosen: Chosen
    execute: Callable[..., Any]
    seen: set[str] = field(default_factory=set)
    _settled: set[str] = field(default_factory=set)
    _contacts: int = 0

    def __post_init__(self) -> None:
        self.execute("CREATE TABLE chosen AS SELECT unnest(CAST($1 AS VARCHAR[])) AS id", [self.chosen.customer_ids])

    @property
    def is_enough(self) -> bool:
        """True where nothing in the rows that are not read yet can be part of the choice."""
        if self.chosen.customer_ids:
            return self._settled.issuperset(self.chosen.customer_ids)
        return self._contacts >= self.chosen.most

    def mark(self) -> tuple[int, int | None]:
        """Marks the chunk's rows that are outside: how many, and the number of the last row that is inside.

        That number is None where the choice does not end in this chunk. Rows that wait are left alone.
        """
        if self.chosen.customer_ids:
            return self._mark_others(), None
        return self._mark_behind()

    def _mark_others(self) -> int:
        found = self.execute(
            f"SELECT {_ID}, bool_or(fate IN ({', '.join(str(FATE[fate]) for fate in _SETTLED)})) FROM chunk "
            f"WHERE {_ID} IN (FROM chosen) GROUP BY 1"
        ).fetchall()
        self.seen.update(customer for customer, _ in found)
        self._settled.update(customer for customer, is_settled in found if is_settled)
        return self._outside(f"coalesce({_ID}, '') NOT IN (FROM chosen)")

    def _mark_behind(self) -> tuple[int, int | None]:
        missing = self.chosen.most - self._contacts
        if missing <= 0:
            return self._outside("true"), -1
        rows = self.execute(
            f"SELECT rowid FROM chunk WHERE fate = {_CONTACT} ORDER BY rowid LIMIT {missing}"
        ).fetchall()
        self._contacts += len(rows)
        if len(rows) < missing:
            return 0, None
        (last,) = rows[-1]
        return self._outside(f"rowid > {last}"), last

    def _outside(self, condition: str) -> int:
        (count,) = self.execute(
            f"UPDATE chunk SET fate = {_OUTSIDE} WHERE fate <> {_WAITING} AND {condition}"
        ).fetchone()
        return int(count)
