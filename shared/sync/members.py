"""The list as it is, as a run compares it with its segment: no addresses."""

from pathlib import Path

from shared.mapping.compared import key_numbers
from shared.mapping.leavers import DigestKey, as_sent
from shared.mapping.rule import literal

_NO_ADDRESS = (0, 0)


def member_line(key: DigestKey, address: str, number: int) -> str:
    """A line for a member: its key in two numbers, and its number at Brevo."""
    high, low = key_numbers(key, as_sent(address)) if address else _NO_ADDRESS
    return f"{high},{low},{number}\n"


def members_sql(path: Path) -> str:
    """The contacts of a file of such lines: `high`, `low`, `number`."""
    return (
        f"SELECT high, low, number FROM read_csv({literal(str(path))}, "
        "columns={'high': 'UBIGINT', 'low': 'UBIGINT', 'number': 'BIGINT'}, auto_detect=false, header=false, "
        "parallel=false, buffer_size=1000000)"
    )
