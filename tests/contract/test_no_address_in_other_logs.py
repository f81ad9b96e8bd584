"""What libraries below log of a request never names its address: a person's, or a link, may stand in it."""

import io
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from shared.brevo.download import Download
from shared.brevo.single_contacts import find_single

# A line that is no header, as a proxy on the way may put there.
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\nno header at all\r\nX: y\r\n\r\n" + b'{"id":1}'


@contextmanager
def answering_badly() -> Iterator[str]:
    """The address of a server that takes one request and answers it with a header that cannot be read."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(_ANSWER)

        thread = threading.Thread(target=answer)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        thread.join(5)


@pytest.mark.parametrize("level", [logging.DEBUG, logging.WARNING])
def test_answer_with_a_broken_header_logs_no_address_of_a_person(session, caplog, level):
    caplog.set_level(level)
    with answering_badly() as session.base_url:
        assert find_single(session, "ana@example.com")
    assert "ana" not in caplog.text


@pytest.mark.parametrize("level", [logging.DEBUG, logging.WARNING])
def test_file_with_a_broken_header_logs_no_link(caplog, level):
    caplog.set_level(level)
    with answering_badly() as there:
        Download("report", 1_000, 5).fetch(f"{there}/report.csv?sig=abc", there, io.BytesIO())
    assert "sig=" not in caplog.text
