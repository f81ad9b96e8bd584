"""Data that is searched while it comes in pieces."""

from collections.abc import Iterable, Iterator


def overlapping(chunks: Iterable[bytes], bytes_before: int) -> Iterator[bytes]:
    """Each chunk behind the last bytes before it: what is no longer than they are is whole in one of them."""
    before = b""
    for chunk in chunks:
        data = before + chunk
        yield data
        before = data[-bytes_before:]
