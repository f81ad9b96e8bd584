"""Fields that several requests have, checked in one way."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from local.brevo_sandbox.answers import ApiError


def invalid(message: str) -> ApiError:
    """The refusal of a field."""
    return ApiError(400, "invalid_parameter", message)


def check_flags(document: dict[str, Any], names: Iterable[str]) -> None:
    """Raises: ApiError 400 for a flag that is neither true nor false."""
    for name in names:
        if not isinstance(document.get(name, False), bool):
            raise invalid(f"{name} should be a boolean")


def notify_url_of(document: dict[str, Any]) -> str:
    """Where to call back; empty where nowhere. Raises: ApiError 400."""
    notify_url = document.get("notifyUrl") or ""
    if not isinstance(notify_url, str) or (notify_url and urlsplit(notify_url).scheme not in ("http", "https")):
        raise invalid("notifyUrl should be a valid url")
    return notify_url
