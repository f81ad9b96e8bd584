"""Numbers with what they count, for people."""


def counted(number: int, one: str, many: str = "") -> str:
    """Such as `1 row` and `1,200 rows`; `many` where the plural is not made by an s."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"
