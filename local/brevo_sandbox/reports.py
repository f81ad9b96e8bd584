"""Files at a path that nobody can guess, open without a key: an import's CSV reports, an export's CSV.

Source: https://developers.brevo.com/reference/get-process (`info.import`). The vendor does not publish the
columns; ours are `EMAIL` and `SMS`, so a client should look a column up by its name.
"""

import csv
import io
import secrets
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from local.brevo_sandbox.answers import Answer, ApiError
from local.brevo_sandbox.faults import FaultKind

CSV = "text/csv; charset=utf-8"
_CHUNK_ROWS = 500


@dataclass(frozen=True, slots=True)
class Report:
    """A finished file, and the fault that its readers meet."""

    text: bytes
    fault: FaultKind | None


class ReportShelf:
    """All reports of the sandbox by their secret token."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reports: dict[str, Report] = {}

    def publish(self, text: bytes, fault: FaultKind | None) -> str:
        """Keep a file and return its path."""
        token = secrets.token_urlsafe(32)
        with self._lock:
            self._reports[token] = Report(text, fault)
        return f"/reports/{token}"

    def read(self, token: str, fault: FaultKind | None, inner_address: str, endless_bytes: int) -> Answer:
        """The answer for a report, spoiled by the fault of this call or of its import."""
        with self._lock:
            report = self._reports.get(token)
        if report is None:
            raise ApiError(404, "document_not_found", "Report does not exist")
        match fault or report.fault:
            case FaultKind.REPORT_404:
                return Answer(404, b"<Error><Code>NoSuchKey</Code></Error>", "application/xml")
            case FaultKind.REPORT_500:
                return Answer(500, b"<Error><Code>InternalError</Code></Error>", "application/xml")
            case FaultKind.REPORT_REDIRECT:
                return Answer(302, b"", CSV, {"Location": inner_address})
            case FaultKind.REPORT_WRONG_COLUMNS:
                return Answer(200, b"foo,bar\n1,2\n=cmd|' /C calc'!A0;;;\n\xff\xfe\x00", CSV)
            case FaultKind.REPORT_ENDLESS:
                return Answer(200, _endless(endless_bytes), CSV)
            case _:
                return Answer(200, report.text, CSV)


def report_of(rows: Iterable[tuple[str, str]]) -> bytes:
    """The report of the rows that an import left out, each with its address and number."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";", lineterminator="\n")
    writer.writerow(("EMAIL", "SMS"))
    writer.writerows(rows)
    return text.getvalue().encode("utf-8", "replace")


def _endless(most_bytes: int) -> Iterator[bytes]:
    yield b"EMAIL;SMS\n"
    sent = number = 0
    while sent < most_bytes:
        chunk = "".join(f"nobody{number + row}@example.com;\n" for row in range(_CHUNK_ROWS)).encode()
        number += _CHUNK_ROWS
        sent += len(chunk)
        yield chunk
