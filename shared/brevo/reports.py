"""Brevo's reports of rejected contacts: semicolon-separated CSV behind links that open without a key.

The links are secrets and come from outside: they are never logged, and only allowed hosts are asked.
"""

import csv
import re
import tempfile
import threading
import time
from collections.abc import Iterator
from typing import BinaryIO
from urllib.parse import urlsplit

import requests

from shared.errors import ExportError, PermanentError, TransientError

# Brevo keeps reports on its own hosts and on Amazon S3. Whatever else is below amazonaws.com is anybody's machine.
# https://docs.aws.amazon.com/general/latest/gr/s3.html
_ALLOWED_HOSTS = re.compile(
    r"([a-z0-9-]+\.)*(brevo|sendinblue)\.com"
    r"|([a-z0-9.-]+\.)?s3([.-](dualstack\.)?[a-z]{2}(-[a-z]+)+-\d)?\.amazonaws\.com"
)
# For all reports of one import together: the claims of other steps, and the function, do not wait longer.
REPORT_SECONDS = 120.0
LARGEST_BYTES = 50_000_000
LARGEST_ROWS = 1_000_000
_LONGEST_LINE = 100_000
_PAGE_STARTS = ("<", "{")


def read_report(url: str, base_url: str, seconds: float = REPORT_SECONDS) -> Iterator[list[str]]:
    """The report's rows, once all of it has come, which may take so many seconds.

    Raises PermanentError for a link that must not be followed or a report that is too large, and TransientError where
    it cannot be fetched now: also for a page in its stead, an empty answer, or one that does not say where it ends.
    A report that is taken for empty would hide every contact that Brevo rejected.
    """
    if not may_follow(url, base_url):
        raise PermanentError("report_link", "Brevo's report is on a host that is not allowed.")
    with tempfile.TemporaryFile() as file:
        _Download(url, file).finish(seconds)
        file.seek(0)
        try:
            for number, row in enumerate(csv.reader(_table(_lines(file)), delimiter=";")):
                if number >= LARGEST_ROWS:
                    raise PermanentError("report_too_large", f"Brevo's report has more than {LARGEST_ROWS:,} rows.")
                yield row
        except (csv.Error, UnicodeError):
            raise _broken("could not be read") from None


class _Download:
    """Fetches a report into a file, in a thread of its own: a host that drips bytes does not outlast the limit."""

    def __init__(self, url: str, file: BinaryIO) -> None:
        self._url = url
        self._file = file
        self._given_up = False
        self._error: ExportError | None = None
        self._thread = threading.Thread(target=self._work, name="report", daemon=True)

    def finish(self, seconds: float) -> None:
        """Returns once all of it is in the file. Raises as `read_report`."""
        until = time.monotonic() + seconds
        self._thread.start()
        self._thread.join(max(until - time.monotonic(), 0))
        if self._thread.is_alive():
            self._given_up = True
            raise _broken(f"did not come within {seconds:.0f} s")
        if self._error is not None:
            raise self._error

    def _work(self) -> None:
        try:
            self._fetch()
        except ExportError as error:
            self._error = error
        except (requests.RequestException, OSError, ValueError):
            self._error = _broken("could not be read")

    def _fetch(self) -> None:
        size_bytes = 0
        # A fresh session: neither the key nor a cookie goes to the report's host.
        with requests.get(self._url, timeout=(10, 30), allow_redirects=False, stream=True) as response:
            if response.status_code != 200:
                raise TransientError("report_missing", f"Brevo's report answers with {response.status_code}.")
            if not _says_where_it_ends(response):
                raise _broken("may be cut: it does not say how long it is")
            for chunk in response.iter_content(65_536):
                size_bytes += len(chunk)
                if size_bytes > LARGEST_BYTES:
                    raise PermanentError("report_too_large", f"Brevo's report is larger than {LARGEST_BYTES:,} bytes.")
                if self._given_up:
                    return
                self._file.write(chunk)


def _broken(what: str) -> TransientError:
    return TransientError("report_broken", f"Brevo's report {what}.")


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


def _table(lines: Iterator[str]) -> Iterator[str]:
    """The lines, once the first says that they are no page of HTML, XML or JSON and not empty."""
    first = next((line for line in lines if line.strip()), "")
    if not first:
        raise _broken("is empty")
    if first.lstrip().startswith(_PAGE_STARTS):
        raise _broken("is a page of another kind")
    yield first
    yield from lines


def _lines(file: BinaryIO) -> Iterator[str]:
    rest = b""
    while chunk := file.read(65_536):
        *whole, rest = (rest + chunk).split(b"\n")
        if len(rest) > _LONGEST_LINE:
            raise PermanentError("report_garbled", "Brevo's report is not the table that it should be.")
        for line in whole:
            yield line.decode("utf-8-sig", errors="replace")
    if rest:
        yield rest.decode("utf-8-sig", errors="replace")
