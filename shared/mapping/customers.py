"""Which rows are sent where contacts are identified by their customer's id: one of each customer, one of each address.

Row by row: where a row before is the customer's, this one is a duplicate; or merged, where that one is of an earlier
segment, and so is one with the same address: nothing else says what has become of a second address. Where a row before
is sent to the address, this one is a duplicate too, and its customer may have a later row with another address. A row
that is left out is its customer's all the same, and leaves its address to others. So does a row that waits, to the
customer whose contact has the address, also by a former id: it is sent only where that one is not.
"""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
from numpy.typing import NDArray

from shared.mapping.dedupe import RowKeys, SeenKeys, update_rows
from shared.mapping.fate import FATE
from shared.mapping.known import IS_COUNTED, IS_SENT
from shared.mapping.number_file import Flags, Numbers

_STAYS, _MERGED = FATE["contact"], FATE["merged"]
_DUPLICATE, _DUPLICATE_EMAIL = FATE["duplicate_customer_id"], FATE["duplicate_email"]
# Rows that wait for the customer whose contact has their address: those of who was that customer, and the others. Among
# themselves the first one has it.
_AWAITED = f"SELECT row FROM verdicts WHERE verdict = {FATE['waiting']} AND holder IS NOT NULL"
_ADDRESS = (
    f"CASE WHEN rowid IN ({_AWAITED} AND is_holder) THEN email || '  ' "
    f"WHEN rowid IN ({_AWAITED}) THEN email || ' ' ELSE email END"
)


class FirstCustomers:
    """The customers and addresses so far. `db` has the chunk, and where it `is_judged` what `judge_sql` makes of it."""

    def __init__(self, db: duckdb.DuckDBPyConnection, folder: Path, *, is_judged: bool) -> None:
        self._db = db
        self._address = _ADDRESS if is_judged else "email"
        self._customers = SeenKeys(folder, "customers")
        self._addresses = SeenKeys(folder, "addresses")

    def settle(self, segment: int) -> None:
        """Settles the fate of the chunk's contacts, and remembers their customers and addresses."""
        self._customers.begin(segment)
        self._addresses.begin(segment)
        customers = RowKeys.fetched(self._db, "md5_number(customer_id)", f"FROM chunk WHERE {IS_COUNTED}")
        addresses = RowKeys.fetched(self._db, f"md5_number({self._address})", f"FROM chunk WHERE {IS_SENT}")
        is_here, is_before = self._customers.find(customers)
        is_taken_here, is_taken_before = self._addresses.find(addresses)
        fates = np.full(int(customers.row.max(initial=-1)) + 1, _STAYS, np.uint8)
        fates[addresses.row[is_taken_here | is_taken_before]] = _DUPLICATE_EMAIL
        fates[customers.row[is_before]] = _MERGED
        has_another = addresses.row[~is_taken_before]
        fates[has_another[fates[has_another] == _MERGED]] = _DUPLICATE
        fates[customers.row[is_here]] = _DUPLICATE
        _settle_shared(fates, customers, addresses)
        self._customers.add(customers.those(np.isin(fates[customers.row], (_STAYS, _MERGED))))
        self._addresses.add(addresses.those(fates[addresses.row] == _STAYS))
        for fate in (_DUPLICATE, _DUPLICATE_EMAIL, _MERGED):
            update_rows(self._db, f"fate = {fate}", np.flatnonzero(fates == fate))


def _settle_shared(fates: NDArray[np.uint8], customers: RowKeys, addresses: RowKeys) -> None:
    """Settles the fates of rows that share a customer or an address with another one of the chunk, one by one."""
    rows = np.unique(np.concatenate([each.row[_shared(each.high)] for each in (customers, addresses)]))
    seen_customers, seen_addresses = set(), set()
    for row, customer, address in zip(rows.tolist(), _keys(customers, rows), _keys(addresses, rows), strict=True):
        if customer in seen_customers:
            fates[row] = _DUPLICATE
        elif address in seen_addresses and fates[row] == _STAYS:
            fates[row] = _DUPLICATE_EMAIL
        elif fates[row] in (_STAYS, _MERGED):
            seen_customers.add(customer)
            if address and fates[row] == _STAYS:
                seen_addresses.add(address)


def _shared(high: Numbers) -> Flags:
    """Which of these sorted numbers stand there more than once."""
    flags = np.zeros(len(high), bool)
    alike = high[1:] == high[:-1]
    flags[1:] |= alike
    flags[:-1] |= alike
    return flags


def _keys(keys: RowKeys, rows: NDArray[np.int64]) -> Iterator[tuple[int, int] | None]:
    """The key of each of these rows; None where it has none."""
    wanted = keys.those(np.isin(keys.row, rows))
    found = dict(zip(wanted.row.tolist(), zip(wanted.high.tolist(), wanted.low.tolist(), strict=True), strict=True))
    return map(found.get, rows.tolist())
