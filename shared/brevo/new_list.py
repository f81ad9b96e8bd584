"""A new list of an account, for people who add an export. No run makes one.

https://developers.brevo.com/reference/create-list
"""

import json

from pydantic import BaseModel

from shared.brevo.models import parsed
from shared.brevo.session import BrevoSession

FOLDER = "Segment Export"
"""The folder of Brevo's that a new list is put into, where the account has it."""
_PAGE = 50
_MOST_PAGES = 20


class _Folder(BaseModel):
    id: int
    name: str = ""


class _Folders(BaseModel):
    folders: list[_Folder] = []


class _Made(BaseModel):
    id: int


def make_list(session: BrevoSession, name: str) -> int:
    """Makes a list of this name, also beside one that has it already; its number. Raises as `BrevoSession.call` does.

    Not tried again by itself: where the answer was lost, the list may be there.
    """
    return _made(session, "/contacts/lists", {"name": name, "folderId": _folder(session)})


def _folder(session: BrevoSession) -> int:
    """Ours; else the first one; else a new one."""
    found: list[_Folder] = []
    for number in range(_MOST_PAGES):
        params: dict[str, str | int] = {"limit": _PAGE, "offset": number * _PAGE}
        page = parsed(_Folders, session.call("contacts", "GET", "/contacts/folders", params=params)).folders
        found += page
        ours = [each.id for each in page if each.name == FOLDER]
        if ours:
            return ours[0]
        if len(page) < _PAGE:
            break
    if found:
        return min(each.id for each in found)
    return _made(session, "/contacts/folders", {"name": FOLDER})


def _made(session: BrevoSession, path: str, document: dict[str, str | int]) -> int:
    body = json.dumps(document, ensure_ascii=False).encode()
    return parsed(_Made, session.call("contacts", "POST", path, body=body, attempts=1)).id
