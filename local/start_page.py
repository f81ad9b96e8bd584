"""The start page of `make serve`: links to all that is up, what to try, the guides, and a receiver of notices.

It has a port of its own, since `/` of the functions host is the platform's. It shows the key, so it answers only to
this machine's own names.
"""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from local.stack import REPOSITORY
from shared.app_secret import new_secret

NAMES = ("127.0.0.1", "localhost")
_MOST_NOTICE_BYTES = 1_000_000
_NOTICES_KEPT = 20
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 54rem; margin: 0 auto; padding: 1rem 1.25rem; }
pre { overflow-x: auto; padding: 0.75rem; border: 1px solid #8888; border-radius: 0.4rem; }
dt { font-weight: 600; } dd { margin: 0 0 0.6rem; }
a:focus-visible { outline: 3px solid; outline-offset: 2px; }
"""


@dataclass(frozen=True, slots=True)
class Link:
    """A line of the page: where it leads, and what is there."""

    title: str
    address: str
    text: str


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page shows once all is up."""

    links: Sequence[Link]
    commands: str


@dataclass(slots=True)
class _Notice:
    to: str
    at: datetime
    text: str


@dataclass(slots=True)
class _Page:
    shown: Shown | None = None
    notices: deque[_Notice] = field(default_factory=lambda: deque(maxlen=_NOTICES_KEPT))


class StartPage:
    """The server. Until `show` was called, the page says that all is starting."""

    def __init__(self, port: int) -> None:
        self._page = _Page()
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.page = self._page
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Its address, with a slash at the end."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/"

    def receivers(self) -> dict[str, str]:
        """Settings of receivers that show on the page what they get, by the names that the guide's example has."""
        names = {"TEAMS_WEBHOOK_URL": "teams", "SLACK_WEBHOOK_URL": "slack", "TICKETS_URL": "tickets"}
        addresses = {setting: f"{self.url}notices/{name}" for setting, name in names.items()}
        return addresses | {"TICKETS_SECRET": f"whsec_{new_secret()}"}

    def show(self, shown: Shown) -> None:
        """Say that all is up."""
        self._page.shown = shown


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    page: _Page


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    server_version = "StartPage"
    sys_version = ""
    timeout = 30

    def do_GET(self) -> None:
        guide = _guides().get(self.path.removeprefix("/"))
        if not self._is_for_us():
            self._answer(403, "Only for this machine.")
        elif self.path == "/":
            self._answer(200, _html(self.server.page), "text/html")
        elif guide is not None:
            self._answer(200, guide.read_text(encoding="utf-8"))
        else:
            self._answer(404, "There is no such page; / is the start page.")

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not (self._is_for_us() and self.path.startswith("/notices/") and self.headers.get("Origin") is None):
            self._answer(404, "Notices go to /notices/NAME.")
        elif not (length.isascii() and length.isdigit() and int(length) <= _MOST_NOTICE_BYTES):
            self._answer(413, "A notice has at most 1 MB.")
        else:
            text = _readable(self.rfile.read(int(length)))
            self.server.page.notices.appendleft(
                _Notice(self.path.removeprefix("/notices/"), datetime.now().astimezone(), text)
            )
            self._answer(200, "ok")

    def _is_for_us(self) -> bool:
        """Whether it was called by its own name: a web page elsewhere could lead another name here to read the key."""
        return self.headers.get("Host", "").rsplit(":", 1)[0] in NAMES

    def _answer(self, status: int, text: str, kind: str = "text/plain") -> None:
        content = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Content-Security-Policy", _POLICY)
        self.send_header("Referrer-Policy", "no-referrer")  # addresses on the page have the key in them
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the terminal is for what serve says."""


def _guides() -> dict[str, Path]:
    return {f"docs/{path.name}": path for path in sorted((REPOSITORY / "docs").glob("*.md"))}


def _readable(body: bytes) -> str:
    text = body.decode("utf-8", "replace")
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text


def _html(page: _Page) -> str:
    shown = page.shown
    head = "" if shown else '<meta http-equiv="refresh" content="1">'
    body = _body(shown, page) if shown else "<p>Starting; this page reloads itself.</p>"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Segment Export</title>{head}'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>'
        f"<body><h1>Segment Export on this machine</h1>{body}</body></html>"
    )


def _body(shown: Shown, page: _Page) -> str:
    links = "".join(
        f'<dt><a href="{escape(each.address)}">{escape(each.title)}</a></dt><dd>{escape(each.text)}</dd>'
        for each in shown.links
    )
    guides = ", ".join(f'<a href="/{escape(name)}">{escape(name)}</a>' for name in _guides())
    return (
        f"<h2>Look</h2><dl>{links}</dl>"
        f"<h2>Try it in a terminal</h2><pre>{escape(shown.commands)}</pre>"
        f"<h2>Read</h2><p>{guides}</p><h2>Notices</h2>{_notices(page)}"
    )


def _notices(page: _Page) -> str:
    if not page.notices:
        return (
            "<p>None yet. Receivers whose settings are TEAMS_WEBHOOK_URL, SLACK_WEBHOOK_URL and TICKETS_URL "
            "send them here; docs/configure.md has an example.</p>"
        )
    return "".join(
        f"<h3>{escape(each.to)}, {each.at:%H:%M:%S %Z}</h3><pre>{escape(each.text)}</pre>" for each in page.notices
    )
