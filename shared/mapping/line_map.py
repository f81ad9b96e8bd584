"""From the n-th good row of a file to the line where it stands."""

import csv
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LineMap:
    """`offsets[i]` is added to the number of each good row from `starts[i]` on."""

    starts: tuple[int, ...]
    offsets: tuple[int, ...]

    def line(self, record: int) -> int:
        """The line, from 1, of the record-th good row, from 1."""
        return record + self.offsets[bisect_right(self.starts, record) - 1]


def plain_line_map(header_lines: int, bad_lines: Iterable[int]) -> LineMap:
    """For a file in which each row is one line: only bad rows shift what follows.

    `bad_lines` counts from 1 behind the header.
    """
    # Bad rows next to each other begin at the same good row: the last of them tells its offset.
    moves = {0: header_lines}
    for earlier, line in enumerate(sorted(bad_lines)):
        moves[line - earlier] = header_lines + earlier + 1
    return LineMap(tuple(moves), tuple(moves.values()))


def exact_line_map(
    chunks: Iterable[bytes], delimiter: str, header_lines: int, bad_records: Iterable[int]
) -> tuple[LineMap, dict[int, int]]:
    """For a file whose cells hold line breaks, or with blank lines: reads it again, row by row.

    `bad_records` counts from 1 behind the header, blank lines counted. Also returns each bad record's line.
    """
    bad = set(bad_records)
    lines: dict[int, int] = {}
    starts, offsets = [0], [header_lines]
    good, before = 0, 0
    csv.field_size_limit(1 << 27)
    reader = csv.reader(_text_lines(chunks), delimiter=delimiter)
    for number, record in enumerate(reader, start=1):
        line, before = before + 1, reader.line_num
        if number in bad:
            lines[number] = header_lines + line
        elif record:
            good += 1
            if header_lines + line - good != offsets[-1]:
                starts.append(good)
                offsets.append(header_lines + line - good)
    return LineMap(tuple(starts), tuple(offsets)), lines


def _text_lines(chunks: Iterable[bytes]) -> Iterator[str]:
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line.decode("utf-8", errors="replace") + "\n"
    if rest:
        yield rest.decode("utf-8", errors="replace")
