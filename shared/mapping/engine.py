"""The database engine, with the memory that a worker has for it."""

from pathlib import Path

import duckdb

MEMORY_LIMIT = "100MB"


def open_engine(folder: Path) -> duckdb.DuckDBPyConnection:
    """A new database in memory; what it has no memory for goes to the folder. One thread, so rows keep their order."""
    db = duckdb.connect(
        ":memory:",
        config={
            "threads": 1,
            "memory_limit": MEMORY_LIMIT,
            "temp_directory": str(folder / "spill"),
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        },
    )
    # Without this it draws on standard output once a statement takes two seconds.
    db.execute("SET enable_progress_bar = false")
    return db
