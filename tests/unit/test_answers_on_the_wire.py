"""Answers as they come over the wire, byte by byte, odd or cut: each is read, or is an error that passes."""

import contextlib
import gzip
import io
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from shared.brevo.download import Download
from shared.brevo.session import BrevoSession
from shared.errors import ExportError, PermanentError, TransientError

JSON = b'{"id": 12}'


class NoPace:
    """Lets every call through."""

    def take(self, _: Any) -> None: ...

    def learn(self, *_: Any) -> None: ...


@contextlib.contextmanager
def answering(pieces: list[bytes], pause_seconds: float = 0) -> Iterator[str]:
    """The address of a server that answers the first request with these bytes, and hangs up."""

    def serve() -> None:
        with contextlib.suppress(OSError):
            connection, _ = server.accept()
            with connection:
                connection.recv(65_536)
                for piece in pieces:
                    connection.sendall(piece)
                    time.sleep(pause_seconds)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        server.close()
        thread.join(5)


def head(*lines: str, status: str = "200 OK") -> bytes:
    return "".join(f"{line}\r\n" for line in (f"HTTP/1.1 {status}", *lines, "")).encode()


def ask(url: str) -> Any:
    session = BrevoSession(url, "key", NoPace())  # type: ignore[arg-type]
    return session.call("contacts", "GET", "/contacts/lists/12", attempts=1)


@pytest.mark.parametrize("lines", [("Content-Length: 10",), (), ("Transfer-Encoding: identity",)])
def test_answer_is_read_however_its_end_is_known(lines):
    with answering([head(*lines), JSON[:4], JSON[4:]]) as url:
        assert ask(url) == {"id": 12}


@pytest.mark.parametrize(
    "pieces",
    [
        [head("Content-Length: 11"), JSON],
        [head("Content-Length: 10", "Content-Length: 11"), JSON],
        [head("Transfer-Encoding: chunked"), b"zz\r\n"],
        [head("Transfer-Encoding: chunked"), b"a\r\n", JSON],
        [head("Content-Length: 10", "Content-Encoding: gzip"), JSON],
        [head("Content-Length: 0", "Location: http://[bad", status="302 Found")],
        [b"SSH-2.0-OpenSSH\r\n"],
        [b""],
    ],
    ids=["cut", "two lengths", "no chunk", "a cut chunk", "no gzip", "a bad redirect", "no HTTP", "nothing"],
)
def test_answer_that_is_cut_or_odd_passes(pieces):
    with answering(pieces) as url, pytest.raises(TransientError):
        ask(url)


def test_answer_that_drips_is_given_up_in_time(monkeypatch):
    monkeypatch.setattr("shared.brevo.session.READ_SECONDS", 0.3)
    begun = time.monotonic()
    drops = [head("Content-Length: 1000"), *[b" "] * 100]
    with answering(drops, 0.05) as url, pytest.raises(TransientError, match="not come to an end"):
        ask(url)
    assert time.monotonic() - begun < 2


ROWS = b"EMAIL;SMS\n" + b"".join(b"person%d@example.com;\n" % n for n in range(500))
PACKED = gzip.compress(ROWS)


def fetched(packed: bytes, encoding: str, *, is_chunked: bool, largest_bytes: int = 100_000) -> bytes:
    end = "Transfer-Encoding: chunked" if is_chunked else f"Content-Length: {len(packed)}"
    body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(packed), packed) if is_chunked else packed
    file = io.BytesIO()
    with answering([head(end, f"Content-Encoding: {encoding}"), body]) as url:
        Download("export", largest_bytes, 5).fetch(f"{url}/r", url, file)
    return file.getvalue()


@pytest.mark.parametrize("is_chunked", [True, False])
def test_packed_file_is_whole_or_refused(is_chunked):
    assert fetched(ROWS, "identity", is_chunked=is_chunked) == ROWS
    assert fetched(PACKED, "gzip", is_chunked=is_chunked) == ROWS
    for broken in (PACKED[:-1], PACKED[: len(PACKED) // 2], PACKED[:-8] + b"x" * 8, b"x" + PACKED, ROWS):
        with pytest.raises(TransientError, match="could not be read"):
            fetched(broken, "gzip", is_chunked=is_chunked)
    with pytest.raises(TransientError, match="packed"):
        fetched(PACKED, "br", is_chunked=is_chunked)
    with pytest.raises(PermanentError, match="larger than 1,000 bytes"):
        fetched(PACKED, "gzip", is_chunked=is_chunked, largest_bytes=1_000)


@pytest.mark.parametrize("address", ["/elsewhere", "http://[bad"])
def test_page_of_a_redirect_is_not_read_whatever_it_leads_to(address):
    """It has a page of a gigabyte, of which nothing comes."""
    redirect = head("Content-Length: 1000000000", f"Location: {address}", status="307 Temporary Redirect")
    with answering([redirect], 0.3) as url, pytest.raises(ExportError) as caught:
        Download("report", 10, 2).fetch(f"{url}/r", url, io.BytesIO())
    assert caught.value.code == "report_missing"
