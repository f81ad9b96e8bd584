"""Well-formed rows of one segment, collected in a local file until they are worth a statement."""

from pathlib import Path
from typing import Self

from shared.mapping.origins import Origins


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
        self._starts: list[int] = []
        self._offsets: list[int] = []
        self._file_starts: list[int] = []
        self._files: list[int] = []
