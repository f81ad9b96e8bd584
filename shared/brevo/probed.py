"""What `probe` has found out about a Brevo account, as it stands with the account's other rows."""

from dataclasses import dataclass
from typing import Literal

from shared.storage.tables import Rows

PROBE = "probe"


@dataclass(frozen=True, slots=True)
class ProbeAnswers:
    """The answers; None where there is none.

    `ext_id`: how an import takes a contact's EXT_ID, among its attributes or as a field `ext_id` beside them.
    `new_address_lifts_block`: whether a blocked contact that gets another address is blocked no more.
    """

    ext_id: Literal["attributes", "field", "not_taken"] | None = None
    new_address_lifts_block: bool | None = None


def read_probe(accounts: Rows, key_setting: str) -> ProbeAnswers | None:
    """The last answers of the account whose key is in this setting; None where it was never probed."""
    row = accounts.get(key_setting, PROBE)
    if row is None:
        return None
    known = {name: row.values[name] for name in ProbeAnswers.__slots__ if name in row.values}
    return ProbeAnswers(**known)
