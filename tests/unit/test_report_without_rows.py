"""A person is taken out of a report without all of its cells in memory: a part may have 64 MB."""

import tracemalloc

from shared.staging.rejected import without_rows

ROW = "Gold,Gold_1.csv,%d,invalid_email,EMail,C-%06d," + "a" * 64 + ",not_sent\n"


def test_report_is_rewritten_row_by_row():
    data = "".join(ROW % (number, number) for number in range(10_000)).encode()
    tracemalloc.start()
    try:
        kept, removed = without_rows(data, {"b" * 64}, {"C-000005"})
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert removed == 1
    assert kept == data.replace((ROW % (5, 5)).encode(), b"")
    assert peak_bytes < 3 * len(data)
