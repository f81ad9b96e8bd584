"""What decides, beside the rows themselves, who of a segment is sent."""

from dataclasses import dataclass

from shared.mapping.chosen import Chosen
from shared.mapping.compared import Compared
from shared.mapping.excluded import Excluded
from shared.mapping.known import KnownContacts
from shared.mapping.leavers import Leavers


@dataclass(frozen=True, slots=True)
class Conditions:
    """Contacts that are among the `leavers` or the `excluded` are left out.

    `known` are the account's contacts, where a row could touch another one than that with its address. With `chosen`
    only these customers are sent and counted. `compared` says how contacts are compared with those of before; who has
    not changed since is not sent.
    """

    leavers: Leavers | None = None
    known: KnownContacts | None = None
    chosen: Chosen | None = None
    excluded: Excluded | None = None
    compared: Compared | None = None


NONE = Conditions()
