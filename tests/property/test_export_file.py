"""The fast reader of an export's file finds what Python's own reader of CSV finds, in any file."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.brevo import export_table
from shared.brevo.export_table import lines_of, read_header, read_rows
from tests.sizes import in_both_sizes

TEXT = st.text(st.sampled_from('ab ;,"\n\r\té\u2028\x85'), max_size=6)
ROW = st.tuples(st.sampled_from(["", "a@x.ro", "ș@x.ro", " b@x.ro "]), TEXT, TEXT)
FILE = st.tuples(
    st.lists(ROW | st.just(()), max_size=12), st.sampled_from(";,"), st.sampled_from(["\n", "\r\n"]), st.booleans()
)


@pytest.fixture(autouse=True, scope="module")
def small_blocks():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export_table, "_BLOCK_BYTES", 7)
        patch.setattr(export_table, "_LINES_AT_ONCE", 3)
        yield


def written(rows, delimiter, end, quotes_all):
    text = io.StringIO()
    quoting = csv.QUOTE_ALL if quotes_all else csv.QUOTE_MINIMAL
    csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=quoting).writerows(rows)
    return text.getvalue()


@in_both_sizes
def test_rows_are_those_of_pythons_own_reader(size):
    settings(max_examples=int(2_000 * size), deadline=None)(given(FILE)(compare))()


def compare(file):
    rows, delimiter, end, quotes_all = file
    text = written([("EMAIL", "NOTE", "X"), *rows], delimiter, end, quotes_all)
    wanted = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))[1:]
    lines = lines_of(io.BytesIO(text.encode()))
    header = read_header(lines)
    found = [row for some in read_rows(lines, header) for row in some]
    assert (header.delimiter, header.names) == (delimiter, ["EMAIL", "NOTE", "X"])
    same_ends = [[cell.replace("\r\n", "\n") for cell in row] for row in wanted if any(row)]
    assert found == [[row[0].strip(), *row[1:]] for row in same_ends]
