"""From a row of a chunk to the file and the line where it stands."""

from bisect import bisect_right
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Origins:
    """From row `starts[i]` on, counted from 0, the line is the row plus `offsets[i]`.

    Likewise from row `file_starts[i]` on the file is `files[i]`, a number in the snapshot.
    """

    starts: tuple[int, ...]
    offsets: tuple[int, ...]
    file_starts: tuple[int, ...]
    files: tuple[int, ...]

    def file(self, row: int) -> int:
        """The number of the file that holds the row."""
        return self.files[bisect_right(self.file_starts, row) - 1]

    def line(self, row: int) -> int:
        """The row's line in its file, from 1: the one in which it begins."""
        return row + self.offsets[bisect_right(self.starts, row) - 1]
