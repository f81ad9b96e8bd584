"""Only customers whose consent column says yes are sent: `source.only`."""

import pytest

from tests.flow.one_column import send

HEAD = "CustomerId,EMail,EmailOptIn,Age\n"
ONLY = {"column": "EmailOptIn", "is": ["true", "1", "Yes"]}


def send_only(flow, only, data, **mapping):
    flow.export["source"]["only"] = only
    return send(flow, mapping, data)


def saved(flow, only, data):
    flow.export["source"]["only"] = only
    flow.change(mapping={"email": "EMail"})
    flow.segment(data)


def test_rows_that_do_not_say_yes_are_filtered_and_no_rejects(flow):
    data = HEAD + "C-1,ana@example.com,True,1\nC-2,ion@example.com,False,1\nC-3,eva@example.com,,1\n"
    data += "C-4,dan@example.com, YES ,1\nC-5,nobody,no,1\nC-6,,NULL,1\nC-7,fay@example.com,1,1\n"
    status = send_only(flow, ONLY, data)
    assert (status["status"], status["rows_read"], status["rows_filtered"]) == ("succeeded", 7, 4)
    assert (status["contacts_mapped"], status["rows_rejected"]) == (3, {})
    assert set(flow.sent()) == {"ana@example.com", "dan@example.com", "fay@example.com"}
    assert flow.rejects(status["run_id"]) == []


def test_filtered_row_takes_no_address_and_no_number_from_others(flow):
    data = "CustomerId,EMail,EmailOptIn,Phone\n"
    data += "C-1,ana@example.com,no,+40722123456\nC-2,ana@example.com,yes,\nC-3,ion@example.com,yes,+40722123456\n"
    status = send_only(flow, ONLY, data, phone="Phone")
    assert (status["rows_filtered"], status["rows_rejected"], status["warnings"]) == (1, {}, {})
    assert flow.sent() == {"ana@example.com": {}, "ion@example.com": {"SMS": "40722123456"}}


def test_all_of_several_conditions_must_fit(flow):
    data = HEAD + "C-1,ana@example.com,yes,adult\nC-2,ion@example.com,yes,child\nC-3,eva@example.com,no,adult\n"
    status = send_only(flow, [ONLY, {"column": "age", "is": ["adult"]}], data)
    assert (status["rows_filtered"], set(flow.sent())) == (2, {"ana@example.com"})


def test_word_that_means_empty_can_be_asked_for(flow):
    data = HEAD + "C-1,ana@example.com,NULL,1\nC-2,ion@example.com,yes,1\n"
    status = send_only(flow, {"column": "EmailOptIn", "is": ["null"]}, data)
    assert (status["rows_filtered"], set(flow.sent())) == (1, {"ana@example.com"})


@pytest.mark.parametrize("word", ["Ja's", "\u00c9T\u00c9"])
def test_any_word_is_compared_without_regard_to_case(flow, word):
    data = HEAD + f"C-1,ana@example.com,{word},1\nC-2,ion@example.com,{word.lower()},1\nC-3,eva@example.com,x,1\n"
    status = send_only(flow, {"column": "EmailOptIn", "is": [word]}, data)
    assert (status["rows_filtered"], len(flow.sent())) == (1, 2)


def test_filtered_rows_count_for_no_guard(flow):
    rows = "".join(f"C-{i},p{i}@example.com,no,1\n" for i in range(8))
    data = HEAD + rows + "C-8,ana@example.com,yes,1\nC-9,nobody,yes,1\nC-10,nobody,yes,1\n"
    saved(flow, ONLY, data)
    flow.change(max_rejected=0.5)
    flow.run_is_held("guard_max_rejected", "2 of 3 rows")


def test_where_nobody_agreed_a_guard_names_the_column_to_look_at(flow):
    saved(flow, ONLY, HEAD + "C-1,ana@example.com,si,1\nC-2,ion@example.com,no,1\n")
    status = flow.run_is_held("guard_nobody_agreed", "None of the 2 rows", "EmailOptIn")
    assert (status["rows_read"], status["rows_filtered"]) == (2, 2)
    assert flow.run(accept=True)["status"] == "succeeded"
    assert flow.sent() == {}


def test_consent_column_that_is_not_there_is_named(flow):
    saved(flow, {"column": "Consent", "is": ["yes"]}, HEAD + "C-1,ana@example.com,yes,1\n")
    flow.run_fails("column_missing", "'Consent'")


def test_preview_counts_filtered_rows(flow):
    saved(flow, ONLY, HEAD + "C-1,ana@example.com,yes,1\nC-2,ion@example.com,no,1\n")
    preview = flow.preview()
    assert (preview["rows_filtered"], preview["contacts_mapped"]) == (1, 1)
