"""Brevo's reports of rejected contacts: CSV, mostly separated by semicolons; no page of the vendor's says by what."""

import csv
import tempfile
from collections import deque
from collections.abc import Iterator
from typing import BinaryIO

from shared.brevo.download import Download
from shared.errors import PermanentError

# For all reports of one import together: the claims of other steps, and the function, do not wait longer.
REPORT_SECONDS = 120.0
LARGEST_BYTES = 50_000_000
_LONGEST_LINE = 100_000
_PAGE_STARTS = ("<", "{")
_DELIMITERS = ";,\t"


def read_report(
    url: str, base_url: str, seconds: float = REPORT_SECONDS, largest_bytes: int = LARGEST_BYTES
) -> Iterator[list[str]]:
    """The report's rows, once all of it has come, which may take so many seconds.

    Raises as `Download.fetch` does: also for a page in its stead, or an empty answer. A report that is taken for empty
    would hide every contact that Brevo rejected.
    """
    download = Download("report", largest_bytes, seconds)
    with tempfile.TemporaryFile() as file:
        download.fetch(url, base_url, file)
        try:
            yield from _rows(file, download)
        except (csv.Error, UnicodeError):
            raise download.broken("could not be read") from None


def _rows(file: BinaryIO, download: Download) -> Iterator[list[str]]:
    """By the rules of CSV. Where a quote breaks them, line by line: one that is never closed hides nobody behind it."""
    file.seek(0)
    delimiter = _delimiter(_first(_lines(file), download))

    def lines() -> Iterator[str]:
        file.seek(0)
        return _lines(file)

    try:
        deque(csv.reader(lines(), delimiter=delimiter, strict=True), maxlen=0)
    except csv.Error:
        return (_cells(line, delimiter) for line in lines())
    return csv.reader(lines(), delimiter=delimiter, strict=True)


def _delimiter(first: str) -> str:
    """The first one that parts the first line, which may be a contact's and have the others in its texts."""
    return next((mark for mark in _DELIMITERS if len(_cells(first, mark)) > 1), _DELIMITERS[0])


def _cells(line: str, delimiter: str) -> list[str]:
    """A line's cells. Where it breaks the rules of quotes, a quote is a sign like others."""
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True), [])
    except csv.Error:
        return [cell.strip().strip('"') for cell in line.split(delimiter)]


def _first(lines: Iterator[str], download: Download) -> str:
    """The first line with anything in it, which says that they are no page of HTML, XML or JSON and not empty."""
    first = next((line for line in lines if line.strip()), "")
    if not first:
        raise download.broken("is empty")
    if first.lstrip().startswith(_PAGE_STARTS):
        raise download.broken("is a page of another kind")
    return first


def _lines(file: BinaryIO) -> Iterator[str]:
    rest = b""
    while chunk := file.read(65_536):
        *whole, rest = (rest + chunk).split(b"\n")
        if len(rest) > _LONGEST_LINE:
            raise PermanentError("report_garbled", "Brevo's report is not the table that it should be.")
        for line in whole:
            yield f"{line.decode('utf-8-sig', errors='replace')}\n"
    if rest:
        yield rest.decode("utf-8-sig", errors="replace")
