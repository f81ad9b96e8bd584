"""Some calls at the same time, where nearly all of the work is waiting for storage."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

_AT_ONCE = 8


def at_once[T, R](read: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """What is read of each, in their order. The first error is raised, and what has not begun by then is left."""
    with ThreadPoolExecutor(_AT_ONCE, "at-once") as pool:
        return list(pool.map(read, items))
