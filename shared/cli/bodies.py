"""The JSON that a command reads from a file or from standard input."""

import sys
from pathlib import Path
from typing import Any


def read_body(file: str) -> Any:
    """The value in the file, or on standard input (`-`). Raises InvalidInput where it cannot be read or is no JSON."""
    from shared.administration.items import InvalidInput, parse_json

    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise InvalidInput([f"file: {file} cannot be read ({error.strerror})"], "body_invalid") from None
    return parse_json(data)
