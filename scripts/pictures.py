"""Takes the pictures of the pages, docs/pictures/*.png, from the app on this machine: `python -m scripts.pictures`.

It takes a minute, and a Chromium: `make browser`. Names in the pictures are made up.
"""

import json
import secrets
import tempfile
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from azure.storage.blob import BlobServiceClient
from playwright.sync_api import Page

from local.chromium import chromium
from local.sample_data import make_segment
from local.stack import CONFIG, CONTAINER, Stack

PICTURES = Path(__file__).resolve().parents[1] / "docs" / "pictures"
LARGEST_BYTES = 120_000
WIDTH = 1100

_WAIT_MILLISECONDS = 120_000
_RUNS = 4
_LOCATION = ("settings", "exports.json")
_EXPORT = "high-value"


@dataclass(frozen=True)
class Photographer:
    """A signed-in administrator with a browser, and where the pictures go."""

    page: Page
    folder: Path

    def open(self, path: str, waits_for: str = "h1") -> None:
        """A page, by its path below the root, once that selector is there. Raises: ValueError for a problem page."""
        answer = self.page.goto(f"/api/pages/{path}")
        if answer is None or not answer.ok:
            raise ValueError(f"{path}: {self.page.locator('main').inner_text()}")
        self.page.locator(waits_for).first.wait_for()

    def start(self, what: str, until: str) -> None:
        """A run or a plan of the export, until its page shows that state by itself."""
        self.open(f"exports/{_EXPORT}")
        self.page.get_by_role("button", name=what, exact=True).click()
        self.page.locator(f"#run .state.{until}").wait_for()

    def take(self, name: str, highest: int = 900, top: str = "body") -> None:
        """The page from that selector on: all of it, or where it is higher as much as a guide has room for."""
        y = self.page.locator(top).first.evaluate("each => each.getBoundingClientRect().top + window.scrollY")
        height = min(self.page.evaluate("document.body.offsetHeight") - y, highest)
        data = self.page.screenshot(full_page=True, clip={"x": 0, "y": y, "width": WIDTH, "height": height})
        if len(data) > LARGEST_BYTES:
            raise ValueError(f"{name}.png has {len(data):,} bytes, {LARGEST_BYTES:,} at most: show less of it")
        (self.folder / f"{name}.png").write_bytes(data)
        print(f"{name}.png: {WIDTH} x {height:.0f}, {len(data):,} bytes")


def take_all(stack: Stack, page: Page, folder: Path) -> None:
    """The six main pages, of an export whose segment changes from run to run."""
    photographer = Photographer(page, folder)
    page.goto(f"{stack.url}/api/pages/")
    page.get_by_role("button", name="Administrator").click()
    for number in range(1, _RUNS):
        _refresh(stack.storage, number)
        photographer.start("Run", "succeeded_with_rejections")
    photographer.take("run")
    _refresh(stack.storage, _RUNS)
    photographer.start("Plan", "held")
    page.get_by_role("region", name="What would change").wait_for()
    photographer.take("plan", highest=1080)
    photographer.open("", waits_for=".state-of svg")
    photographer.take("exports")
    photographer.open(f"exports/{_EXPORT}/edit", waits_for="#export")
    page.get_by_role("button", name="Check", exact=True).click()
    page.locator("#check .done").wait_for()
    photographer.take("export-form", highest=1180, top="fieldset:has([name=email])")
    photographer.open("connections/brevo-eu")
    page.get_by_label("I agree").check()
    page.get_by_label("Your name, for the record").fill("Ada Brook")
    page.get_by_role("button", name="Test, and connect if I agree").click()
    page.locator(".steps").wait_for()
    photographer.take("connection", highest=820)
    photographer.open("health", waits_for=".findings")
    photographer.take("health", highest=600)


def _refresh(storage: str, number: int) -> None:
    """Puts the segment's next refresh there: some customers have left it, and more have come."""
    taken = datetime.now(UTC) - timedelta(hours=_RUNS - number)
    segment = make_segment(rows=400 + 30 * number, first_customer=12 * number, flaws=0.05, taken=taken)
    segment.upload(storage, CONTAINER)


def _configure(storage: str) -> None:
    """The example's configuration, with an export that follows its segment and comes at times of its own."""
    document = json.loads(CONFIG.read_text(encoding="utf-8"))
    document["exports"][0] |= {
        "segments": ["HighValueSegment"],
        "sync_mode": "mirror",
        "schedule": {"cron": "0 6 * * 1-5", "time_zone": "Europe/Bucharest"},
    }
    with BlobServiceClient.from_connection_string(storage) as service:
        container = service.create_container(_LOCATION[0])
        container.upload_blob(_LOCATION[1], json.dumps(document).encode())


def main() -> None:
    """Starts the app, takes the pictures, ends it."""
    PICTURES.mkdir(exist_ok=True)
    settings = {
        "EXPORT_CONFIG": "/".join(_LOCATION),
        "SNAPSHOT_QUIET_SECONDS": "0",
        "EXPORT_SCHEDULE": "0 0 3 1 1 *",
        "WEBHOOK_SECRET": secrets.token_hex(),
    }
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder), settings, sign_in=True, prepare=_configure)
        with stack.start(threading.Event()), chromium() as browser:
            context = browser.new_context(base_url=stack.url, viewport={"width": WIDTH, "height": 800})
            context.set_default_timeout(_WAIT_MILLISECONDS)
            take_all(stack, context.new_page(), PICTURES)


if __name__ == "__main__":
    main()
