"""The database engine, with the memory that a worker has for it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

if TYPE_CHECKING:
    from numpy.typing import NDArray

MEMORY_LIMIT = "100MB"
# Of a database beside which much else is in memory. It takes no longer: most of its time it sorts and joins in ranges.
LITTLE_MEMORY = "60MB"


def open_engine(folder: Path, memory: str = MEMORY_LIMIT) -> duckdb.DuckDBPyConnection:
    """A new database in memory; what it has no memory for goes to the folder. One thread, so rows keep their order."""
    db = duckdb.connect(
        ":memory:",
        config={
            "threads": 1,
            "memory_limit": memory,
            "temp_directory": str(folder / "spill"),
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            # It makes a hash join of each list of five words or more: a mapping has hundreds, and each takes megabytes.
            "disabled_optimizers": "in_clause",
        },
    )
    # Without this it draws on standard output once a statement takes two seconds.
    db.execute("SET enable_progress_bar = false")
    return db


def fetch_columns(db: duckdb.DuckDBPyConnection, sql: str) -> dict[str, "NDArray[Any]"]:
    """What a SELECT of numbers gives, by column. None of them may be NULL."""
    return db.execute(sql).fetchnumpy()  # type: ignore[return-value]  # categories are for texts
