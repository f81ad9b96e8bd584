"""Chromium, driven by Playwright: the one of this machine, as `make browser` installs it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

# As scripts/browser.sh looks for it.
_NAMES = ("chromium", "chromium-browser", "google-chrome")
# Its own sandbox needs rights that a container seldom has, and memory is short there. It sees our own pages alone.
_ARGUMENTS = ("--no-sandbox", "--disable-dev-shm-usage")
MISSING = "there is no Chromium here: `make browser` installs it, or the variable CHROMIUM names one"


def find_chromium() -> str:
    """Where it is: what CHROMIUM names, or what is on the PATH. Empty where there is none."""
    found = (shutil.which(name) for name in (os.environ.get("CHROMIUM", ""), *_NAMES) if name)
    return next((path for path in found if path), "")


@contextmanager
def chromium() -> Iterator[Browser]:
    """A Chromium without a window, with nobody's profile. Raises: LookupError where there is none."""
    program = find_chromium()
    if not program:
        raise LookupError(MISSING)
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=program, args=_ARGUMENTS) as browser,
    ):
        yield browser
