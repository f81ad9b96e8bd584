"""The first row of an address wins, and the first contact with a phone number keeps it, over all chunks.

Kept for the rows seen so far: 16 bytes for each address (its MD5, which makes no two addresses one) with its segment,
and 8 for each phone number. DuckDB spills them to disk where memory is short.
"""

from shared.mapping.select import FATE

CREATE = """
CREATE TABLE addresses (key UHUGEINT, segment USMALLINT);
CREATE TABLE phones (phone UBIGINT)
"""

_CONTACT = f"fate = {FATE['contact']}"


def address_sql(segment: int) -> list[str]:
    """Statements that settle the fate of the chunk's rows and remember their addresses.

    The same address again is `duplicate_email` within its segment, and `merged` where only an earlier segment has it.
    """
    return [
        f"CREATE OR REPLACE TEMP TABLE keyed AS SELECT record, md5_number(email) AS key FROM chunk WHERE {_CONTACT}",
        # Only what stands there twice is numbered: a window over all rows would cost ten times as much.
        "CREATE OR REPLACE TEMP TABLE again AS "
        "SELECT record, key, row_number() OVER (PARTITION BY key ORDER BY record) > 1 AS repeated FROM keyed "
        "WHERE key IN (SELECT key FROM keyed GROUP BY key HAVING count(*) > 1)",
        "CREATE OR REPLACE TEMP TABLE seen AS "
        f"SELECT key, bool_or(segment = {segment}) AS here FROM addresses "
        "WHERE key IN (SELECT key FROM keyed) GROUP BY key",
        "CREATE OR REPLACE TEMP TABLE lost AS "
        "SELECT record, coalesce(repeated, false) OR coalesce(here, false) AS here FROM keyed "
        "LEFT JOIN again USING (record, key) LEFT JOIN seen USING (key) "
        "WHERE coalesce(repeated, false) OR seen.key IS NOT NULL",
        f"UPDATE chunk SET fate = CASE WHEN here THEN {FATE['duplicate_email']} ELSE {FATE['merged']} END "
        "FROM lost WHERE chunk.record = lost.record",
        f"INSERT INTO addresses SELECT key, {segment} FROM keyed ANTI JOIN (FROM lost WHERE here) USING (record)",
    ]


def phone_sql() -> list[str]:
    """Statements that take a number from all but its first contact, and remember the chunk's numbers."""
    with_phone = f"{_CONTACT} AND phone IS NOT NULL"
    return [
        f"CREATE OR REPLACE TEMP TABLE numbered AS SELECT record, phone FROM chunk WHERE {with_phone}",
        "CREATE OR REPLACE TEMP TABLE lost AS "
        "SELECT record FROM (SELECT record, row_number() OVER (PARTITION BY phone ORDER BY record) > 1 AS repeated "
        "FROM numbered WHERE phone IN (SELECT phone FROM numbered GROUP BY phone HAVING count(*) > 1)) "
        "WHERE repeated "
        "UNION "
        "SELECT record FROM numbered WHERE phone IN "
        "(SELECT phone FROM phones WHERE phone IN (SELECT phone FROM numbered))",
        "UPDATE chunk SET phone_lost = true FROM lost WHERE chunk.record = lost.record",
        "INSERT INTO phones SELECT phone FROM numbered ANTI JOIN lost USING (record)",
    ]
