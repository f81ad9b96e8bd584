"""A notice is posted once, and whatever the receiver does, it is over soon and is told apart."""

import ipaddress
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from shared.errors import ConfigurationError, TransientError
from shared.notices import posting
from shared.notices.posting import OutcomeUnknownError, post
from tests.receiver import Receiver, receiver

HEADERS = {"content-type": "application/json"}


@pytest.fixture
def there() -> Iterator[Receiver]:
    with receiver() as running:
        yield running


def posted(there: Receiver, *answers: object, path: str = "/hook?sig=s3cret") -> None:
    there.answers.extend(answers)
    post(there.url + path, "TEAM_URL", b"{}", HEADERS)


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_message_that_is_accepted_was_sent_once_as_it_is(there, status):
    posted(there, status)
    (found,) = there.received
    assert (found.path, found.body, found.headers["content-type"]) == ("/hook?sig=s3cret", b"{}", "application/json")


@pytest.mark.parametrize("status", [408, 425, 429, 500, 503, 599])
def test_receiver_that_has_trouble_is_told_to_be_tried_again(there, status):
    with pytest.raises(TransientError) as caught:
        posted(there, status)
    assert not isinstance(caught.value, OutcomeUnknownError)
    assert str(status) in str(caught.value)


@pytest.mark.parametrize("answer", [502, 504, "close"])
def test_answer_that_says_nothing_of_the_message_leaves_its_fate_unknown(there, answer):
    with pytest.raises(OutcomeUnknownError):
        posted(there, answer)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 413])
def test_refusal_names_the_setting_and_never_the_address(there, status):
    with pytest.raises(ConfigurationError) as caught:
        posted(there, status)
    assert "TEAM_URL" in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert "127.0.0.1" not in str(caught.value)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_to_an_inner_address_is_not_followed(there, status):
    with receiver() as inner:
        with pytest.raises(ConfigurationError, match="not followed"):
            posted(there, (status, {"location": f"{inner.url}/metadata/identity"}))
        assert inner.received == []
    assert len(there.received) == 1


@pytest.mark.parametrize("answer", ["hang", "drip"])
def test_receiver_that_does_not_answer_is_left_in_time(there, monkeypatch, answer):
    monkeypatch.setattr(posting, "POST_SECONDS", 0.5)
    started = time.monotonic()
    with pytest.raises(OutcomeUnknownError):
        posted(there, answer)
    assert time.monotonic() - started < 10
    # The thread that waited has been woken: it keeps no connection open.
    deadline = time.monotonic() + 30
    while any(thread.name == "notify" for thread in threading.enumerate()):
        assert time.monotonic() < deadline, "the post's thread still waits"
        time.sleep(0.01)


def test_answer_of_ten_megabytes_is_not_read(there):
    started = time.monotonic()
    posted(there, "huge")
    assert time.monotonic() - started < 10
    # What the two kernels hold between them, at most.
    time.sleep(0.1)
    assert there.sent_bytes < 9_000_000


def test_receiver_that_is_not_there_was_certainly_not_told(there):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}/x"
    with pytest.raises(TransientError) as caught:
        post(address, "TEAM_URL", b"{}", HEADERS)
    assert caught.value.code == "notify_unreachable"


def test_connection_that_is_made_too_late_sends_nothing_any_more(there, monkeypatch):
    """A slow name server: the post is given up as not sent, so the thread must not send it after all."""
    released, connect = threading.Event(), posting.http.client.HTTPConnection.connect

    def slow(connection):
        released.wait(5)
        connect(connection)

    monkeypatch.setattr(posting, "POST_SECONDS", 0.1)
    monkeypatch.setattr(posting.http.client.HTTPConnection, "connect", slow)
    with pytest.raises(TransientError) as caught:
        posted(there)
    assert caught.value.code == "notify_unreachable"
    thread = next(thread for thread in threading.enumerate() if thread.name == "notify")
    released.set()
    thread.join(5)
    assert there.received == []


@pytest.mark.parametrize(
    "address",
    [
        "http://example.com/hook", "ftp://127.0.0.1/x", "example.com/hook", "https://", "https://user:pw@example.com/",
        "https://example.com:99999/", "https://[::1", f"https://{'a' * 64}.example/", "https://a..b/", "",
        "http://127.0.0.1.example.com/", "file:///etc/passwd",
    ],
)  # fmt: skip
def test_what_is_no_https_address_is_refused_by_the_name_of_its_setting(address):
    with pytest.raises(ConfigurationError, match="TEAM_URL holds no https address") as caught:
        post(address, "TEAM_URL", b"{}", HEADERS)
    assert "example" not in str(caught.value)


@pytest.mark.parametrize(("told", "seconds"), [("7", 7), ("999999", 3600)])
def test_receiver_says_when_to_come_again(there, told, seconds):
    with pytest.raises(TransientError) as caught:
        posted(there, (429, {"retry-after": told}))
    assert caught.value.retry_after_seconds == seconds


@pytest.mark.parametrize(
    "told", ["", "soon", "-1", "1e9", "²", "Wed, 99 Oct 2015", "0", "Wed, 21 Oct 2015 07:28:00 GMT"]
)
def test_retry_after_that_cannot_be_read_or_is_no_pause_says_nothing(there, told):
    with pytest.raises(TransientError) as caught:
        posted(there, (429, {"retry-after": told.encode("utf-8").decode("latin-1")}))
    assert caught.value.retry_after_seconds is None


def self_signed(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(1), now + timedelta(1))
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = builder.add_extension(address, critical=False).sign(key, hashes.SHA256())
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "server.pem"
    path.write_bytes(secret + certificate.public_bytes(serialization.Encoding.PEM))
    return path


def test_certificate_is_checked_before_anything_is_sent(tmp_path, monkeypatch):
    pem = self_signed(tmp_path)
    with receiver(certificate=pem) as there:
        with pytest.raises(TransientError) as caught:
            posted(there)
        assert caught.value.code == "notify_unreachable"
        assert "CertVerification" in str(caught.value)
        assert there.received == []
        monkeypatch.setattr(posting, "DEFAULT_CA_BUNDLE_PATH", str(pem))
        posted(there)
        assert len(there.received) == 1
