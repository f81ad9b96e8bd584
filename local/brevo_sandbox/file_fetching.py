"""The file of an import with `fileUrl`, which the vendor fetches. Source:
https://developers.brevo.com/reference/import-contacts; that the app's own import takes 250 MB:
https://help.brevo.com/hc/en-us/articles/208729849
"""

import json
from typing import Any
from urllib.parse import urlsplit

import requests

from local.brevo_sandbox.common_fields import invalid

_ENDINGS = (".json", ".csv", ".txt")
# The sandbox goes nowhere else.
_THIS_MACHINE = "127.0.0.1"
_TIMEOUT_SECONDS = 30.0
_PIECE_BYTES = 1_000_000


class NotFetched(Exception):
    """The file cannot be had; the text says why, without the link, which is a secret."""


def check_link(document: dict[str, Any]) -> str:
    """The link of an import. Raises: ApiError 400."""
    link = document["fileUrl"]
    parts = urlsplit(link) if isinstance(link, str) else None
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise invalid("fileUrl is not a valid url")
    if not parts.path.endswith(_ENDINGS):
        raise invalid("fileUrl should be a .csv, .txt or .json file")
    return str(link)


def with_file(document: dict[str, Any], limit_bytes: int) -> bytes:
    """The body that says the same with the file's contacts in it. Raises: NotFetched."""
    link = check_link(document)
    data = _fetched(link, limit_bytes)
    others = {name: value for name, value in document.items() if name != "fileUrl"}
    rest = json.dumps(others).encode().removeprefix(b"{")
    if urlsplit(link).path.endswith(".json"):
        return b'{"jsonBody":' + data + b"," + rest
    return b'{"fileBody":' + json.dumps(data.decode("utf-8", "replace")).encode() + b"," + rest


def _fetched(link: str, limit_bytes: int) -> bytes:
    if urlsplit(link).hostname != _THIS_MACHINE:
        raise NotFetched("The file could not be fetched")
    data = bytearray()
    try:
        with requests.get(link, timeout=_TIMEOUT_SECONDS, stream=True, allow_redirects=False) as answer:
            if answer.status_code != 200:
                raise NotFetched(f"The file could not be fetched: status {answer.status_code}")
            for piece in answer.iter_content(_PIECE_BYTES):
                data += piece
                if len(data) > limit_bytes:
                    raise NotFetched("The file is too large")
    except requests.RequestException:
        raise NotFetched("The file could not be fetched") from None
    return bytes(data)
