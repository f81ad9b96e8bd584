"""What a list of the sandbox holds, however large, in the form that the sample data's oracle uses."""

import http.client
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

_CHUNK_BYTES = 1 << 20
_END_OF_HEAD = ',"contacts":['
_CONTACT = '{"email": '


def members_of(origin: str, list_id: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields address and attributes of each member; a telephone number has its plus sign again.

    Raises: LookupError where there is no such list, OSError or http.client.HTTPException where nothing answers.
    """
    parts = urlsplit(origin)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=120)
    try:
        connection.request("GET", "/sandbox/state")
        answer = connection.getresponse()
        head, rest = _head(answer)
        members = set(head["lists"][str(list_id)]["members"])
        for contact in _contacts(answer, rest):
            if contact["email"] in members:
                yield contact["email"], _as_the_oracle_writes(contact["attributes"])
    finally:
        connection.close()


def _head(answer: http.client.HTTPResponse) -> tuple[dict[str, Any], str]:
    text = ""
    while (end := text.find(_END_OF_HEAD)) < 0:
        chunk = answer.read(_CHUNK_BYTES).decode("ascii")
        if not chunk:
            raise http.client.IncompleteRead(text.encode())
        text += chunk
    head: dict[str, Any] = json.loads(text[:end] + "}")
    return head, text[end + len(_END_OF_HEAD) :]


def _contacts(answer: http.client.HTTPResponse, text: str) -> Iterator[dict[str, Any]]:
    # Quotes inside of a JSON string are escaped, so this text only ever stands where a contact begins.
    while chunk := answer.read(_CHUNK_BYTES).decode("ascii"):
        text += chunk
        end = text.rfind(_CONTACT)
        if end > 0:
            yield from json.loads(f"[{text[:end].rstrip(' ,')}]")
            text = text[end:]
    yield from json.loads(f"[{text.removesuffix(']}')}]")


def _as_the_oracle_writes(attributes: dict[str, Any]) -> dict[str, Any]:
    return attributes | ({"SMS": f"+{attributes['SMS']}"} if "SMS" in attributes else {})
