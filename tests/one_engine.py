"""One DuckDB engine for all runs of a test process: starting one takes longer than mapping a test's rows.

Each run has a database of its own in it. What only an engine of its own shows, such as the limit of its memory and
where it spills, is seen by the tests whose programs run in processes of their own. So are the steps of planning that
are left out here: they make a statement quicker that reads many rows, and no two rows change places by them.
"""

import itertools
from typing import Any

import duckdb

_LEFT_OUT = (
    "statistics_propagation",
    "column_lifetime",
    "common_aggregate",
    "common_subexpressions",
    "compressed_materialization",
    "cte_inlining",
    "duplicate_groups",
    "in_clause",
    "join_filter_pushdown",
    "late_materialization",
    "materialized_cte",
    "regex_range",
    "reorder_filter",
)
_numbers = itertools.count()


class _Database:
    """A connection to a new database in memory, which `close` drops."""

    def __init__(self, engine: duckdb.DuckDBPyConnection) -> None:
        self._name = f"run{next(_numbers)}"
        self._cursor = engine.cursor()
        self._cursor.execute(f"ATTACH ':memory:' AS {self._name}; USE {self._name}")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)

    def close(self) -> None:
        self._cursor.execute(f"USE memory; DETACH {self._name}")
        self._cursor.close()


class OneEngine:
    """Stands in the place of the module `duckdb` for who connects to a new database."""

    def __init__(self) -> None:
        self._engine = duckdb.connect(config={"threads": 1, "disabled_optimizers": ",".join(_LEFT_OUT)})

    def __getattr__(self, name: str) -> Any:
        return getattr(duckdb, name)

    def connect(self, *_: Any, **__: Any) -> _Database:
        return _Database(self._engine)
