"""Feeds bytes to DuckDB through a named pipe: nothing is copied to disk, and nothing is held in memory."""

import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path


def through_pipe(path: Path, chunks: Iterable[bytes], read: Callable[[], None]) -> None:
    """Runs `read`, which opens `path` for reading, while a thread writes the chunks into it.

    Raises what the chunks raise, else what `read` raises. Neither side waits for ever when the other fails.
    """
    os.mkfifo(path, 0o600)
    failure: list[BaseException] = []

    def feed() -> None:
        try:
            with path.open("wb", buffering=0) as pipe:
                for chunk in chunks:
                    view = memoryview(chunk)
                    while view:
                        view = view[pipe.write(view) or 0 :]
        except BrokenPipeError:
            return
        except BaseException as error:  # noqa: BLE001 - handed to the reading thread, which raises it
            failure.append(error)

    feeder = threading.Thread(target=feed, name="segment-feeder")
    feeder.start()
    try:
        read()
    finally:
        # A reader that never opened the pipe leaves the feeder waiting in open(): open and close it once.
        os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
        feeder.join()
        path.unlink()
        if failure:
            raise failure[0]
