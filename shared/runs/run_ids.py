"""A run's id, which tells its export and its time, and where its row stands."""

import re
import secrets
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated

from pydantic import AfterValidator

RUN_ID = "[a-z0-9][a-z0-9-]{0,49}-[0-9]{8}T[0-9]{6}-[0-9a-f]{6}"
_RUN_ID = re.compile(r"(?P<export>[a-z0-9][a-z0-9-]{0,49})-(?P<time>[0-9]{8}T[0-9]{6})-(?P<nonce>[0-9a-f]{6})")
_ROW_KEY = re.compile("run-[0-9]{14}-[0-9a-f]{6}")
_NEWEST_FIRST = 99_999_999_999_999


def new_run_id(export: str, now: datetime) -> str:
    """An id that tells its export and its time, and that is safe in a path and in a file's name.

    Behind the second its 256ths are counted down, so that of two runs of one second the newer one comes first, too.
    """
    left = 255 - now.microsecond * 256 // 1_000_000
    return f"{export}-{now.astimezone(UTC):%Y%m%dT%H%M%S}-{left:02x}{secrets.token_hex(2)}"


@lru_cache(maxsize=1024)
def is_run_id(text: str) -> bool:
    """True for what `new_run_id` could have made."""
    return _RUN_ID.fullmatch(text) is not None


def _checked(text: str) -> str:
    if not is_run_id(text):
        raise ValueError("not a run id")
    return text


RunId = Annotated[str, AfterValidator(_checked)]


@lru_cache(maxsize=1024)
def run_address(run_id: str) -> tuple[str, str]:
    """The run's partition and key: within an export the newest run comes first. Raises ValueError."""
    match = _RUN_ID.fullmatch(run_id)
    if match is None:
        raise ValueError("not a run id")
    inverted = _NEWEST_FIRST - int(match["time"].replace("T", ""))
    return match["export"], f"run-{inverted:014}-{match['nonce']}"


def is_row_key(key: str) -> bool:
    """True for the key of a run's row, which holds nothing but its time."""
    return _ROW_KEY.fullmatch(key) is not None


def started_at(run_id: str) -> datetime:
    """When a run of this id was started, to the second."""
    match = _RUN_ID.fullmatch(run_id)
    if match is None:
        raise ValueError("not a run id")
    return datetime.fromisoformat(match["time"]).replace(tzinfo=UTC)
