"""An undo, and people whose row says by now that they do not agree."""

from tests.flow.following import address, run
from tests.flow.undoing import undo


def agreed(flow, *but):
    rows = "".join(f"C-{n},{address(n)},Name{n},{'no' if n in but else 'yes'}\n" for n in range(6))
    flow.segment(f"CustomerId,EMail,FirstName,Agreed\n{rows}", refresh=next(flow.days))


def test_undo_says_that_it_does_not_look_whether_those_whom_it_puts_back_agree(undoing):
    undoing.change(source={**undoing.export["source"], "only": {"column": "Agreed", "is": ["yes"]}})
    agreed(undoing)
    run(undoing)
    agreed(undoing, 1)
    status = run(undoing)
    assert (status["contacts_removed"], status["rows_filtered"]) == (1, 1)
    assert undo(undoing, status)["notes"] == [
        "Whether source.only leaves out by now the rows of 1 contact to be put back was not looked at: who does not "
        "agree any more is to be taken out in Brevo."
    ]
