"""What an import may ask for, and its rows. Source: https://developers.brevo.com/reference/import-contacts"""

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from local.brevo_sandbox.answers import ApiError
from local.brevo_sandbox.common_fields import check_flags, invalid, notify_url_of
from local.brevo_sandbox.state import Account

Rows = list[dict[str, Any]]

_FLAGS = (
    "disableNotification",
    "emailBlacklist",
    "emptyContactsAttributes",
    "smsBlacklist",
    "updateExistingContacts",
)


@dataclass(frozen=True, slots=True)
class ImportOrder:
    """An accepted import, without its rows. `None` for a blacklist flag: it was not sent."""

    list_ids: tuple[int, ...]
    fields_sent: frozenset[str]
    notify_url: str
    disable_notification: bool
    update_existing: bool
    erase_empty: bool
    email_blacklist: bool | None
    sms_blacklist: bool | None

    @classmethod
    def of_one(cls, list_ids: Sequence[int], *, erase_empty: bool) -> Self:
        """What a single contact's endpoint may do: as an import, but for a contact at a time."""
        return cls(tuple(list_ids), frozenset(), "", True, True, erase_empty, None, None)


UNREAD = ImportOrder((), frozenset(), "", False, True, False, None, None)
"""Stands for what nobody has looked at yet."""

# Quotes inside of a JSON string are escaped, so this text only ever stands where the key does.
_NOTIFY_URL = re.compile(rb'"notifyUrl"\s*:\s*"([^"\\]*)"')


def notify_url_in(body: bytes) -> str:
    """Where to call back, without reading the whole body; empty where nowhere."""
    found = _NOTIFY_URL.search(body, max(0, body.rfind(b'"notifyUrl"')))
    return found[1].decode() if found else ""


def check_order(document: dict[str, Any], account: Account) -> ImportOrder:
    """Check everything but the rows, and create the new list when one is asked for.

    Raises: ApiError 400.
    """
    check_flags(document, _FLAGS)
    notify_url = notify_url_of(document)
    list_ids = _list_ids(document, account)
    return ImportOrder(
        list_ids=tuple(dict.fromkeys([*list_ids, *_new_list(document, account)])),
        fields_sent=frozenset(document),
        notify_url=notify_url,
        disable_notification=document.get("disableNotification", False),
        update_existing=document.get("updateExistingContacts", True),
        erase_empty=document.get("emptyContactsAttributes", False),
        email_blacklist=document.get("emailBlacklist"),
        sms_blacklist=document.get("smsBlacklist"),
    )


def rows_of(document: dict[str, Any]) -> Rows:
    """The contacts of an import, each with `email` and `attributes`, from `jsonBody` or `fileBody`.

    Raises: ApiError 400.
    """
    if "jsonBody" in document:
        return _checked(document["jsonBody"])
    if "fileBody" in document:
        return _of_csv(document["fileBody"])
    raise ApiError(400, "missing_parameter", "One of fileUrl, fileBody or jsonBody is missing")


def is_by_file(document: dict[str, Any]) -> bool:
    """Whether the contacts are in a file that is to be fetched."""
    return "fileUrl" in document and not document.keys() & {"jsonBody", "fileBody"}


def known_lists(document: dict[str, Any], name: str, account: Account) -> list[int]:
    """The numbers of lists in a body. Raises: ApiError 400 where one is no number or there is no such list."""
    list_ids = document.get(name) or []
    if not isinstance(list_ids, list) or not all(type(number) is int for number in list_ids):
        raise invalid(f"{name} should be an array of integers")
    if any(number not in account.lists for number in list_ids):
        raise invalid(f"{name} contains a list that does not exist")
    return list_ids


def _checked(body: object) -> Rows:
    if not isinstance(body, list) or not body:
        raise invalid("jsonBody should be an array of contacts")
    for row in body:
        if not isinstance(row, dict) or not isinstance(row.get("attributes", {}), dict):
            raise invalid("jsonBody should be an array of contacts")
    return body


def _of_csv(body: object) -> Rows:
    if not isinstance(body, str) or not body.strip():
        raise invalid("fileBody should be a csv text")
    reader = csv.reader(io.StringIO(body), delimiter=";")
    try:
        header = [name.strip() for name in next(reader)]
        lines = [line for line in reader if line]
    except csv.Error:
        raise invalid("fileBody is not a valid csv") from None
    place = next((index for index, name in enumerate(header) if name.upper() == "EMAIL"), None)
    if place is None:
        raise invalid("fileBody has no EMAIL column")
    rows: Rows = []
    for line in lines:
        attributes = dict(zip(header, line, strict=False))
        rows.append({"email": attributes.pop(header[place], ""), "attributes": attributes})
    return rows


def _list_ids(document: dict[str, Any], account: Account) -> list[int]:
    list_ids = known_lists(document, "listIds", account)
    if not list_ids and "newList" not in document:
        raise ApiError(400, "missing_parameter", "listIds or newList is missing")
    return list_ids


def _new_list(document: dict[str, Any], account: Account) -> list[int]:
    wanted = document.get("newList")
    if wanted is None:
        return []
    if not isinstance(wanted, dict) or not isinstance(wanted.get("listName"), str) or not wanted["listName"]:
        raise invalid("newList should have a listName")
    folder_id = wanted.get("folderId", 1)
    if type(folder_id) is not int or folder_id not in account.folders:
        raise invalid("newList has a folder that does not exist")
    return [account.add_list(wanted["listName"], folder_id).id]
