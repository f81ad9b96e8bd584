"""What is said of a member of the list without a row in the segment is no more than what is known."""

from tests.flow.operating.persons import BEN, answered
from tests.flow.operating.tools import ANA, HEAD


def test_member_whom_others_have_put_into_the_list_is_not_said_to_have_left_the_segment(flow):
    flow.segment(f"{HEAD}{BEN}")
    flow.sandbox.seed(contacts=[{"email": ANA, "lists": [12]}])
    answer = answered(flow)
    assert answer.verdict == "in_list"
    assert answer.sentence == "The person is in list 12, and not in the newest snapshot of the segment."


def test_member_whose_row_may_be_in_a_file_that_cannot_be_read_is_not_said_to_be_out_of_the_segment(flow):
    flow.segment(f"{HEAD}{BEN}")
    flow.blob("Gold/2026/11/24/0500/Gold_2.parquet", b"PAR1")
    flow.sandbox.seed(contacts=[{"email": ANA, "lists": [12]}])
    answer = answered(flow)
    assert answer.verdict == "in_list"
    assert answer.sentence == (
        "The person is in list 12. No row that can be read has this address, and the newest snapshot is not complete."
    )
    assert answer.advice == "Try again when Customer Insights has written all of its files."
