"""From what people typed into the form of an export to its JSON."""

import pytest
from werkzeug.datastructures import MultiDict

from export_trigger.pages.export_fields import sent


@pytest.mark.parametrize(
    ("before", "ticked", "saved"),
    [
        (["Lapsed", "Gold"], ["Gold", "Lapsed"], ["Lapsed", "Gold"]),
        (["Lapsed", "Gold"], ["Gold", "Iron", "Lapsed"], ["Lapsed", "Gold", "Iron"]),
        (["Lapsed", "Gold"], ["Gold", "Iron"], ["Gold", "Iron"]),
        ([], ["Gold", "Lapsed"], ["Gold", "Lapsed"]),
    ],
)
def test_segments_keep_their_order_which_says_whose_row_wins(before, ticked, saved):
    form = MultiDict([("segments", name) for name in ticked])
    assert sent(form, {"segments": before} if before else {})["segments"] == saved
