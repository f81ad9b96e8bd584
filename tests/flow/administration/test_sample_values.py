"""A few masked values of each column, beside the form of an export: of whatever a file begins with."""

import pytest

from shared.access import Caller
from shared.administration.sample_values import sample_values
from shared.administration.stored_segments import segments_found

HEAD = "CustomerId,EMail,FirstName\n"
EVA = "C-2,eva@example.com,Eva\n"


def samples(flow, data):
    flow.segment(data)
    flow.save()
    caller = Caller("ana", "administrator")
    (found,) = segments_found(flow.app, caller, flow.container)
    return sample_values(flow.app, caller, found, flow.app.configuration.read().connections[0])


@pytest.mark.parametrize(
    ("first", "names"),
    [
        (f"C-1,ana@example.com,{'x' * 200_000}\n", ["x" + "•" * 20, "E••"]),
        ("C-1,ana@example.com,An\u2028a\n", ["A•••", "E••"]),
        ("C-1,ana@example.com,A\x00a\n", ["E••"]),
        ('C-1,ana@example.com,"An\n\na, b"\n', ["A•••••••", "E••"]),
        ("C-1,ana@example.com\n\n", ["E••"]),
    ],
    ids=["long cell", "line separator", "NUL", "line breaks", "malformed"],
)
def test_values_stand_at_their_own_columns(flow, first, names):
    found = samples(flow, HEAD + first + EVA)
    assert found["FirstName"] == names
    assert set(found["CustomerId"]) == {"C••"}


def test_quote_that_is_never_closed_hides_the_values_behind_it_alone(flow):
    found = samples(flow, HEAD + EVA + 'C-1,ana@example.com,"Ana\n' + EVA * 10_000)
    assert found["FirstName"] == ["E••"]


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("ana.pop@example.com", "a••••••@e••••••.com"),
        ("ana@shop.example.co", "a••@s•••••••••••.co"),
        ("Ask at ana@example.com. Lives in Cluj", "A" + "•" * 20),
        ("ana@example.com; Ana Pop", "a" + "•" * 20),
        ("ana@example.com;Ana.Pop", "a" + "•" * 20),
        ("Ana @home. Likes Tea", "A" + "•" * 19),
        ("@ana", "@•••"),
    ],
)
def test_text_with_an_at_sign_shows_no_more_than_its_first_letter_unless_it_is_an_address(flow, cell, shown):
    assert samples(flow, f"{HEAD}C-1,eva@example.com,{cell}\n")["FirstName"] == [shown]
