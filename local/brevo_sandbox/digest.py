"""A digest of contacts that does not depend on their order, to compare a list with what an oracle expects."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True)
_WIDTH = 1 << 256


def digest_of(contacts: Iterable[tuple[str, Mapping[str, Any]]]) -> tuple[int, str]:
    """How many contacts there are, and 64 hexadecimal digits over their addresses and attributes.

    Each contact is `[email, attributes]` as compact JSON with sorted keys, hashed with SHA-256; the hashes
    are added up modulo 2**256, so the order does not matter and a repeated contact does.
    """
    count = total = 0
    for email, attributes in contacts:
        count += 1
        text = _ENCODER.encode([email, attributes])
        total += int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest())
    return count, f"{total % _WIDTH:064x}"
