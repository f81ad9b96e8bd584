"""Whose contact a row is where contacts are identified by their customer's id: the run's rows against the account's.
And whose number it has, where numbers could merge contacts.

An import changes the contact that has the row's EXT_ID, else the one that has its address. Where these are two, Brevo
makes them one and deletes the other; and a contact that gets another address is blocked no more. So a row goes out only
where it touches one contact, which no other row of the run touches. The order of rows then does not matter, nor does
it matter that a body is sent twice.

| in Brevo the id has | the address has | the row |
|---|---|---|
| nobody | nobody | is a new contact |
| A | A, or nobody | changes A, and its address; left out where A is blocked and its address would change |
| A | B | is left out: one of the two would be deleted |
| nobody | B, who has no id | gives B the id |
| nobody | B, who has another id | gives B the id, unless another row is or was B; left out where B is blocked |
| nobody, but a former id has A | nobody | changes A and its address; A keeps the former id until the next run |

The last two can only be decided once all rows are read: they wait.

Which contact wins: https://help.brevo.com/hc/en-us/articles/32331116133522; that a new address lifts a block:
https://developers.brevo.com/reference/update-contact (November 2026).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from shared.config.mapping import PHONE_ATTRIBUTES
from shared.mapping.cells import without_invisible
from shared.mapping.compared import key_number, key_sql
from shared.mapping.excluded import Excluded, digest_number
from shared.mapping.fate import FATE, Fate
from shared.mapping.leavers import Leavers, as_sent
from shared.mapping.results import LEFT_OUT
from shared.mapping.rule import literal

# The column that says where a row that waited stands in its own chunk.
PLACE = "place"
_PHONES = tuple(sorted(PHONE_ATTRIBUTES))
_SENT: tuple[Fate, ...] = ("contact", "waiting")
IS_SENT = f"fate IN ({', '.join(str(FATE[fate]) for fate in _SENT)})"
"""Whether a row is sent, or may be once all are read, as SQL."""
IS_COUNTED = f"fate IN ({', '.join(str(FATE[fate]) for fate in FATE if fate in (*_SENT, *LEFT_OUT))})"
"""Whether a row is its customer's contact, sent or left out, as SQL."""
_BUFFER_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class KnownContacts:
    """The account's contacts before the run, in a file with a line for each, as `line` writes it.

    Ids and addresses are there as digests by `key` alone. `lifts_block`: a contact that gets another address is blocked
    no more.
    """

    path: Path
    key: str = field(repr=False)
    lifts_block: bool

    def line(
        self,
        number: int,
        address: str,
        ext_id: str,
        phones: Mapping[str, str],
        *,
        blocked: bool,
        left: bool,
        leaver: str,
        out: bool,
        excluded: str,
    ) -> str:
        """A contact's line. `phones` are the digits of its numbers by their attribute.

        `left`: it left the list; `out`: it is in an excluded one, maybe without an address. `leaver` and `excluded` are
        digests of its address as `Leavers` and `Excluded` have them, or empty.
        """
        texts = (as_sent(address) if address else "", ext_id, *(phones.get(name, "") for name in _PHONES))
        digests = ",".join(str(self._digest(text)) for text in texts)
        return f"{number},{digests},{blocked:d},{left:d},{leaver},{out:d},{excluded}\n"

    def _digest(self, text: str) -> int | str:
        """Empty where the text is. The key never leaves the worker and is another one in each run."""
        return key_number(self.key, text) if text else ""


def customers_sql() -> str:
    """Makes the table of the customers whose rows were read, `counted` where the row is a contact."""
    return "CREATE TABLE customers (customer UHUGEINT, counted BOOLEAN)"


def remember_customers_sql(known: KnownContacts) -> str:
    """Remembers the customers of the chunk's rows, once it is settled which of them are contacts."""
    again = ", ".join(str(FATE[fate]) for fate in ("merged", "duplicate_customer_id"))
    return (
        f"INSERT INTO customers SELECT {key_sql(known.key, 'customer_id')}, {IS_COUNTED} FROM chunk "
        f"WHERE customer_id IS NOT NULL AND fate NOT IN ({again})"
    )


def missing_sql() -> str:
    """Settles the fate of contacts without a customer's id."""
    return (
        f"UPDATE chunk SET fate = {FATE['missing_customer_id']} WHERE fate = {FATE['contact']} AND customer_id IS NULL"
    )


def load_known_sql(known: KnownContacts, leavers: Leavers | None, excluded: Excluded | None) -> str:
    """Reads the account's contacts, once for all chunks. A contact may be in the file twice.

    It may be excluded by an address that no row has any more, or by none.
    """
    left = "gone OR coalesce(leaver IN (FROM leavers), false)" if leavers else "gone"
    by_address = f"coalesce({digest_number('excluded')} IN (SELECT key FROM excluded), false)"
    out = f"is_out OR {by_address}" if excluded else "is_out"
    return (
        f"CREATE TABLE known AS SELECT contact, address, id, blocked, {left} AS gone, {out} AS out FROM {_file(known)}"
    )


def load_phones_sql(known: KnownContacts, number: int, attribute: str) -> str:
    """Reads who has which number in the attribute; `number` is that of the plan's phone field."""
    return (
        f"CREATE TABLE known_phones{number} AS SELECT {attribute.lower()} AS phone, contact FROM {_file(known)} "
        f"WHERE {attribute.lower()} IS NOT NULL"
    )


def foreign_phone_sql(known: KnownContacts, number: int, *, waited: bool) -> str:
    """Takes a number from the chunk's contacts where another contact of the account has it.

    Brevo may make the two one and delete the other. https://help.brevo.com/hc/en-us/articles/32331116133522
    """
    own = "coalesce(holder, CASE WHEN known_as IS NOT NULL THEN former END)" if waited else "coalesce(owner, holder)"
    mine = f"SELECT {'rowid AS row' if waited else 'row'}, {own} AS own FROM {'chunk' if waited else 'verdicts'}"
    return (
        f"UPDATE chunk SET phone_lost{number} = true FROM known_phones{number} AS found, ({mine}) AS mine "
        f"WHERE chunk.fate = {FATE['contact']} AND mine.row = chunk.rowid AND mine.own IS DISTINCT FROM found.contact "
        f"AND found.phone = {key_sql(known.key, f'CAST(chunk.phone{number} AS VARCHAR)')}"
    )


def judge_sql(known: KnownContacts) -> list[str]:
    """Statements that settle the fate of the chunk's contacts, as the table above says."""
    fate = _verdict(known)
    return [
        "CREATE OR REPLACE TEMP TABLE met AS SELECT row, "
        "owner.contact AS owner, owner.blocked AS owner_blocked, holder.contact AS holder, holder.id AS holder_id, "
        "holder.blocked AS holder_blocked, coalesce(owner.gone, false) OR coalesce(holder.gone, false) AS gone, "
        "coalesce(owner.out, false) AS out "
        f"FROM (SELECT rowid AS row, {key_sql(known.key, 'customer_id')} AS id, "
        f"{key_sql(known.key, 'email')} AS address FROM chunk WHERE fate = {FATE['contact']}) AS mine "
        "LEFT JOIN known AS owner ON owner.id = mine.id LEFT JOIN known AS holder ON holder.address = mine.address",
        # By these anyone left or is excluded; all else of them matters only where Brevo does not know the present id.
        "CREATE OR REPLACE TEMP TABLE former AS SELECT row, nth, name, known.id, contact, blocked, gone, out FROM ("
        f"SELECT row, {without_invisible('unnest(names)')} AS name, generate_subscripts(names, 1) AS nth FROM ("
        "SELECT row, string_split(previous_ids, ';') AS names FROM chunk JOIN met ON met.row = chunk.rowid "
        "WHERE previous_ids IS NOT NULL)) AS names "
        f"JOIN known ON known.id = {key_sql(known.key, 'name')}",
        "CREATE OR REPLACE TEMP TABLE verdicts AS SELECT met.*, former.* EXCLUDE (row), "
        f"CAST({fate} AS UTINYINT) AS verdict FROM met LEFT JOIN ("
        "SELECT row, bool_or(former.gone) AS was_gone, bool_or(former.out) AS was_out, "
        "bool_or(former.contact = holder) AS is_holder, "
        "bool_or(former.blocked AND former.contact IS DISTINCT FROM holder) AS was_blocked, "
        "arg_min(contact, nth) AS former, arg_min(former.id, nth) AS former_id, arg_min(name, nth) AS former_name "
        "FROM former JOIN met USING (row) GROUP BY row) AS former USING (row)",
        "UPDATE chunk SET fate = verdict FROM verdicts "
        f"WHERE chunk.rowid = verdicts.row AND verdict <> {FATE['contact']}",
    ]


def holder_sql(known: KnownContacts) -> str:
    """Finds whose address each contact of the chunk has, where addresses alone tell contacts apart."""
    return (
        "CREATE OR REPLACE TEMP TABLE verdicts AS SELECT row, CAST(NULL AS BIGINT) AS owner, holder.contact AS holder "
        f"FROM (SELECT rowid AS row, {key_sql(known.key, 'email')} AS address FROM chunk "
        f"WHERE fate = {FATE['contact']}) AS mine LEFT JOIN known AS holder USING (address)"
    )


def keep_waiting_sql(part: int) -> list[str]:
    """Statements that put the chunk's rows that wait into `waiting`, under the number of the chunk."""
    rows = (
        f"SELECT chunk.*, {part} AS part, row AS {PLACE}, holder, holder_id, is_holder, former, former_id, former_name "
        "FROM chunk "
        f"JOIN (SELECT DISTINCT ON (row) * FROM verdicts WHERE verdict = {FATE['waiting']}) AS waits "
        f"ON waits.row = chunk.rowid WHERE fate = {FATE['waiting']}"
    )
    return [
        f"CREATE TABLE IF NOT EXISTS waiting AS {rows} LIMIT 0",
        f"INSERT INTO waiting {rows} ORDER BY {PLACE}",
    ]


def end_waiting_sql() -> list[str]:
    """Statements that settle the fate of the rows that wait, once all rows were read."""
    contact, another = FATE["contact"], FATE["address_of_another"]
    return [
        "UPDATE waiting SET fate = CASE WHEN holder IS NOT NULL AND ("
        "holder_id IN (SELECT customer FROM customers WHERE counted) "
        "OR (is_holder IS NOT true AND holder IN (SELECT holder FROM waiting WHERE is_holder))"
        f") THEN {another} ELSE {contact} END",
        # The first of several rows that could be the contact is; the others are new ones.
        "UPDATE waiting SET known_as = former_name FROM (SELECT min_by(rowid, (part, place)) AS first FROM waiting "
        "WHERE holder IS NULL AND former_id NOT IN (SELECT customer FROM customers) AND former NOT IN "
        f"(SELECT holder FROM waiting WHERE holder IS NOT NULL AND fate = {contact}) GROUP BY former) AS found "
        "WHERE waiting.rowid = found.first",
    ]


def waited_sql(part: int) -> str:
    """Makes `chunk` of the rows of one chunk that waited."""
    return f"CREATE OR REPLACE TEMP TABLE chunk AS SELECT * FROM waiting WHERE part = {part} ORDER BY {PLACE}"


def _file(known: KnownContacts) -> str:
    texts = "".join(f"'{name}': 'UHUGEINT', " for name in ("address", "id", *map(str.lower, _PHONES)))
    return (
        f"read_csv({literal(str(known.path))}, columns={{'contact': 'BIGINT', {texts}"
        "'blocked': 'BOOLEAN', 'gone': 'BOOLEAN', 'leaver': 'VARCHAR', 'is_out': 'BOOLEAN', 'excluded': 'VARCHAR'}, "
        f"auto_detect=false, header=false, parallel=false, buffer_size={_BUFFER_BYTES})"
    )


def _verdict(known: KnownContacts) -> str:
    cases: list[tuple[str, Fate]] = [
        ("gone OR coalesce(was_gone, false)", "left_list"),
        ("out OR coalesce(was_out, false)", "excluded"),
    ]
    if known.lifts_block:
        cases.append(("owner_blocked AND holder IS DISTINCT FROM owner", "blocked_new_address"))
    cases += [
        # Whatever address lifts: the row could become another contact, that is not blocked.
        ("owner IS NULL AND was_blocked", "blocked_new_address"),
        ("owner <> holder", "address_of_another"),
        ("owner IS NOT NULL OR (holder IS NOT NULL AND holder_id IS NULL)", "contact"),
        ("holder_blocked AND NOT coalesce(is_holder, false)", "address_of_another"),
        ("holder IS NOT NULL OR former IS NOT NULL", "waiting"),
    ]
    whens = " ".join(f"WHEN {condition} THEN {FATE[fate]}" for condition, fate in cases)
    return f"CASE {whens} ELSE {FATE['contact']} END"
