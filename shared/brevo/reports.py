"""Brevo's reports of rejected contacts: semicolon-separated CSV behind links that open without a key.

The links are secrets and come from outside: they are never logged, and only allowed hosts are asked.
"""

import csv
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import requests

from shared.errors import PermanentError, TransientError

# Brevo keeps reports on its own hosts and on Amazon S3.
ALLOWED_HOSTS = ("brevo.com", "sendinblue.com", "amazonaws.com")
LARGEST_BYTES = 50_000_000
LARGEST_ROWS = 1_000_000
_LONGEST_LINE = 100_000
_PAGE_STARTS = ("<", "{")


def read_report(url: str, base_url: str) -> Iterator[list[str]]:
    """The report's rows, streamed.

    Raises PermanentError for a link that must not be followed or a report that is too large, and TransientError where
    it cannot be fetched now: also for a page in its stead, an empty answer, or one that does not say where it ends.
    A report that is taken for empty would hide every contact that Brevo rejected.
    """
    if not may_follow(url, base_url):
        raise PermanentError("report_link", "Brevo's report is on a host that is not allowed.")
    try:
        # A fresh session: neither the key nor a cookie goes to the report's host.
        with requests.get(url, timeout=(10, 30), allow_redirects=False, stream=True) as response:
            if response.status_code != 200:
                raise TransientError("report_missing", f"Brevo's report answers with {response.status_code}.")
            if not _says_where_it_ends(response):
                raise TransientError("report_broken", "Brevo's report may be cut: it does not say how long it is.")
            for number, row in enumerate(csv.reader(_table(_lines(response)), delimiter=";")):
                if number >= LARGEST_ROWS:
                    raise PermanentError("report_too_large", f"Brevo's report has more than {LARGEST_ROWS:,} rows.")
                yield row
    except (requests.RequestException, csv.Error, UnicodeError, ValueError):
        raise TransientError("report_broken", "Brevo's report could not be read.") from None


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
            and any(host == allowed or host.endswith(f".{allowed}") for allowed in ALLOWED_HOSTS)
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
        raise TransientError("report_broken", "Brevo's report is empty.")
    if first.lstrip().startswith(_PAGE_STARTS):
        raise TransientError("report_broken", "Brevo's report is a page of another kind.")
    yield first
    yield from lines


def _lines(response: requests.Response) -> Iterator[str]:
    size_bytes, rest = 0, b""
    for chunk in response.iter_content(65_536):
        size_bytes += len(chunk)
        if size_bytes > LARGEST_BYTES:
            raise PermanentError("report_too_large", f"Brevo's report is larger than {LARGEST_BYTES:,} bytes.")
        *whole, rest = (rest + chunk).split(b"\n")
        if len(rest) > _LONGEST_LINE:
            raise PermanentError("report_garbled", "Brevo's report is not the table that it should be.")
        for line in whole:
            yield line.decode("utf-8-sig", errors="replace")
    if rest:
        yield rest.decode("utf-8-sig", errors="replace")
