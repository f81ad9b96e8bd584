"""The first row of an address wins, and the first contact with a phone number keeps it, over all chunks.

Kept for the rows seen so far: 16 bytes for each address (its MD5, which makes no two addresses one) with its segment,
and 8 for each phone number. DuckDB spills them to disk where memory is short.
"""

from collections.abc import Iterable

from shared.mapping.fate import FATE


def create_sql(phones: Iterable[int]) -> list[str]:
    """Statements that make the tables of what is kept; `phones` are the numbers of the phone fields."""
    return [
        "CREATE TABLE addresses (key UHUGEINT, segment USMALLINT)",
        *(f"CREATE TABLE phones{number} (phone UBIGINT)" for number in phones),
    ]


_CONTACT = f"fate = {FATE['contact']}"


def address_sql(segment: int) -> list[str]:
    """Statements that settle the fate of the chunk's rows and remember their addresses.

    The same address again is `duplicate_email` within its segment, and `merged` where only an earlier segment has it.
    """
    return [
        "CREATE OR REPLACE TEMP TABLE keyed AS "
        f"SELECT rowid AS row, md5_number(email) AS key FROM chunk WHERE {_CONTACT}",
        # Only what stands there twice is numbered: a window over all rows would cost ten times as much.
        "CREATE OR REPLACE TEMP TABLE again AS SELECT row FROM ("
        "SELECT row, row_number() OVER (PARTITION BY key ORDER BY row) AS nth FROM keyed "
        "WHERE key IN (SELECT key FROM keyed GROUP BY key HAVING count(*) > 1)) WHERE nth > 1",
        "CREATE OR REPLACE TEMP TABLE seen AS "
        f"SELECT key, bool_or(segment = {segment}) AS here FROM addresses "
        "WHERE key IN (SELECT key FROM keyed) GROUP BY key",
        "CREATE OR REPLACE TEMP TABLE lost AS SELECT row, bool_or(here) AS here FROM ("
        "SELECT row, true AS here FROM again UNION ALL SELECT row, here FROM keyed JOIN seen USING (key)) GROUP BY row",
        f"UPDATE chunk SET fate = CASE WHEN here THEN {FATE['duplicate_email']} ELSE {FATE['merged']} END "
        "FROM lost WHERE chunk.rowid = lost.row",
        f"INSERT INTO addresses SELECT key, {segment} FROM keyed ANTI JOIN (FROM lost WHERE here) USING (row)",
    ]


def phone_sql(number: int) -> list[str]:
    """Statements that take a number from all but its first contact, and remember the chunk's numbers.

    `number` is that of the phone field; each has its own owners.
    """
    phone, phones = f"phone{number}", f"phones{number}"
    with_phone = f"{_CONTACT} AND {phone} IS NOT NULL AND NOT phone_lost{number}"
    return [
        f"CREATE OR REPLACE TEMP TABLE numbered AS SELECT rowid AS row, {phone} AS phone FROM chunk WHERE {with_phone}",
        "CREATE OR REPLACE TEMP TABLE lost AS SELECT row FROM ("
        "SELECT row, row_number() OVER (PARTITION BY phone ORDER BY row) AS nth FROM numbered "
        "WHERE phone IN (SELECT phone FROM numbered GROUP BY phone HAVING count(*) > 1)) WHERE nth > 1 "
        "UNION SELECT row FROM numbered WHERE phone IN "
        f"(SELECT phone FROM {phones} WHERE phone IN (SELECT phone FROM numbered))",
        f"UPDATE chunk SET phone_lost{number} = true FROM lost WHERE chunk.rowid = lost.row",
        f"INSERT INTO {phones} SELECT phone FROM numbered ANTI JOIN lost USING (row)",
    ]
