"""Downloads of CSV files that Brevo makes: its links open without a key, and come from outside.

So a link is a secret that is never logged, only allowed hosts are asked, and what comes is bounded in size and time.
"""

import gzip
import logging
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO
from urllib.parse import urlsplit

import requests

from shared.brevo.session import Unredirected, no_password
from shared.errors import DiskFullError, ExportError, PermanentError, TransientError, is_disk_full, place_of

_log = logging.getLogger(__name__)

# Brevo keeps such files on its own hosts and on Amazon S3. Whatever else is below amazonaws.com is anybody's machine.
# https://docs.aws.amazon.com/general/latest/gr/s3.html
_ALLOWED_HOSTS = re.compile(
    r"([a-z0-9-]+\.)*(brevo|sendinblue)\.com"
    r"|([a-z0-9.-]+\.)?s3([.-](dualstack\.)?[a-z]{2}(-[a-z]+)+-\d)?\.amazonaws\.com"
)


@dataclass(frozen=True, slots=True)
class Download:
    """What is fetched: `kind` begins the codes of its errors and stands in their sentences."""

    kind: str
    largest_bytes: int
    seconds: float

    def fetch(self, url: str, base_url: str, file: BinaryIO) -> None:
        """Returns once all of it is in the file.

        Raises PermanentError for a link that must not be followed or a file that is too large, and TransientError where
        it cannot be fetched now: also for one that does not say where it ends.
        """
        if not may_follow(url, base_url):
            raise PermanentError(f"{self.kind}_link", f"Brevo's {self.kind} is on a host that is not allowed.")
        _Fetching(self, url, file).finish()

    def broken(self, what: str) -> TransientError:
        """The error for a file that is not what it should be, which another try may get."""
        return TransientError(f"{self.kind}_broken", f"Brevo's {self.kind} {what}.")

    def too_large(self, limit: str) -> PermanentError:
        """The error for more than the limit, in words such as `has more than 5 rows`."""
        return PermanentError(f"{self.kind}_too_large", f"Brevo's {self.kind} {limit}.")


class _Fetching:
    """Works in a thread of its own: a host that drips bytes does not outlast the limit."""

    def __init__(self, download: Download, url: str, file: BinaryIO) -> None:
        self._download = download
        self._url = url
        self._file = file
        self._given_up = False
        self._is_whole = False
        self._error: ExportError | None = None
        self._thread = threading.Thread(target=self._work, name=download.kind, daemon=True)

    def finish(self) -> None:
        """Raises as `Download.fetch`."""
        seconds = self._download.seconds
        until = time.monotonic() + seconds
        self._thread.start()
        self._thread.join(max(until - time.monotonic(), 0))
        if self._thread.is_alive():
            self._given_up = True
            raise self._download.broken(f"did not come within {seconds:.0f} s")
        if self._error is not None:
            raise self._error
        if not self._is_whole:
            raise self._download.broken("could not be read")

    def _work(self) -> None:
        try:
            self._fetch()
            self._is_whole = True
        except ExportError as error:
            self._error = error
        except Exception as error:  # noqa: BLE001 - its words may hold the link; nothing of it counts as the file's end
            self._error = DiskFullError() if is_disk_full(error) else None
            _log.warning("Brevo's %s could not be fetched: %s", self._download.kind, place_of(error))

    def _fetch(self) -> None:
        size_bytes, download = 0, self._download
        # A fresh session: neither the key nor a cookie goes to the file's host, nor a password.
        with (
            Unredirected() as session,
            session.get(
                self._url,
                headers={"accept-encoding": "gzip"},
                auth=no_password,
                timeout=(10, 30),
                allow_redirects=False,
                stream=True,
            ) as response,
        ):
            if response.status_code != 200:
                text = f"Brevo's {download.kind} answers with {response.status_code}."
                raise TransientError(f"{download.kind}_missing", text)
            if not _says_where_it_ends(response):
                raise download.broken("may be cut: it does not say how long it is")
            for chunk in _pieces(response, download):
                size_bytes += len(chunk)
                if size_bytes > download.largest_bytes:
                    raise download.too_large(f"is larger than {download.largest_bytes:,} bytes")
                if self._given_up:
                    return
                self._file.write(chunk)


def _pieces(response: requests.Response, download: Download) -> Iterator[bytes]:
    """The file as it is unpacked. Raises EOFError and OSError where its packing is cut or broken, which others hide."""
    encoding = response.headers.get("content-encoding", "identity").lower()
    if encoding not in ("identity", "gzip"):
        raise download.broken("is packed in another way than was asked for")
    source = gzip.GzipFile(fileobj=response.raw) if encoding == "gzip" else response.raw
    while piece := source.read(65_536):
        yield piece


def may_follow(url: str, base_url: str) -> bool:
    """True for HTTPS links to allowed hosts, and for links to the very host of the API (a local sandbox)."""
    # Whatever two parsers could read in two ways is refused, so that the host checked is the host asked.
    if not re.fullmatch(r"[!-\[\]-~]+", url) or "@" in url.partition("?")[0]:
        return False
    try:
        link, base = urlsplit(url), urlsplit(base_url)
        if (link.scheme, link.hostname, link.port) == (base.scheme, base.hostname, base.port):
            return True
        host = (link.hostname or "").lower()
        return (
            link.scheme == "https"
            and link.port in (None, 443)
            and "s3-website" not in host
            and _ALLOWED_HOSTS.fullmatch(host) is not None
        )
    except ValueError:
        return False


def _says_where_it_ends(response: requests.Response) -> bool:
    """False where only the end of the connection ends the answer: a cut one is then like a whole one."""
    headers = response.headers
    return "content-length" in headers or headers.get("transfer-encoding", "").lower() == "chunked"
