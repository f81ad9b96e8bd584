"""Names of columns, and ids, as people see them."""

from unicodedata import category

_INVISIBLE = ("Zs", "Zl", "Zp", "Cc", "Cf")  # of Unicode's categories


def visible(text: str) -> str:
    """A name or an id without what nobody sees at its ends, but NUL, which none has."""
    invisible = "".join({letter for letter in text if letter != "\0" and category(letter) in _INVISIBLE})
    return text.strip(invisible)
