"""The floor: downloads the segment and parses the mapped columns with DuckDB, and does nothing with them.

With DuckDB's and the storage client's own defaults: as many threads as the machine has cores. No check, no
de-duplication, no JSON, no import; prints how many rows it parsed.
"""

import tempfile
from pathlib import Path

import duckdb

from benchmarks.contenders.place import files

COLUMNS = ("EMail", "FirstName", "LastName", "Telephone")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, data in files():
            Path(folder, Path(name).name).write_bytes(data)
        # count(column) makes it parse the column's values; rows that are no CSV or no UTF-8 are passed over.
        counts = ", ".join(f"count({column})" for column in COLUMNS)
        (found,) = duckdb.execute(
            f"SELECT count(*), {counts} "
            f"FROM read_csv('{folder}/*.csv', header = true, all_varchar = true, ignore_errors = true)"
        ).fetchall()
    print(found[0])


if __name__ == "__main__":
    main()
