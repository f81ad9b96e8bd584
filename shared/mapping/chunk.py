"""A segment file's bytes, cut into chunks that end with a line, each put into the same local file."""

from collections.abc import Iterable, Iterator
from pathlib import Path


class Chunk:
    """The chunk that is in the file now."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.is_last = False
        self.has_nul = False
        self.size_bytes = 0
        self._newlines = 0
        self._ends_with_newline = True
        path.write_bytes(b"")

    @property
    def lines(self) -> int:
        """How many lines it has; the file's last one may lack its end."""
        return self._newlines + (not self._ends_with_newline)

    def add(self, data: bytes) -> None:
        """Appends the data."""
        if not data:
            return
        with self.path.open("ab") as file:
            file.write(data)
        self.size_bytes += len(data)
        self.has_nul = self.has_nul or b"\0" in data
        self._newlines += data.count(b"\n")
        self._ends_with_newline = data.endswith(b"\n")

    def count(self, what: bytes, start: int, end: int | None = None) -> int:
        """How often a byte stands in it from `start` up to `end`."""
        count, left = 0, (self.size_bytes if end is None else end) - start
        with self.path.open("rb") as file:
            file.seek(start)
            while left > 0 and (piece := file.read(min(left, 1_000_000))):
                count += piece.count(what)
                left -= len(piece)
        return count

    def keep_from(self, start: int | None) -> None:
        """Makes it the next chunk, which begins with the row that began at `start` and did not end; None: with none."""
        rest = b"" if start is None else self.path.read_bytes()[start:]
        self.path.write_bytes(b"")
        self.has_nul, self.size_bytes, self._newlines, self._ends_with_newline = False, 0, 0, True
        self.add(rest)


def cut(path: Path, stream: Iterable[bytes], chunk_bytes: int) -> Iterator[Chunk]:
    """Puts the stream's bytes into the file at `path`, chunk by chunk, each of about `chunk_bytes` at most.

    The same object stands for each of them. What the caller keeps of a chunk begins the next one.
    """
    chunk = Chunk(path)
    rest = b""
    for piece in stream:
        if chunk.size_bytes + len(rest) + len(piece) > chunk_bytes and b"\n" in rest + piece:
            whole, newline, rest = (rest + piece).rpartition(b"\n")
            chunk.add(whole + newline)
            yield chunk
        else:
            chunk.add(rest + piece)
            rest = b""
    chunk.add(rest)
    chunk.is_last = True
    yield chunk
