"""Pages of a list that is known as a whole: a continuation token is how many entries came before."""

BEFORE = "[0-9]{1,9}"


def slice_of[T](items: list[T], limit: int | None, after: str) -> tuple[list[T], str]:
    """A page, all of the list without a limit, and where the next page begins; empty on the last one."""
    first = int(after or 0)
    page = items[first : None if limit is None else first + limit]
    return page, str(first + len(page)) if page and first + len(page) < len(items) else ""
