"""An undo, and people whose row says by now that they do not agree."""

from tests.flow.following import address, numbers, run
from tests.flow.undoing import undo


def agreed(flow, *but, gone=(), more=""):
    people = [n for n in range(6) if n not in gone]
    rows = "".join(f"C-{n},{address(n)},Name{n},{'no' if n in but else 'yes'}\n" for n in people)
    flow.segment(f"CustomerId,EMail,FirstName,Agreed\n{rows}{more}", refresh=next(flow.days))


def test_undo_puts_nobody_back_whose_row_says_by_now_that_they_do_not_agree(undoing):
    undoing.change(source={**undoing.export["source"], "only": {"column": "Agreed", "is": ["yes"]}})
    agreed(undoing)
    run(undoing)
    agreed(undoing, 1, gone={2})
    status = run(undoing)
    assert (status["contacts_removed"], status["rows_filtered"]) == (2, 1)
    assert undo(undoing, status)["notes"] == [
        "1 of those whom the run had removed are excluded or do not agree by now, and are not put back."
    ]
    assert numbers(undoing) == {0, 2, 3, 4, 5}


def test_undo_puts_back_who_agrees_in_another_row(undoing):
    undoing.change(source={**undoing.export["source"], "only": {"column": "Agreed", "is": ["yes"]}})
    agreed(undoing)
    run(undoing)
    agreed(undoing, gone={2})
    status = run(undoing)
    agreed(undoing, more=f"C-8,{address(2)},Name,no\nC-9,{address(2)},Name,yes\n")
    assert undo(undoing, status)["notes"] == []
    assert 2 in numbers(undoing)
