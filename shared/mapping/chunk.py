"""Well-formed rows of one segment, collected in a local file until they are worth a statement."""

from pathlib import Path
from typing import Self

from shared.mapping.origins import Origins

# A row and a cell take memory however short they are, and the engine works on 2,048 rows at once, of whose texts it
# has several copies then. So a chunk ends earlier where rows are short, many cells are mapped, or rows are long.
_MOST_ROWS = 200_000
_MOST_CELLS = 2_000_000
_LONG_ROW_BYTES = 1_500
_MOST_BYTES_OF_LONG_ROWS = 3_000_000
# Of each column it holds a quarter of a megabyte, but for a table that it works on at once.
_MANY_FIELDS = 60
_AT_ONCE = 2_000


def most_rows(fields: int) -> int:
    """How many rows a chunk may have, of which so many fields are mapped."""
    return _AT_ONCE if fields > _MANY_FIELDS else min(_MOST_ROWS, _MOST_CELLS // (fields + 1))


class Chunk:
    """The rows in the file now, and where each came from. To be used in `with`, which closes the file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("wb")
        self._forget()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, data: bytes, count: int, file: int, line: int) -> None:
        """Appends rows that begin in this line of a file; more than one: each is one line."""
        self._file.write(data)
        if not self._files or self._files[-1] != file:
            self._file_starts.append(self.rows)
            self._files.append(file)
        if not self._offsets or self._offsets[-1] != line - self.rows:
            self._starts.append(self.rows)
            self._offsets.append(line - self.rows)
        self.rows += count
        self.size_bytes += len(data)
        if len(data) > count * _LONG_ROW_BYTES:
            self._long_bytes += len(data)

    @property
    def has_many_long_rows(self) -> bool:
        """True where the chunk should end, since the engine has several copies of long rows in memory."""
        return self._long_bytes >= _MOST_BYTES_OF_LONG_ROWS

    def flush(self) -> None:
        """Makes what was added readable at `path`."""
        self._file.flush()

    def clear(self) -> None:
        """Begins the next chunk."""
        self._file.seek(0)
        self._file.truncate()
        self._forget()

    @property
    def origins(self) -> Origins:
        """Where each row came from."""
        return Origins(tuple(self._starts), tuple(self._offsets), tuple(self._file_starts), tuple(self._files))

    def _forget(self) -> None:
        self.rows = 0
        self.size_bytes = 0
        self._long_bytes = 0
        self._starts: list[int] = []
        self._offsets: list[int] = []
        self._file_starts: list[int] = []
        self._files: list[int] = []
