"""The sockets: reads requests off 127.0.0.1 and writes responses, within the limits of Kestrel.

Source: https://learn.microsoft.com/aspnet/core/fundamentals/servers/kestrel/options (2026-11)
"""

from __future__ import annotations

import http.client
import io
import logging
import re
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from local.functions_host.http_messages import Request, Respond, Response
from local.functions_host.targets import TargetError, path_of

_log = logging.getLogger("local.functions_host.http")
_HOP_BY_HOP = {"connection", "content-length", "transfer-encoding", "keep-alive", "date", "server"}
_REQUEST_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([^ ]*) HTTP/(1\.[01])\r?\n")
_MOST_REQUEST_LINE_BYTES = 8_192
_MOST_HEADER_BYTES = 32_768
_DRAIN_SECONDS = 5
_CHUNK_BYTES = 1 << 16


class _Refused(Exception):
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
    protocol_version = request_version = "HTTP/1.1"
    command = ""
    disable_nagle_algorithm = True
    server: HttpServer

    def handle_one_request(self) -> None:
        """Answer one request. It replaces the library's, which knows few methods and changes some targets."""
        self.close_connection = True
        line = self.rfile.readline(_MOST_REQUEST_LINE_BYTES + 1)
        if not line:
            return
        try:
            request = self._read_request(line)
        except _Refused as error:
            self._write(Response(error.status, headers=(("Connection", "close"),)))
            self._drain()
            return
        try:
            response = self.server.respond(request)
        except Exception:  # noqa: BLE001 - one broken request must not end the connection silently
            _log.exception("%s %s", request.method, request.path)
            response = Response(500)
        self._write(response)

    def log_message(self, format: str, *args: Any) -> None:
        """Keep addresses, which may hold keys, out of the logs."""

    def _read_request(self, line: bytes) -> Request:
        if len(line) > _MOST_REQUEST_LINE_BYTES:
            raise _Refused(414)
        parts = _REQUEST_LINE.fullmatch(line)
        if parts is None:
            raise _Refused(400)
        self.command, target, version = parts[1].decode(), parts[2].decode("latin-1"), parts[3]
        try:
            path = path_of(self.command, target)
        except TargetError as error:
            raise _Refused(error.status) from error
        self.headers = self._read_headers()
        connection = self.headers.get("Connection", "").lower()
        body = self._read_body()
        self.close_connection = "close" in connection or (version == b"1.0" and "keep-alive" not in connection)
        return Request(self.command, target, path, self._joined_headers(), body)

    def _read_headers(self) -> http.client.HTTPMessage:
        block = bytearray()
        while True:
            line = self.rfile.readline(_MOST_HEADER_BYTES + 1)
            block += line
            if len(block) > _MOST_HEADER_BYTES:
                raise _Refused(431)
            if line in (b"\r\n", b"\n", b""):
                break
        try:
            return http.client.parse_headers(io.BytesIO(block))
        except http.client.HTTPException:  # more than a hundred, which is Kestrel's limit too
            raise _Refused(431) from None

    def _joined_headers(self) -> dict[str, str]:
        joined: dict[str, str] = {}
        for name, value in self.headers.items():
            key = name.lower()
            joined[key] = f"{joined[key]},{value}" if key in joined else value
        return joined

    def _read_body(self) -> bytes:
        if self.headers.get("Expect", "").lower() == "100-continue":
            self.handle_expect_100()
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return self._read_chunks()
        length_text = self.headers.get("Content-Length", "0").strip()
        if not length_text.isdigit():
            raise _Refused(400)
        if int(length_text) > self.server.body_limit_bytes:
            raise _Refused(413)
        return self._read_exactly(int(length_text))

    def _read_chunks(self) -> bytes:
        body = bytearray()
        while True:
            try:
                size = int(self.rfile.readline(1024).split(b";")[0], 16)
            except ValueError:
                raise _Refused(400) from None
            if size < 0 or len(body) + size > self.server.body_limit_bytes:
                raise _Refused(413)
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
            raise _Refused(400)
        return body

    def _drain(self) -> None:
        """Read on for a while: closing with unread bytes would take the answer from a caller who still sends."""
        deadline = time.monotonic() + _DRAIN_SECONDS
        try:
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(1)
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
