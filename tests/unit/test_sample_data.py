"""The sample data is itself checked against independent readers: csv, email-validator and phonenumbers."""

import csv
import gzip
import io
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import phonenumbers
import pytest
from email_validator import EmailNotValidError, validate_email

from local import sample_data
from local.sample_data import (
    COLUMNS,
    FOLDER,
    REJECTED,
    WARNED,
    ContactDigest,
    Expected,
    SampleExport,
    SegmentPlan,
    make_export,
    make_segment,
    stream_to_folder,
)
from local.sample_people import customers
from tests.sizes import thinned

ALL_FAULTS = dict.fromkeys((*REJECTED, *WARNED), 0.03)
SNAPSHOT = f"{FOLDER}/HighValueSegment/2026/10/05/0630"


def _phone(text: str) -> str | None:
    try:
        number = phonenumbers.parse(text, "RO")
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _is_email(text: str) -> bool:
    try:
        validate_email(text, check_deliverability=False)
    except EmailNotValidError:
        return False
    return True


class _PlainReader:
    """Reads an export the slow and obvious way, by the rules of the product but with none of its code."""

    def __init__(self, export: SampleExport) -> None:
        self.found = Expected()
        self._phones: set[str] = set()
        for plan in export.plans:
            self._in_segment: set[str] = set()
            for path, _ in plan.files():
                self._read_file(export.files[path], plan.delimiter)

    def _read_file(self, content: bytes, delimiter: str) -> None:
        for line in content.splitlines()[1:]:
            self.found.rows_read += 1
            reason = self._read_row(line, delimiter)
            if reason:
                self.found.rows_rejected[reason] += 1

    def _read_row(self, line: bytes, delimiter: str) -> str | None:
        try:
            text = line.decode()
        except UnicodeDecodeError:
            return "invalid_encoding"
        fields = next(csv.reader([text], delimiter=delimiter, strict=True))
        if len(fields) != len(COLUMNS):
            return "malformed_row"
        row = dict(zip(COLUMNS, fields, strict=True))
        email = row["EMail"].strip().lower()
        if not email:
            return "missing_email"
        if not _is_email(email):
            return "invalid_email"
        if email in self._in_segment:
            return "duplicate_email"
        self._in_segment.add(email)
        if email in self.found.contacts:
            self.found.rows_merged += 1
        else:
            self._add_contact(email, row)
        return None

    def _add_contact(self, email: str, row: dict[str, str]) -> None:
        contact = {"FIRSTNAME": row["FirstName"], "LASTNAME": row["LastName"], "CITY": row["City"]}
        if row["Telephone"]:
            phone = _phone(row["Telephone"])
            if phone is None:
                self.found.warnings["invalid_phone"] += 1
            elif phone in self._phones:
                self.found.warnings["duplicate_phone"] += 1
            else:
                self._phones.add(phone)
                contact["SMS"] = phone
        if row["BirthDate"]:
            if _is_date(row["BirthDate"]):
                contact["BIRTHDAY"] = row["BirthDate"]
            else:
                self.found.warnings["invalid_date"] += 1
        self.found.contacts_mapped += 1
        self.found.contacts[email] = contact
        self.found.digest.add(email, contact)


def _assert_plain_reading_agrees(export: SampleExport) -> None:
    found, expected = _PlainReader(export).found, export.expected
    assert found.rows_read == expected.rows_read
    assert found.rows_merged == expected.rows_merged
    assert found.rows_rejected == expected.rows_rejected
    assert found.warnings == expected.warnings
    assert found.contacts == expected.contacts
    assert found.digest.hexdigest() == expected.digest.hexdigest()


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.full) for seed in (7, 42))])
def test_a_plain_reading_of_one_segment_finds_what_was_expected(seed: int) -> None:
    export = make_segment(rows=3000, seed=seed, flaws=ALL_FAULTS, partitions=3)
    assert set(export.expected.rows_rejected) == set(REJECTED)
    assert set(export.expected.warnings) == set(WARNED)
    _assert_plain_reading_agrees(export)


@pytest.mark.parametrize("start_of_second", thinned([2500, 0, 400, 3000], 4))
def test_a_plain_reading_of_overlapping_segments_finds_what_was_expected(start_of_second: int) -> None:
    plan = SegmentPlan(rows=3000, flaws=ALL_FAULTS)
    second = SegmentPlan("LapsedCustomers", 3000, flaws=ALL_FAULTS, first_customer=start_of_second)
    third = SegmentPlan("Newcomers", 1500, flaws=0.1, first_customer=1000, delimiter=";")
    export = make_export(plan, second, third)
    assert export.expected.rows_merged > 1000
    _assert_plain_reading_agrees(export)


def test_the_books_balance() -> None:
    expected = make_export(
        SegmentPlan(rows=500, flaws=0.2), SegmentPlan("LapsedCustomers", 500, flaws=0.2, first_customer=300)
    ).expected
    rejected = sum(expected.rows_rejected.values())
    assert expected.rows_read == expected.contacts_mapped + expected.rows_merged + rejected
    assert expected.contacts_mapped == len(expected.contacts)


def test_each_finding_names_the_line_of_its_row() -> None:
    export = make_segment(rows=2000, flaws=ALL_FAULTS, partitions=2)
    assert export.expected.findings
    for finding in export.expected.findings:
        line = export.files[finding.file].split(b"\n")[finding.line - 1]
        assert line.startswith(finding.customer_id.encode())


def test_the_same_plan_gives_the_same_bytes_and_another_seed_others() -> None:
    first = make_segment(rows=300, flaws=0.1, gzip=True)
    again = make_segment(rows=300, flaws=0.1, gzip=True)
    other = make_segment(rows=300, flaws=0.1, gzip=True, seed=8)
    assert first.files == again.files
    assert first.expected.to_json() == again.expected.to_json()
    assert first.expected.digest.hexdigest() != other.expected.digest.hexdigest()


def test_the_folders_and_files_are_laid_out_as_customer_insights_does() -> None:
    export = make_segment(rows=10, partitions=2, taken=datetime(2020, 8, 24, 14, 33, tzinfo=UTC))
    folder = f"{FOLDER}/HighValueSegment/2020/08/24/1433"
    assert list(export.files) == [
        f"{folder}/HighValueSegment_1.csv",
        f"{folder}/HighValueSegment_2.csv",
        f"{FOLDER}/model.json",
    ]


def test_model_json_names_each_column_and_each_partition_of_each_segment() -> None:
    export = make_export(
        SegmentPlan(rows=10, partitions=2, header=False),
        SegmentPlan("LapsedCustomers", rows=10, gzip=True, delimiter=";"),
    )
    model = json.loads(export.files[f"{FOLDER}/model.json"])
    assert model == export.model_json
    high_value, lapsed = model["entities"]
    assert [attribute["name"] for attribute in high_value["attributes"]] == list(COLUMNS)
    assert [partition["name"] for partition in high_value["partitions"]] == [
        "HighValueSegment_1",
        "HighValueSegment_2",
    ]
    assert high_value["partitions"][0]["fileFormatSettings"]["columnHeaders"] is False
    (partition,) = lapsed["partitions"]
    assert partition["location"].endswith("/LapsedCustomers/2026/10/05/0630/LapsedCustomers_1.csv.gz")
    assert partition["fileFormatSettings"]["delimiter"] == ";"


def test_rows_are_spread_over_the_partitions_and_none_is_lost() -> None:
    export = make_segment(rows=10, partitions=3)
    sizes = [len(content.splitlines()) - 1 for path, content in export.files.items() if path.endswith(".csv")]
    assert sizes == [3, 3, 4]


def test_gzip_bom_crlf_and_a_missing_header_change_the_bytes_but_not_the_rows() -> None:
    plain = make_segment(rows=50).files[f"{SNAPSHOT}/HighValueSegment_1.csv"]
    odd = make_segment(rows=50, gzip=True, bom=True, crlf=True, header=False)
    content = gzip.decompress(odd.files[f"{SNAPSHOT}/HighValueSegment_1.csv.gz"])
    assert content.startswith(b"\xef\xbb\xbf")
    assert content.count(b"\r\n") == content.count(b"\n") == 50
    assert content.removeprefix(b"\xef\xbb\xbf").splitlines() == plain.splitlines()[1:]


def test_a_comma_in_a_city_is_quoted_and_read_back() -> None:
    content = make_segment(rows=200).files[f"{SNAPSHOT}/HighValueSegment_1.csv"].decode()
    rows = list(csv.DictReader(io.StringIO(content), strict=True))
    assert "București, Sector 3" in {row["City"] for row in rows}
    assert any('"' in row["FullName"] for row in rows)


def test_customers_are_the_same_whichever_segment_asks_for_them() -> None:
    assert list(customers(7, 0, 9000))[5000:8500] == list(customers(7, 5000, 8500))


@pytest.mark.full
def test_every_address_and_phone_of_a_customer_is_valid_and_unique() -> None:
    def phones() -> Iterator[str]:
        for customer in people:
            if customer.phone:
                assert _phone(customer.phone) == customer.phone_e164, customer
                yield customer.phone_e164

    people = list(customers(7, 0, 10_000))
    addresses = {customer.email for customer in people}
    assert len(addresses) == len(people)
    assert all(_is_email(address) and address == address.lower() for address in addresses)
    numbers = list(phones())
    assert len(set(numbers)) == len(numbers) > 9000


def test_a_rate_of_faults_gives_every_reason_at_least_once() -> None:
    expected = make_segment(rows=1000, flaws=0.02).expected
    counts = expected.rows_rejected + expected.warnings
    assert set(counts) == {*REJECTED, *WARNED}
    assert 18 <= counts.total() <= 24


def test_an_unknown_reason_is_refused() -> None:
    with pytest.raises(ValueError, match="wrong_reason"):
        make_segment(flaws={"wrong_reason": 0.1})


def test_segments_of_one_export_must_share_their_seed() -> None:
    with pytest.raises(ValueError, match="share a seed"):
        make_export(SegmentPlan(seed=1), SegmentPlan("LapsedCustomers", seed=2))


def test_streaming_to_a_folder_writes_the_same_bytes_without_keeping_contacts(tmp_path: Path) -> None:
    export = make_segment(rows=200, flaws=0.1, partitions=2)
    expected = stream_to_folder(export.plans, tmp_path)
    assert expected.contacts == {}
    assert expected.to_json() == export.expected.to_json()
    written = {str(path.relative_to(tmp_path)): path.read_bytes() for path in tmp_path.rglob("*.*")}
    assert written == export.files


def test_a_digest_knows_a_set_of_contacts_whatever_their_order() -> None:
    contacts = {"a@gmail.com": {"CITY": "Iași", "SMS": "+40721"}, "b@gmail.com": {}}
    one, reverse, less = ContactDigest(), ContactDigest(), ContactDigest()
    for email, attributes in contacts.items():
        one.add(email, attributes)
    for email, attributes in reversed(contacts.items()):
        reverse.add(email, dict(reversed(attributes.items())))
    less.add("a@gmail.com", {"CITY": "Iași"})
    less.add("b@gmail.com", {})
    assert one.hexdigest() == reverse.hexdigest() != less.hexdigest()


def test_the_command_writes_segments_and_what_must_become_of_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expected_file = tmp_path / "expected.json"
    arguments = ["--rows", "100", "--flaws", "0.1", "--overlap", "0.5", "--taken", "2026-11-01T05:00"]
    status = sample_data.main([*arguments, "--folder", str(tmp_path), "--expected", str(expected_file)])
    assert status == 0
    expected = json.loads(expected_file.read_text(encoding="utf-8"))
    assert expected["rows_read"] == 200
    assert expected["rows_merged"] > 30
    assert expected["contacts_digest"] in capsys.readouterr().out
    assert (tmp_path / FOLDER / "LapsedCustomers/2026/11/01/0500/LapsedCustomers_1.csv").exists()


@pytest.mark.parametrize("arguments", [["--rows", "0"], ["--flaws", "1"], ["--overlap", "2"]])
def test_the_command_refuses_what_makes_no_sense(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        sample_data.main([*arguments, "--folder", str(tmp_path)])
    assert arguments[0] in capsys.readouterr().err


def test_snapshot_in_storage_is_refreshed_now_unless_it_is_given_another_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """An export sends the newest one: another would be passed over."""
    taken: list[datetime] = []

    def stream(plans: list[SegmentPlan], connection_string: str, container: str) -> Expected:
        taken.extend(plan.taken for plan in plans)
        return Expected()

    monkeypatch.setattr(sample_data, "stream_to_storage", stream)
    monkeypatch.setenv("AzureWebJobsStorage", "somewhere")
    began = datetime.now(UTC)
    assert sample_data.main(["--rows", "10", "--segments", "Gold", "--storage"]) == 0
    assert sample_data.main(["--rows", "10", "--segments", "Gold", "--storage", "--taken", "2026-10-05T06:30"]) == 0
    assert began <= taken[0] <= datetime.now(UTC)
    assert taken[1].isoformat() == "2026-10-05T06:30:00"


def test_numbers_of_fifty_million_customers_are_valid_and_nobody_elses():
    """Of each ten million those whose numbers end alike."""
    blocks = range(0, 50_000_000, 10_000_000)
    people = [each for first in blocks for each in customers(7, first, first + 1_000) if each.phone]
    assert [each.phone for each in people if _phone(each.phone) != each.phone_e164] == []
    assert len({each.phone_e164 for each in people}) == len(people)
