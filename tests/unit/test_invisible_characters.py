"""What is trimmed from both ends of each value, against Python's own table of characters."""

import sys
import unicodedata

import duckdb
import pytest

from shared.mapping.cells import INVISIBLE

TAGS = range(0xE0000, 0xE0080)  # the flags of England, Scotland and Wales end with them


@pytest.mark.full
def test_trimmed_are_the_characters_that_unicode_calls_separators_controls_and_formats_but_tags():
    # Every character that a text can hold; a lone surrogate is none.
    characters = [code for code in range(1, sys.maxunicode + 1) if not 0xD800 <= code <= 0xDFFF]
    connection = duckdb.connect()
    connection.execute("CREATE TABLE t AS SELECT unnest(?::INTEGER[]) AS code", [characters])
    found = connection.execute(f"SELECT code FROM t WHERE regexp_full_match(chr(code), '{INVISIBLE}')").fetchall()
    expected = {code for code in characters if unicodedata.category(chr(code)) in ("Cc", "Cf", "Zs", "Zl", "Zp")} - set(
        TAGS
    )
    # RE2 and Python may know different versions of Unicode: what one of them does not know yet is no fault.
    known = {code for code in characters if unicodedata.category(chr(code)) != "Cn"}
    assert {code for (code,) in found} & known == expected
    assert len(expected) > 150
