"""The list as it is, as a run compares it with its segment: no addresses."""

from pathlib import Path

from shared.mapping.compared import key_numbers
from shared.mapping.leavers import DigestKey, as_sent
from shared.mapping.rule import literal

_NO_ADDRESS = (0, 0)


def member_line(key: DigestKey, address: str, number: int, *, blocked: bool) -> str:
    """A line for a member: its key in two numbers, its number at Brevo, and whether it is blocked."""
    high, low = key_numbers(key, as_sent(address)) if address else _NO_ADDRESS
    return f"{high},{low},{number},{'1' if blocked else '0'}\n"


def members_sql(path: Path) -> str:
    """The contacts of a file of such lines: `high`, `low`, `number`, `blocked`."""
    columns = "{'high': 'UBIGINT', 'low': 'UBIGINT', 'number': 'BIGINT', 'blocked': 'BOOLEAN'}"
    return (
        f"SELECT high, low, number, blocked FROM read_csv({literal(str(path))}, columns={columns}, "
        "auto_detect=false, header=false, parallel=false, buffer_size=1000000)"
    )
