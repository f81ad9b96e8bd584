"""A file of Brevo's that breaks off in whatever way is never taken for a whole one."""

import io
import threading

import pytest
import requests

from shared.brevo.download import Download
from shared.errors import TransientError

LINK = "https://files.brevo.com/report.csv?sig=c2VjcmV0"  # pragma: allowlist secret
BREVO = "https://api.brevo.com/v3"


class Breaking:
    """An answer that ends with an error of a kind that no library's documentation names."""

    status_code = 200

    def __init__(self, error):
        self.headers = {"transfer-encoding": "chunked"}
        self.raw = self
        self._pieces = [b"EMAIL\nana@example.com\n"]
        self._error = error

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def read(self, size):
        if self._pieces:
            return self._pieces.pop()
        raise self._error


@pytest.mark.parametrize("error", [RuntimeError(LINK), KeyError(LINK), MemoryError(), OSError(LINK), ValueError(LINK)])
def test_file_that_breaks_off_is_an_error_that_another_try_may_pass(monkeypatch, caplog, error):
    monkeypatch.setattr(requests.Session, "get", lambda self, url, **_: Breaking(error))
    thrown = []
    monkeypatch.setattr(threading, "excepthook", thrown.append)
    with pytest.raises(TransientError, match="could not be read") as raised:
        Download("report", 1_000, 5).fetch(LINK, BREVO, io.BytesIO())
    assert raised.value.code == "report_broken"
    assert thrown == []
    assert "sig=" not in caplog.text
    assert type(error).__name__ in caplog.text
