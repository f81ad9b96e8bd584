"""placeholder"""

from collections.abc import Callable, Iterator

from shared.brevo.contact_export import ExportedContact
from shared.brevo.session import BrevoSession


def list_members(
    session: BrevoSession, list_id: int, between: Callable[[], None] = lambda: None
) -> Iterator[ExportedContact]:
    raise NotImplementedError
