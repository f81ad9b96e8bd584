"""A receiver of notices on 127.0.0.1 that answers as it is told to, and keeps what it was sent."""

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Received:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Receiver:
    """`answers` are used up one by one, then it is 202 for ever. `during` is called while a message is there.

    An answer is a status, (status, headers), (status, headers, body), or one of `hang` (until the end), `drip` (a byte
    now and then), `close` (without an answer), `huge` (200 and 10 MB).
    """

    url: str
    answers: list[Any] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)
    sent_bytes: int = 0
    during: Callable[[], None] = lambda: None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    found: Receiver

    def handle_error(self, request: Any, client_address: Any) -> None:
        """The app has hung up, as it may."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        found = self.server.found
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        headers = {name.lower(): value for name, value in self.headers.items()}
        found.received.append(Received(self.path, headers, body))
        found.during()
        self.close_connection = True
        answer = found.answers.pop(0) if found.answers else 202
        if isinstance(answer, str):
            getattr(self, f"answer_{answer}")(found)
            return
        status, named, *told = answer if isinstance(answer, tuple) else (answer, {})
        self.send_response(status)
        for name, value in {"content-length": str(sum(map(len, told))), **named}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(b"".join(told))

    def do_GET(self) -> None:
        """Where a redirect was followed after all."""
        self.do_POST()

    def answer_hang(self, found: Receiver) -> None:
        found.ended.wait(30)

    def answer_drip(self, found: Receiver) -> None:
        while not found.ended.wait(0.05):
            self.wfile.write(b"H")
            self.wfile.flush()

    def answer_close(self, found: Receiver) -> None:
        return

    def answer_huge(self, found: Receiver) -> None:
        self.send_response(200)
        self.send_header("content-length", "10000000")
        self.end_headers()
        for _ in range(100):
            self.wfile.write(b"x" * 100_000)
            found.sent_bytes += 100_000

    def log_message(self, *arguments: Any) -> None:
        return


@contextmanager
def receiver(certificate: Path | None = None) -> Iterator[Receiver]:
    """Over TLS where there is a certificate."""
    server = _Server(("127.0.0.1", 0), _Handler)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    server.found = Receiver(f"http{'s' if certificate else ''}://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server.found
    finally:
        server.found.ended.set()
        server.shutdown()
        with suppress(OSError):
            server.server_close()
        thread.join()
