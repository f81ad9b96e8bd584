"""The sockets: reads requests off 127.0.0.1 and writes responses."""

from __future__ import annotations

import logging
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from local.functions_host.http_messages import Request, Respond, Response

_log = logging.getLogger("local.functions_host.http")
_HOP_BY_HOP = {"connection", "content-length", "transfer-encoding", "keep-alive", "date", "server"}
_DRAIN_SECONDS = 5
_CHUNK_BYTES = 1 << 16


class _BadRequest(Exception):
    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class HttpServer(ThreadingHTTPServer):
    """Hands each request to `respond`, in a thread of its own. Port 0 takes a free one."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, port: int, respond: Respond, *, body_limit_bytes: int) -> None:
        self.respond = respond
        self.body_limit_bytes = body_limit_bytes
        super().__init__(("127.0.0.1", port), _Handler)

    def serve_in_background(self) -> None:
        """Begin to answer."""
        threading.Thread(target=self.serve_forever, args=(0.05,), name="http", daemon=True).start()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log a broken connection instead of printing its trace."""
        _log.debug("connection from %s broke", client_address, exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: HttpServer

    def handle_request(self) -> None:
        try:
            body = self._read_body()
        except _BadRequest as error:
            self.close_connection = True
            self._write(Response(error.status, headers=(("Connection", "close"),)))
            if error.status == 413:
                self._drain()
            return
        request = Request(self.command, self.path, self._headers(), body)
        try:
            response = self.server.respond(request)
        except Exception:  # noqa: BLE001 - one broken request must not end the connection silently
            _log.exception("%s %s", self.command, self.path.partition("?")[0])
            response = Response(500)
        self._write(response)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_TRACE = do_QUERY = handle_request  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:
        """Keep addresses, which may hold keys, out of the logs."""

    def _headers(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for name, value in self.headers.items():
            key = name.lower()
            found[key] = f"{found[key]},{value}" if key in found else value
        return found

    def _read_body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return self._read_chunks()
        length_text = self.headers.get("Content-Length", "0").strip()
        if not length_text.isdigit():
            raise _BadRequest(400)
        if int(length_text) > self.server.body_limit_bytes:
            raise _BadRequest(413)
        return self._read_exactly(int(length_text))

    def _read_chunks(self) -> bytes:
        body = bytearray()
        while True:
            try:
                size = int(self.rfile.readline(1024).split(b";")[0], 16)
            except ValueError:
                raise _BadRequest(400) from None
            if size < 0 or len(body) + size > self.server.body_limit_bytes:
                raise _BadRequest(413)
            if size == 0:
                break
            body += self._read_exactly(size)
            self.rfile.readline(1024)
        while self.rfile.readline(_CHUNK_BYTES) not in (b"\r\n", b"\n", b""):
            pass
        return bytes(body)

    def _read_exactly(self, size: int) -> bytes:
        body = self.rfile.read(size)
        if len(body) < size:
            raise _BadRequest(400)
        return body

    def _drain(self) -> None:
        """Read on for a while, so that a caller still sending gets to see the answer."""
        deadline = time.monotonic() + _DRAIN_SECONDS
        self.connection.settimeout(1)
        try:
            while time.monotonic() < deadline and self.rfile.read1(_CHUNK_BYTES):
                pass
        except OSError:
            return

    def _write(self, response: Response) -> None:
        self.send_response_only(response.status)
        self.send_header("Date", self.date_time_string())
        for name, value in response.headers:
            if name.lower() not in _HOP_BY_HOP or name == "Connection":
                self.send_header(name, value)
        without_body = response.status in (204, 304) or response.status < 200
        if not without_body:
            self.send_header("Content-Length", str(len(response.body)))
        self.end_headers()
        if not without_body and self.command != "HEAD":
            self.wfile.write(response.body)
