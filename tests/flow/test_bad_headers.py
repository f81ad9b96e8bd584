"""Whatever is wrong with a header or an encoding, the run says so in words and loses no other row."""

import pytest

from tests.flow.three_people import ALL_THREE, ANA, EVA, HEAD, ION, WITHOUT_ION

# The header


def test_mapped_column_that_is_missing_is_named_with_those_that_are_there(flow):
    flow.segment("CustomerId,EMail,Name\nC-1,ana@example.com,Ana\n")
    flow.run_fails("column_missing", "Gold_1.csv has no column 'FirstName'", "the columns are: CustomerId, EMail, Name")


def test_missing_email_column_is_named(flow):
    flow.segment("CustomerId,Mail,FirstName\nC-1,ana@example.com,Ana\n")
    flow.run_fails("column_missing", "has no column 'EMail'", "CustomerId, Mail, FirstName")


@pytest.mark.parametrize("row", ["17,,Maria,Popescu", "Maria", "17;;Maria;Popescu"])
@pytest.mark.parametrize("attributes", [{}, "all"])
def test_first_row_without_a_known_column_is_not_shown_since_it_may_be_a_customers(flow, row, attributes):
    flow.change(mapping={"email": "EMail", "attributes": attributes})
    flow.segment(f"{row}\n18,,Ion,Pop\n")
    status = flow.run_fails("column_missing", "Gold_1.csv has no column 'EMail'", "may be a customer's")
    assert "Maria" not in str(status) and "Popescu" not in str(status)


@pytest.mark.parametrize("row", ["Maria,Popescu,Email", "Emil,Popescu,Email", "Maria;Popescu;Email"])
@pytest.mark.parametrize("mapping", [{"email": "EMail", "first_name": "Email"}, {"email": "Email"}])
def test_first_row_is_not_shown_by_one_known_word_alone(flow, row, mapping):
    """A customer's preferred way of contact may be called like a mapped column."""
    flow.change(mapping={**mapping, "attributes": {"CITY": "City"}})
    flow.segment(f"{row}\nIon,Pop,Post\n")
    status = flow.run_fails("column_missing", "may be a customer's")
    assert not any(name in str(status) for name in ("Maria", "Emil'", "Popescu"))


def test_header_whose_names_have_many_digits_is_taken_for_one_and_shown(flow):
    head = "CustomerId,EMail,Spend_2024_2025\n"
    flow.segment(f"{head}C-1,ana@example.com,12\n")
    flow.run_fails("column_missing", "has no column 'FirstName'", "the columns are: CustomerId, EMail, Spend_2024_2025")
    flow.change(mapping={"email": "EMail", "attributes": {"CITY": "Spent_2024_2025"}})
    flow.run_fails("column_missing", "did you mean", "Spend_2024_2025")
    flow.change(mapping={"email": "EMail", "attributes": "all"}, leave_out_missing_attributes=True)
    assert flow.run()["status"] == "succeeded"


def test_row_with_an_address_is_never_shown_as_a_header(flow):
    flow.segment("CustomerId,ana@example.com,Maria\n18,ion@example.com,Ion\n")
    status = flow.run_fails("column_missing", "Gold_1.csv has no column 'EMail'", "looks like a customer's")
    assert "Maria" not in str(status)


def test_second_file_without_a_header_does_not_show_its_first_row(flow):
    flow.change(mapping={"email": "EMail", "attributes": "all"}, leave_out_missing_attributes=True)
    flow.segment(HEAD + ANA, partition=1)
    flow.segment("17,,Maria\n", partition=2)
    status = flow.run_fails("header_differs", "Gold_2.csv has other columns", "may be a customer's")
    assert "Maria" not in str(status)


def test_columns_in_another_order_in_each_partition_are_found_by_name(flow):
    flow.segment(HEAD + ANA, partition=1)
    flow.segment("FirstName,EMail,CustomerId\nIon,ion@example.com,C-2\n", partition=2)
    flow.segment('"EMail","Note","FirstName"\neva@example.com,x,Eva\n', partition=3)
    assert flow.run()["status"] == "succeeded"
    assert flow.sent() == ALL_THREE


def test_mapped_column_that_one_partition_lacks_is_named_with_its_file(flow):
    flow.segment(HEAD + ANA, partition=1)
    flow.segment("CustomerId,EMail\nC-2,ion@example.com\n", partition=2)
    status = flow.run_fails("column_missing", "Gold_2.csv has no column 'FirstName'", "CustomerId, EMail")
    assert status["rows_read"] == 0


def test_unmapped_column_that_one_partition_lacks_is_no_fault(flow):
    flow.segment(HEAD + ANA, partition=1)
    flow.segment("EMail,FirstName,Extra\nion@example.com,Ion,x\n", partition=2)
    assert flow.run()["status"] == "succeeded"


def test_partitions_with_other_columns_are_refused_with_all(flow):
    flow.change(mapping={"email": "EMail", "attributes": "all"}, leave_out_missing_attributes=True)
    flow.segment(HEAD + ANA, partition=1)
    flow.segment("CustomerId,EMail,City\nC-2,ion@example.com,Cluj\n", partition=2)
    flow.run_fails("header_differs", "Gold_2.csv has other columns", "City, FirstName", '"all"')


def test_mapped_column_that_is_there_twice_is_named(flow):
    flow.segment("EMail,FirstName,FirstName\nana@example.com,Ana,Anne\n")
    flow.run_fails("column_twice", "has the mapped column 'FirstName' more than once", "Gold_1.csv")


def test_mapped_column_that_is_there_twice_but_for_its_case_is_told_by_its_exact_name(flow):
    flow.segment("EMail,firstname,FirstName\nana@example.com,Anne,Ana\n")
    assert flow.run()["status"] == "succeeded"
    assert flow.sent() == {"ana@example.com": {"FIRSTNAME": "Ana"}}


def test_unmapped_column_that_is_there_twice_is_no_fault(flow):
    flow.segment("EMail,FirstName,Note,Note\nana@example.com,Ana,a,b\n")
    assert flow.run()["status"] == "succeeded"


@pytest.mark.parametrize(
    ("sign", "configured", "advice"),
    [
        (",", None, "Remove it."),
        (";", ";", "Remove it."),
        ("\t", "\t", "Remove it."),
        (";", None, "Remove it, and set source.delimiter to ';'."),
    ],
)
def test_note_for_excel_is_named_with_the_delimiter_only_where_it_is_another_one(flow, sign, configured, advice):
    flow.change(source={**flow.export["source"], "delimiter": configured})
    flow.segment(f"sep={sign}\n{(HEAD + ANA).replace(',', sign)}")
    status = flow.run_fails("header_invalid", "the header row is a note for Excel, not a header", advice)
    assert "''" not in str(status["error"])


# Encodings


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [
        ("utf-16-le", b"\xff\xfe"),
        ("utf-16-be", b"\xfe\xff"),
        ("utf-16-le", b""),
        ("utf-16-be", b""),
    ],
)
def test_utf_16_is_named_as_such(flow, encoding, mark):
    flow.segment(mark + (HEAD + ANA).encode(encoding))
    flow.run_fails("encoding_utf16", "Gold_1.csv is UTF-16", "UTF-8")


def test_utf_16_in_the_second_partition_sends_nothing(flow):
    flow.segment(HEAD + ANA, partition=1)
    flow.segment((HEAD + ION).encode("utf-16"), partition=2, ending=".csv.gz")
    flow.run_fails("encoding_utf16", "Gold_2.csv.gz")


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(b"C-2,ion@exam\x00ple.com,Ion\n", id="NUL in the address"),
        pytest.param(b"C-2,ion@example.com,I\x00on\n", id="NUL in a name"),
        pytest.param(b'C-2,ion@example.com,"\x00"\n', id="NUL, quoted"),
        pytest.param(b"C-2,ion@example.com,I\xf3n\n", id="latin1"),
        pytest.param(b"C-2,ion\xff@example.com,Ion\n", id="bad UTF-8 in the address"),
        pytest.param(b'C-2,ion@example.com,"I\xc3"\n', id="cut UTF-8"),
    ],
)
def test_row_with_a_nul_byte_or_bad_utf_8_is_rejected_alone(flow, row):
    flow.segment(HEAD.encode() + ANA.encode() + row + EVA.encode())
    status = flow.run()
    assert status["rows_rejected"] == {"invalid_encoding": 1}
    assert flow.places(status["run_id"]) == [("Gold_1.csv", 3, "invalid_encoding")]
    assert flow.sent() == WITHOUT_ION


def test_byte_order_mark_is_no_part_of_the_first_column(flow):
    flow.segment(("\ufeffEMail,FirstName\n" + "ana@example.com,Ana\n").encode(), partition=1)
    flow.segment(("\ufeff" + '"EMail","FirstName"\nion@example.com,Ion\n').encode(), partition=2, ending=".csv.gz")
    assert flow.run()["status"] == "succeeded"
    assert set(flow.sent()) == {"ana@example.com", "ion@example.com"}


@pytest.mark.parametrize(
    "data",
    [
        (HEAD + ANA + ION + EVA).replace("\n", "\r\n"),
        (HEAD + ANA + ION + EVA).replace("\n", "\r"),
        HEAD.replace("\n", "\r\n") + ANA + ION.replace("\n", "\r") + EVA.rstrip(),
        HEAD + ANA.replace("\n", "\r\n") + ION + EVA.replace("\n", "\r\n"),
        (HEAD + ANA + ION + EVA).replace("\n", "\r\n").rstrip("\n"),
    ],
    ids=["crlf", "cr", "all three", "mixed", "cr at the end"],
)
def test_line_ends_of_every_kind_are_read(flow, data):
    flow.segment(data)
    status = flow.run()
    assert (status["status"], status["rows_read"]) == ("succeeded", 3)
    assert flow.sent() == ALL_THREE


def test_line_of_a_rejected_row_is_right_whatever_the_line_ends(flow):
    flow.segment(HEAD + "C-1,,A\r\n" + "C-2,,B\r" + "C-3,ana@example.com,Ana\n" + "C-4,,D")
    status = flow.run()
    assert [line for _, line, _ in flow.places(status["run_id"])] == [2, 3, 5]
