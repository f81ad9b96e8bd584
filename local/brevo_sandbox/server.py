"""The HTTP side: reads requests, writes answers, breaks connections when a fault asks for it."""

import contextlib
import socket
import struct
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from local.brevo_sandbox import pages
from local.brevo_sandbox.answers import Answer, ApiError, Request
from local.brevo_sandbox.control import answer_control
from local.brevo_sandbox.gateway import Outcome, answer_api, answer_report
from local.brevo_sandbox.moods import press
from local.brevo_sandbox.world import World

HOST = "127.0.0.1"
MOST_BODY_BYTES = 256 * 1024 * 1024
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'self'"


class SandboxServer(ThreadingHTTPServer):
    """Listens on the loopback address only; closing it cuts the connections that are still open."""

    daemon_threads = True
    request_queue_size = 256
    allow_reuse_address = True

    def __init__(self, world: World, port: int) -> None:
        self.world = world
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        super().__init__((HOST, port), SandboxHandler)
        world.port = self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the connection, then serve it in a thread."""
        with self._open_lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget the connection and close it."""
        with self._open_lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        """Stop listening and cut what is open."""
        super().server_close()
        with self._open_lock:
            for request in self._open:
                with contextlib.suppress(OSError):
                    request.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is nothing to report; anything else is a bug of the sandbox."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _IncomingBody:
    """A request's body, read at most once."""

    def __init__(self, stream: BufferedIOBase, length: int | None, chunked: bool) -> None:
        self._stream = stream
        self._length = length or 0
        self._chunked = chunked
        self._content: bytes | None = None

    def read(self) -> bytes:
        """All of it."""
        if self._content is None:
            self._content = b"".join(self._chunks()) if self._chunked else self._stream.read(self._length)
        return self._content

    def read_half(self) -> None:
        """The first half."""
        if self._content is None and not self._chunked:
            self._stream.read(self._length // 2)

    def _chunks(self) -> Iterator[bytes]:
        total = 0
        while size := int(self._stream.readline(20).split(b";")[0] or b"0", 16):
            total += size
            if total > MOST_BODY_BYTES:
                raise ConnectionAbortedError("the body does not end")
            yield self._stream.read(size)
            self._stream.readline(2)
        while self._stream.readline(1000) not in (b"\r\n", b"\n", b""):
            pass


class SandboxHandler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server_version = "BrevoSandbox"
    sys_version = ""
    disable_nagle_algorithm = True
    wbufsize = 65_536
    rbufsize = 65_536
    server: SandboxServer

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        query: dict[str, str] = {}
        for name, value in parse_qsl(parts.query, keep_blank_values=True):
            query[name] = f"{query[name]},{value}" if name in query else value
        body = self._body()
        if body is None:
            return
        outcome = self._outcome(parts.path, query, body)
        match outcome.delivery:
            case "reset":
                self._reset()
            case "truncated":
                self._send(outcome.answer, cut=True)
            case _:
                body.read()
                self._send(outcome.answer)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = _serve  # noqa: N815

    def _outcome(self, path: str, query: dict[str, str], body: _IncomingBody) -> Outcome:
        world = self.server.world
        if path.startswith("/v3/"):
            return answer_api(world, self.command, path[3:], query, self.headers.get("api-key"), body)
        if path.startswith("/reports/"):
            return answer_report(world, path.removeprefix("/reports/"))
        if path.startswith("/inner/"):
            world.canary_visits += 1
            return Outcome(Answer(200, b"EMAIL;SMS\nsecret@inner.example;\n", "text/plain"))
        try:
            return Outcome(self._local_answer(path, query, body))
        except ApiError as refusal:
            return Outcome(refusal.answer())

    def _local_answer(self, path: str, query: dict[str, str], body: _IncomingBody) -> Answer:
        # A web page elsewhere must neither read nor drive the sandbox through the visitor's browser.
        host = self.headers.get("Host", "").rsplit(":", 1)[0]
        own = (None, f"http://{self.headers.get('Host')}")
        if host not in (HOST, "localhost") or (self.command == "POST" and self.headers.get("Origin") not in own):
            raise ApiError(403, "permission_denied", "Only for programs on this machine, and the sandbox's own page")
        if self.command == "POST":
            self.server.world.local_changes += 1
        if path == "/buttons" and self.command == "POST":
            done = press(self.server.world, body.read())
            return Answer(303, headers={"Location": f"/?done={done}#buttons"})
        if path.startswith("/sandbox/"):
            return answer_control(self.server.world, self.command, path, Request({}, query, body.read()))
        if path == "/" and self.command == "GET":
            page = pages.overview(self.server.world, query)
            return Answer(page.status, page.body, page.content_type, {"Content-Security-Policy": _PAGE_POLICY})
        raise ApiError(404, "document_not_found", "The vendor's endpoints are below /v3")

    def _body(self) -> _IncomingBody | None:
        text = self.headers.get("Content-Length", "0")
        length = int(text) if text.isascii() and text.isdigit() else MOST_BODY_BYTES + 1
        if length > MOST_BODY_BYTES:
            self.close_connection = True
            self._send(ApiError(413, "invalid_parameter", "Body too large").answer())
            return None
        chunked = self.headers.get("Transfer-Encoding", "").lower() == "chunked"
        return _IncomingBody(self.rfile, length, chunked)

    def _send(self, answer: Answer, *, cut: bool = False) -> None:
        content = answer.body
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if isinstance(content, bytes):
            self.send_header("Content-Length", str(len(content) + (2 if cut else 0)))
            if cut:
                self.close_connection = True
            self.end_headers()
            self.wfile.write(content[: len(content) // 2] if cut else content)
            return
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for chunk in content:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        self.wfile.write(b"0\r\n\r\n")

    def _reset(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        socket.close(self.connection.detach())

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the request log has it, without personal data."""
