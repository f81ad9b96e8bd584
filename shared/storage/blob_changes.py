"""Changes to a blob that several workers or people may change at once, like `change` of a table row."""

from collections.abc import Callable

from shared.storage.blobs import Blobs
from shared.storage.failures import MOST_CONFLICTS, BusyError, Conflict, NotFound

# The blob's bytes as they are now, or None; gives its new bytes, or None to leave it alone.
NewBytes = Callable[[bytes | None], bytes | None]


def change_blob(blobs: Blobs, container: str, name: str, change: NewBytes) -> bool:
    """Changes the blob as it is now; False where it was left alone.

    `change` gets its bytes, or None where there is no blob, and may be called again where others were faster.
    Raises BusyError where they are faster each time, and what `change` raises.
    """
    written: bytes | None = None
    for _ in range(MOST_CONFLICTS):
        before, etag = _read(blobs, container, name)
        if written is not None and before == written:
            return True  # the answer to our own write was lost, not the write
        written = change(before)
        if written is None:
            return False
        try:
            blobs.write_if(container, name, written, etag)
        except (Conflict, NotFound):
            continue
        return True
    raise BusyError(f"the blob {container}/{name}")


def _read(blobs: Blobs, container: str, name: str) -> tuple[bytes | None, str | None]:
    try:
        return blobs.read_with_etag(container, name)
    except NotFound:
        return None, None
