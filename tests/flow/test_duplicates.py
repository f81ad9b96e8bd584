"""Which of several rows of one address or phone is sent."""

from tests.flow.one_column import HEAD, send, sha


def test_first_row_of_an_address_wins_within_a_segment_and_the_others_are_told(flow):
    status = send(
        flow,
        {"first_name": "FirstName"},
        HEAD + "C-1,Ana@example.com,Ana\nC-2,ana@example.com,Second\nC-3, ANA@EXAMPLE.COM,Third\n",
    )
    assert status["rows_rejected"] == {"duplicate_email": 2}
    assert flow.sent() == {"ana@example.com": {"FIRSTNAME": "Ana"}}
    assert [(row["line"], row["email_sha256"]) for row in flow.rejects(status["run_id"])] == [
        ("3", sha("ana@example.com")),
        ("4", sha("ana@example.com")),
    ]


def test_address_of_two_segments_is_merged_and_no_fault(flow):
    flow.change(segments=["Gold", "Silver"])
    flow.segment(HEAD + "C-1,ana@example.com,Gold\nC-2,ion@example.com,Ion\n", name="Gold")
    flow.segment(
        HEAD
        + "C-1,ANA@example.com,Silver\nC-3,eva@example.com,Eva\nC-3,eva@example.com,Again\nC-1,ana@example.com,Third\n",
        name="Silver",
    )
    status = flow.run()
    assert (status["rows_read"], status["rows_merged"], status["rows_rejected"]) == (6, 1, {"duplicate_email": 2})
    assert flow.sent() == {
        "ana@example.com": {"FIRSTNAME": "Gold"},
        "ion@example.com": {"FIRSTNAME": "Ion"},
        "eva@example.com": {"FIRSTNAME": "Eva"},
    }
    assert [(row["segment"], row["line"]) for row in flow.rejects(status["run_id"])] == [
        ("Silver", "4"),
        ("Silver", "5"),
    ]


def test_second_contact_of_a_phone_is_sent_without_it(flow):
    data = "CustomerId,EMail,P\nC-1,ana@example.com,0722 123 456\n"
    data += "C-2,ion@example.com,+40722123456\nC-3,eva@example.com,0733123456\n"
    status = send(flow, {"phone": "P"}, data)
    assert (status["status"], status["warnings"]) == ("succeeded", {"duplicate_phone": 1})
    assert flow.sent() == {
        "ana@example.com": {"SMS": "40722123456"},
        "ion@example.com": {},
        "eva@example.com": {"SMS": "40733123456"},
    }
    [row] = flow.rejects(status["run_id"])
    assert (row["line"], row["reason"], row["field"], row["customer_id"]) == ("3", "duplicate_phone", "P", "C-2")


def test_phone_of_a_rejected_row_is_free_for_the_next(flow):
    status = send(flow, {"phone": "P"}, "CustomerId,EMail,P\nC-1,nobody,0722123456\nC-2,ion@example.com,0722123456\n")
    assert status["warnings"] == {}
    assert flow.sent() == {"ion@example.com": {"SMS": "40722123456"}}


def test_invalid_phone_is_a_warning(flow):
    data = "CustomerId,EMail,P\nC-1,ana@example.com,12\nC-2,ion@example.com,n/a\nC-3,eva@example.com,\n"
    status = send(flow, {"phone": "P"}, data)
    assert (status["status"], status["warnings"]) == ("succeeded", {"invalid_phone": 2})
    assert list(flow.sent().values()) == [{}, {}, {}]


def test_of_an_address_in_two_segments_the_row_of_the_one_that_stands_first_is_sent(flow):
    flow.change(segments=["Silver", "Gold"])
    flow.segment(HEAD + "C-1,ana@example.com,Gold\n", name="Gold")
    flow.segment(HEAD + "C-1,ana@example.com,Silver\n", name="Silver")
    flow.run()
    assert flow.sent() == {"ana@example.com": {"FIRSTNAME": "Silver"}}
