"""Folders on the worker's disk, which is small, for what is personal data until it is written to storage."""

import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

_PREFIX = "segment-export-"
_LONGEST_FUNCTION_SECONDS = 3600


def working_folder() -> tempfile.TemporaryDirectory[str]:
    """A folder that is gone at the end of its `with` block."""
    return tempfile.TemporaryDirectory(prefix=_PREFIX)


def clear_what_killed_workers_left() -> None:
    """Deletes the folders of killed workers. No function runs for so long."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):
            if time.time() - folder.stat().st_mtime > _LONGEST_FUNCTION_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)
