"""The SQL for phone numbers against phonenumbers, value by value."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from functools import cache

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.mapping.phone_rule import judge_phone, phone_rule
from shared.mapping.rule import Rule
from tests.property.phone_numbers import COMMON, HARD, junk, mutated, once_a_number, realistic, written
from tests.sizes import in_both_sizes, thinned


@cache
def rule(country: str | None) -> Rule:
    return phone_rule(country)


def simplified(values: Sequence[str | None], country: str | None) -> duckdb.DuckDBPyConnection:
    """The values as the rule's SQL takes them, in the column `v` of the table `t`."""
    connection = duckdb.connect()
    cells = "SELECT unnest(?::VARCHAR[]) AS cell"
    connection.execute(
        f"CREATE TABLE t AS SELECT {rule(country).simplified('c')} AS v "
        f"FROM (SELECT {rule(country).cleaned('cell')} AS c FROM ({cells}))",
        [values],
    )
    return connection


def sql_verdicts(values: list[str], country: str | None) -> list[tuple[str | None, bool]]:
    """(value, undecided) for each of the values, in order, from one query."""
    connection, found = simplified(values, country), rule(country)
    sql = f"SELECT coalesce({found.quick('v')}, {found.verdict('v', found.kinds)}) FROM t ORDER BY rowid"
    return [(answer or None, answer == "") for (answer,) in connection.execute(sql).fetchall()]


def disagreements(values: Iterable[str], country: str | None) -> list[tuple[str, str | None, str | None]]:
    """The values that SQL decides otherwise than the library: (value, SQL, library)."""
    values = list(dict.fromkeys(value.strip() for value in values if value.strip()))
    found = []
    for value, (answer, undecided) in zip(values, sql_verdicts(values, country), strict=True):
        if not undecided and answer != (verdict := judge_phone(country, value)):
            found.append((value, answer, verdict))
    return found


def assert_agreement(counts: dict[Callable[[random.Random, str], str], int], country: str | None, size: float) -> None:
    """Judges so many values of each generator in one query: its planning is most of what a query costs."""
    seed = random.SystemRandom().randrange(2**32)
    rng = random.Random(seed)
    generators = [generate for generate, count in counts.items() for _ in range(round(count * size))]
    values = [generate(rng, country or rng.choice(COMMON)) for generate in generators]
    assert disagreements(values, country) == [], f"seed {seed}"


@pytest.mark.parametrize(
    ("country", "size"),
    [
        *((name, 0.05) for name in (*COMMON[::4], "US", None)),
        *(pytest.param(name, 1.0, marks=pytest.mark.full) for name in (*COMMON, None)),
    ],
)
def test_sql_and_library_agree_on_numbers_of_common_countries(country: str | None, size: float) -> None:
    assert_agreement({written: 13_000, mutated: 4_000, once_a_number: 4_000, junk: 3_000}, country, size)


@pytest.mark.parametrize(
    ("country", "size"),
    [*((name, 0.1) for name in HARD[::9]), *(pytest.param(name, 1.0, marks=pytest.mark.full) for name in HARD)],
)
def test_sql_and_library_agree_on_numbers_of_countries_with_difficult_rules(country: str, size: float) -> None:
    assert_agreement({written: 2_000, mutated: 500, once_a_number: 1_000}, country, size)


@in_both_sizes
def test_sql_and_library_agree_on_numbers_that_hypothesis_finds(size: float) -> None:
    @settings(max_examples=round(60 * size), deadline=None)
    @given(
        st.sampled_from(["RO", "DE", "GB", "US", "IT", "BR"]),
        st.lists(st.text("0014479+ -(/.)x", max_size=16), min_size=1, max_size=60),
    )
    def agree(country: str, values: list[str]) -> None:
        assert disagreements(values, country) == []

    agree()


@pytest.mark.full
@pytest.mark.parametrize("country", COMMON)
def test_realistic_numbers_hardly_ever_need_the_library(country: str) -> None:
    rng = random.Random(7)
    values = [realistic(rng, country) for _ in range(2_000)]
    verdicts = sql_verdicts(values, country)
    assert sum(undecided for _, undecided in verdicts) < 0.01 * len(values)
    assert sum(answer is not None for answer, _ in verdicts) > 0.9 * len(values)


@pytest.mark.parametrize("country", ["US", "CA"])
def test_american_number_is_plain_with_and_without_the_one_before_it(country: str) -> None:
    number = {"US": "2025550123", "CA": "4165550123"}[country]
    connection = simplified([number, f"1 {number}", f"+1{number}", f"011 1 {number}"], country)
    verdicts = connection.execute(f"SELECT {rule(country).quick('v')} FROM t").fetchall()
    assert verdicts == [(f"+1{number}",)] * 4


@pytest.mark.parametrize("country", thinned(("RO", "BR", "US", None), 2))
@pytest.mark.parametrize("kind", thinned(["", "1", "4"], 2))
def test_what_is_planned_for_one_kind_decides_that_kind_as_before_and_leaves_the_others(kind, country) -> None:
    values = [*NASTY_NUMBERS, "+14155552671", "+40 722 123 456", "0040722123456", "0722123456", "4155552671", None]
    connection, found = simplified(values, country), rule(country)
    sql = f"SELECT {found.kind('v')}, {found.verdict('v', found.kinds)}, {found.verdict('v', [kind])} FROM t"
    rows = connection.execute(sql).fetchall()
    assert all(one == every if its == kind else one in (every, "") for its, every, one in rows)
    assert any(its == kind for its, _, _ in rows)


@pytest.mark.parametrize("country", ["RO", "BR", None])
def test_cell_without_a_value_is_refused_without_asking_the_library(country: str | None) -> None:
    connection, found = simplified([None], country), rule(country)
    sql = f"SELECT {found.quick('v')}, {found.verdict('v', found.kinds)} FROM t"
    assert connection.execute(sql).fetchall() == [(None, None)]


def test_unknown_country_is_a_lookup_error() -> None:
    with pytest.raises(LookupError):
        phone_rule("XX")


def test_country_may_be_written_in_lower_case() -> None:
    assert phone_rule("ro").judge("0712345678 int. 5") == "+40712345678"


# Judged with each of the common countries as default country.
NASTY_NUMBERS = [
    "0", "1", "-", "+", "++", "n/a", "none", "NULL", ".", "()", "0 ", "00", "000", "0000000000", "+0", "+00",
    "12", "123", "112", "911", "999", "1234567890", "0123456789", "9999999999", "11111111111", "0000",
    "+40", "+4", "+44", "0040", "00400", "0712345678", "0712 345 678", "0712-345-678", "0712.345.678",
    "0712/345678", "(0712) 345 678", "0712  345  678", "712345678", "+40712345678", "+40 712 345 678",
    "+40 (0)712 345 678", "+400712345678", "0040712345678", "0040 0712345678", "40712345678",
    "400712345678", "(+40) 712345678", "+(40)712345678", "+ 40 712345678", "++40712345678",
    "+40+712345678", "0712345678+", "0712345678 int. 5", "0712345678 x5", "0712345678x5",
    "0712345678#5", "0712345678,5", "0712345678;5", "0712345678~5", "0712345678/0712345679",
    "0712345678; 0712345679", "0712345678, 0712345679", "tel:0712345678", "tel:+40712345678",
    "tel:712345678;phone-context=+40", "712345678;phone-context=+40", "0712345678;ext=5",
    "0712345678;isub=1", "O712345678", "07I2345678", "0712345678 (mobil)", "mobil 0712345678",
    "0712345678.", "0712345678-", "-0712345678", ".0712345678", "'0712345678", "=0712345678",
    "\"0712345678\"", "0712345678\x00", "0712\x00345678", "0712\t345678", "0712\n345678",
    "0712\u00a0345\u00a0678", "0712\u2013345\u2013678", "0712\u200b345678", "\u202a+40712345678\u202c",
    "＋40712345678", "０７１２３４５６７８", "٠٧١٢٣٤٥٦٧٨", "07 12 34 56 78", "[0712] 345678",
    "0712_345678", "0712*345678", "*0712345678", "#31#0712345678", "7.12345678E8", "7,12E+08",
    "40712345678.0", "+4.0712E+10", "0712 345 67", "0712 345 6789", "07123456789012345",
    "+407123456789012345", "021 312 3456", "0213123456", "+40213123456", "0800 123 456", "0900123456",
    "1-800-FLOWERS", "18003569377", "1-800-356-9377", "+1 800 356 9377", "(202) 555-0123", "2025550123",
    "12025550123", "1 (202) 555-0123", "+12025550123", "0112025550123", "01140712345678",
    "+1 202 555 0123 ext 7", "12680123456", "+12684641234", "555-0123", "030 123456", "030/123456",
    "+49 30 123456", "+49 (0)30 123456", "0049 30 123456", "49 30 123456", "4930123456",
    "0151 12345678", "+4915112345678", "015112345678", "4915112345678", "01 23 45 67 89",
    "+33 1 23 45 67 89", "+33 (0)1 23 45 67 89", "33123456789", "06 12 34 56 78", "020 7946 0018",
    "+44 20 7946 0018", "+44 (0)20 7946 0018", "442079460018", "07400 123456", "01481 720000",
    "+447624000000", "+441534500000", "0800 1111", "18002007946", "180020079460018", "06 698 12345",
    "+39 06 698 12345", "3331234567", "393331234567", "3931234567", "+39 333 123 4567",
    "0039 333 1234567", "0612345678", "+31 6 12345678", "31612345678", "612345678", "+34 612 345 678",
    "34612345678", "512345678", "+48 512 345 678", "48512345678", "0664 1234567", "+43 664 1234567",
    "436641234567", "+7 926 123 45 67", "8 926 123 45 67", "+7 701 123 4567", "+54 9 11 2345 6789",
    "011 15 2345 6789", "+55 11 98765 4321", "+52 1 55 1234 5678", "+36 06 1 234 5678",
    "+800 1234 5678", "+808 1234 5678", "+870 123456789", "+888 123456789012", "+999123456789",
    "+210123456789", "+61 2 1234 5678", "+81 3 1234 5678", "+86 10 1234 5678", "+91 98765 43210",
    "+91 098765 43210", "+972 50 123 4567", "+358 40 1234567", "+47 406 12 345", "+47 79 12 34 56",
    "+599 9 461 1234", "+262 262 12 34 56", "+590 590 12 34 56", "0" * 249 + "1",
    "0712345678" + " " * 250 + "1", "07" + "1" * 260, "+" + "4" * 300, "0712" + "-" * 250 + "345678",
    "1" * 17, "1" * 18, "½712345678", "0712345678½", "²0712345678",
]  # fmt: skip


@pytest.mark.parametrize("country", thinned((*COMMON, "BR", None), 3))
def test_sql_and_library_agree_on_nasty_numbers(country: str | None) -> None:
    assert len(set(NASTY_NUMBERS)) >= 120
    assert disagreements(NASTY_NUMBERS, country) == []


USUAL: list[tuple[str | None, str, str | None]] = [
    ("RO", "0712 345 678", "+40712345678"),
    ("RO", "712345678", "+40712345678"),
    ("RO", "0040 712.345.678", "+40712345678"),
    ("RO", "40712345678", "+40712345678"),
    ("RO", "+40 (0)712 345 678", "+40712345678"),
    ("RO", "+49 151 12345678", "+4915112345678"),
    ("GB", "+44 (0)20 7946 0018", "+442079460018"),
    ("US", "(202) 555-0123", "+12025550123"),
    ("US", "1-202-555-0123", "+12025550123"),
    ("US", "011 40 712345678", "+40712345678"),
    ("IT", "06 123 45678", "+390612345678"),
    ("RO", "40712345678.0", "+40712345678"),
    ("RO", "0712345678.0", "+40712345678"),
    ("RO", "0712.345.678", "+40712345678"),
    ("RO", "0712.345.000", "+40712345000"),
    ("DE", "0171 1234567.0", "+491711234567"),
    ("DE", "+49 (171) 1234567.0", "+491711234567"),
    ("DE", "030/12345.0", "+493012345"),
    ("FR", "01.23.45.67.00", "+33123456700"),
    ("RO", "4.0712345678E10", None),
    ("RO", "7,12E+08", None),
    ("DE", "4915112345678", "+4915112345678"),
    ("DE", "4915112345678.0", "+4915112345678"),
    ("DE", "49 151 12345678", "+4915112345678"),
    ("DE", "04931123456", "+494931123456"),
    ("AT", "436641234567", "+436641234567"),
    ("IT", "3931234567", "+393931234567"),
    ("US", "12025550123", "+12025550123"),
    (None, "+40712345678", "+40712345678"),
    (None, "0712345678", None),
    ("RO", "n/a", None),
    ("RO", "-", None),
    ("RO", "0712 345", None),
    ("RO", "+40 212", None),
]


@pytest.mark.parametrize("country", thinned(["RO", "DE", "FR", "GB", "US", "IT", "AT", None], 2))
def test_usual_shapes_are_decided_by_sql(country: str | None) -> None:
    expected = {number: verdict for its, number, verdict in USUAL if its == country}
    found = sql_verdicts([*expected], country)
    assert dict(zip(expected, found, strict=True)) == {number: (each, False) for number, each in expected.items()}


@pytest.mark.parametrize("country", thinned(["RO", "DE", "AT", "ES", "US"], 2))
def test_signs_around_a_number_change_nothing_in_the_cell_as_it_stands_in_the_file(country: str) -> None:
    numbers = {"RO": "0712345678", "DE": "015112345678", "AT": "06641234567", "ES": "612345678", "US": "2025550123"}
    number = numbers[country]
    cells = [number, f" {number}", f"{number} ", f"({number})", f" {number}.0 ", f"{number}.00 ", f"-{number}.0-"]
    verdicts = {cell: verdict for cell, (verdict, _) in zip(cells, sql_verdicts(cells, country), strict=True)}
    assert verdicts == dict.fromkeys(cells, judge_phone(country, number))
