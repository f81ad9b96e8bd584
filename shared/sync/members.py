"""The list as it is, as a run compares it with its segment: no addresses."""

from shared.mapping.compared import key_numbers
from shared.mapping.leavers import DigestKey, as_sent

_NO_ADDRESS = (0, 0)


def member_line(key: DigestKey, address: str, number: int) -> str:
    """A line for a member: its key in two numbers, and its number at Brevo."""
    high, low = key_numbers(key, as_sent(address)) if address else _NO_ADDRESS
    return f"{high},{low},{number}\n"
