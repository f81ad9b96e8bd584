"""What a machine keeps for other programs goes neither to Brevo nor to the host of its files."""

import io

import pytest

from shared.brevo.download import Download
from tests.receiver import receiver


@pytest.fixture
def netrc(tmp_path, monkeypatch):
    """A file with passwords for every host, as curl and git read it."""
    path = tmp_path / "netrc"
    path.write_text("machine 127.0.0.1 login ana password one\ndefault login ana password other\n")
    path.chmod(0o600)
    monkeypatch.setenv("NETRC", str(path))


@pytest.mark.usefixtures("netrc")
def test_call_has_the_key_and_no_password_of_the_machine(session):
    with receiver() as there:
        there.answers.append((200, {}, b'{"count": 0, "lists": []}'))
        session.base_url = there.url
        session.call("contacts", "GET", "/contacts/lists")
        (call,) = there.received
        assert call.headers["api-key"]
        assert "authorization" not in call.headers


@pytest.mark.usefixtures("netrc")
def test_link_to_a_file_is_followed_without_a_password_of_the_machine():
    """Amazon S3 refuses a signed link that comes with one."""
    with receiver() as there:
        there.answers.append((200, {}, b"email\n"))
        file = io.BytesIO()
        Download("report", 1_000, 5).fetch(f"{there.url}/report.csv", there.url, file)
        (call,) = there.received
        assert (file.getvalue(), "authorization" in call.headers) == (b"email\n", False)
