"""Files with a secret or a person's data in them: written all at once, and only for their owner."""

import os
from pathlib import Path


def write_private(path: Path, text: str) -> None:
    """Write the file, in place of one that is there. Raises: OSError."""
    new = path.with_name(f"{path.name}.new")
    with open(new, "w", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(text)
    new.replace(path)
