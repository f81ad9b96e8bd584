"""Phone numbers: accepted exactly when phonenumbers finds them valid, decided by SQL for the usual shapes.

Source: `phonenumbers.phonenumberutil` 9.0 (`parse`, `_maybe_extract_country_code`,
`_maybe_strip_national_prefix_carrier_code`, `is_valid_number`, `region_code_for_number`) and its metadata.
The patterns below are built from that metadata, so they follow the installed version. SQL repeats what the
library does with the digits; wherever two readings are possible it asks the library instead of choosing:

- *punctuation*: blanks, dots, hyphens, slashes and round brackets are taken out. Letters, extensions, `tel:`,
  other signs and everything outside ASCII go to the library, unless there are fewer than two digits;
- *international prefix* (`+` or that of the default country): the calling code's main region rules. A rest
  that begins with that region's national prefix goes to the library, except for the default country;
- *shared calling codes* (+1, +7, +39, +44 ...): the library takes the first region whose leading digits or
  patterns fit. SQL accepts what the first regions without leading digits accept, and the default country;
- *national format*: with the national prefix when the rest is valid, without it when the number is valid;
  where both or only other readings are valid the library decides. Countries whose prefix rewrites the number
  (Brazil, Argentina, ...) leave numbers with the prefix to the library;
- *calling code without a +*: a number that begins with the default country's own code and is valid without it is
  read so. The library alone would read `4915112345678` in Germany as a number of a place, which is somebody else's;
- *a column that was a number*: `.0` behind the digits is cut. In scientific notation digits are lost: refused.

The patterns of the number types stand for valid numbers, without the general pattern and the lists of possible
lengths: every type pattern implies both (with two exceptions, see `NARROWER_GENERAL_PATTERN`), which
tests/property/test_phone_metadata.py proves for all regions.
Known disagreements: none.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import partial
from traceback import clear_frames

from phonenumbers import (
    CountryCodeSource,
    NumberParseException,
    PhoneNumber,
    PhoneNumberFormat,
    format_number,
    is_valid_number,
    national_significant_number,
    normalize_digits_only,
    parse,
)

from shared.mapping.phone_patterns import ZONES, Country, begins, full_match, starts_with, zone_name, zone_of
from shared.mapping.rule import Rule, literal

_MAX_CHARACTERS = 250  # phonenumberutil._MAX_INPUT_STRING_LENGTH
_PUNCTUATION = " ./()-"
_AT_MOST_ONE_DIGIT = r"[\x00-\x2F\x3A-\x7F]*[0-9]?[\x00-\x2F\x3A-\x7F]*"
# What a column that was a number once makes of a phone number. RE2 and Python read both alike.
# One 0 alone behind a dot is no part of a number; more of them may be, as in 01.23.45.67.00.
_FLOAT = r"([ \-./()+]*[0-9]{7,}\.0+|[^\n]*[0-9]\.0)[ \-./()]*"
_FLOAT_END = "[.]0+[^0-9]*$"
_SCIENTIFIC = r"[+-]?[0-9]+([.,][0-9]*)?[eE][+-]?[0-9]+"
_PLUS = r"\+"
_ASK = "''"  # the verdict of a number that the library must judge


def phone_rule(default_country: str | None) -> Rule:
    """The rule for numbers. A kind is the zone of the calling code, or nothing for one in national format.

    Without a default country only numbers with a + are accepted. Raises: LookupError when phonenumbers does
    not know the country.
    """
    country = Country.of(default_country.upper()) if default_country else None
    return Rule(
        cleaned=_cleaned,
        simplified=partial(_simplified, country=country),
        quick=partial(_quick, country=country),
        kind=_kind,
        kinds=frozenset(("", *ZONES)),
        verdict=partial(_verdict, country=country),
        judge=partial(judge_phone, country.metadata.id if country else None),
    )


def judge_phone(default_country: str | None, number: str) -> str | None:
    """The library's verdict: the number in E.164 form, or None."""
    if re.fullmatch(_SCIENTIFIC, number):
        return None
    if re.fullmatch(_FLOAT, number):
        number = re.sub(_FLOAT_END, "", number)
    parsed = _parsed(number, default_country)
    if parsed is None:
        return None
    parsed = _with_own_code(number, parsed) or parsed
    return format_number(parsed, PhoneNumberFormat.E164) if is_valid_number(parsed) else None


def _parsed(number: str, country: str | None) -> PhoneNumber | None:
    try:
        return parse(number, country, keep_raw_input=True)
    except NumberParseException as error:
        # The library's own frame and its error hold each other, and with them all that its callers hold: in a chunk of
        # such numbers, each of its values, until Python happens to look for such cycles.
        clear_frames(error.__traceback__)
        return None


def _with_own_code(number: str, parsed: PhoneNumber) -> PhoneNumber | None:
    """A number that was read as a national one, read as one with its country's code; None where that is not valid.

    Not where a national prefix was taken off: that is written before national numbers only.
    """
    digits = national_significant_number(parsed)
    if parsed.country_code_source != CountryCodeSource.FROM_DEFAULT_COUNTRY:
        return None
    if not (digits.startswith(str(parsed.country_code)) and normalize_digits_only(number).startswith(digits)):
        return None
    with_code = _parsed(f"+{digits}", None)
    return with_code if with_code and is_valid_number(with_code) else None


def _cleaned(column: str) -> str:
    """Digits and + alone where the cell holds nothing but them and punctuation.

    Any other cell is left as it is, also one that is too long for the library.
    """
    without_punctuation = column  # a chain of replace() is faster than translate() or a pattern
    for character in _PUNCTUATION:
        without_punctuation = f"replace({without_punctuation}, '{character}', '')"
    without_fraction = f"regexp_replace(regexp_replace({column}, '{_FLOAT_END}', ''), '[{_PUNCTUATION}]', '', 'g')"
    is_number = f"strlen({column}) <= {_MAX_CHARACTERS} AND {full_match(column, rf'[+0-9{_PUNCTUATION}]+')}"
    return f"""CASE
        WHEN {full_match(column, r"[+]?[0-9]+")} THEN {column}
        WHEN contains({column}, '.0') AND {full_match(column, _FLOAT)} THEN {without_fraction}
        WHEN {is_number} THEN {without_punctuation}
        ELSE {column}
    END"""


def _simplified(digits: str, country: Country | None) -> str:
    """A + for the international prefix."""
    prefix = country.exit_prefix if country else None
    if not prefix:
        return digits
    return f"""CASE
        WHEN starts_with({digits}, '{prefix}') THEN
            CASE WHEN {full_match(digits, prefix + "[0-9]+")} THEN '+' || substr({digits}, {len(prefix) + 1})
                ELSE {digits} END
        ELSE {digits}
    END"""


def _quick(digits: str, country: Country | None) -> str:
    return _case(_usual(digits, country)) if country else "CAST(NULL AS VARCHAR)"


def _kind(digits: str) -> str:
    alone = "".join(f"WHEN {starts_with(digits, f'+{zone}')} THEN '{zone}' " for zone in ZONES if len(zone) == 1)
    return f"CASE {alone}WHEN starts_with({digits}, '+') THEN substr({digits}, 2, 2) ELSE '' END"


def _verdict(digits: str, kinds: Collection[str], country: Country | None) -> str:
    return _case(
        [
            f"WHEN {full_match(digits, _AT_MOST_ONE_DIGIT)} THEN NULL",
            f"WHEN NOT {full_match(digits, r'\+?[0-9]+')} THEN "
            f"CASE WHEN {full_match(digits, _SCIENTIFIC)} THEN NULL ELSE {_ASK} END",
            *_international(digits, country, kinds),
            *(
                [f"WHEN {digits} IS NOT NULL THEN {_national(digits, country) if '' in kinds else _ASK}"]
                if country
                else []
            ),
        ]
    )


def _usual(digits: str, country: Country) -> list[str]:
    """Branches for the shapes that most rows have, each with one pattern and no other work.

    They only repeat, for fewer shapes, what the other branches find.
    """
    plus, prefix = f"+{country.code}", country.plain_prefix
    not_prefixed = _not_prefixed(digits, plus, country.main.national_prefix_for_parsing)
    branches = [
        f"WHEN {starts_with(digits, plus)} AND {country.own(digits, _escaped(plus))}{not_prefixed} THEN {digits}"
    ]
    not_abroad = f" AND NOT {_dials_abroad(digits, country)}"
    if prefix == country.code:  # +1: with it the number is the same, whichever of the two it is
        branches.append(f"WHEN {starts_with(digits, prefix)} AND {country.own(digits, prefix)} THEN '+' || {digits}")
    if prefix and country.prefix_is_certain and not _overlap(prefix, country.code):
        branches.append(
            f"WHEN {starts_with(digits, prefix)} AND {country.own(digits, prefix)}{not_abroad}"
            f" THEN {literal(plus)} || substr({digits}, {len(prefix) + 1})"
        )
    else:
        not_prefixed = _not_prefixed(digits, "", country.prefix_pattern)
        not_with_code = f" AND NOT ({starts_with(digits, country.code)} AND {_maybe_valid_with_code(digits, country)})"
        branches.append(
            f"WHEN {country.own(digits, '')}{not_prefixed}{not_abroad}{not_with_code} THEN {literal(plus)} || {digits}"
        )
    return branches


def _international(digits: str, country: Country | None, kinds: Collection[str]) -> list[str]:
    """Branches for digits with a + in front of a calling code of these kinds, or an uncertain international prefix."""
    zone_branches = []
    for zone in (zone_of(name) for name in ZONES if name in kinds):
        verdict = _case(
            [
                f"WHEN NOT {begins(digits, _PLUS + zone.known)} OR {begins(digits, _PLUS + zone.prefixed)} THEN {_ASK}",
                f"WHEN {full_match(digits, _PLUS + zone.valid)} THEN {digits}",
                f"WHEN NOT {begins(digits, _PLUS + zone.closed)} THEN {_ASK}",
            ]
        )
        zone_branches.append(f"WHEN {starts_with(digits, '+' + zone.name)} THEN {verdict}")
    verdict = _case([*zone_branches, f"ELSE {_ASK}"]) if zone_branches else _ASK
    branches = [f"WHEN {starts_with(digits, '+')} THEN {verdict}"]
    if country and zone_name(country.code) in kinds:
        branches.insert(0, f"WHEN {starts_with(digits, '+' + country.code)} THEN {_home(digits, country)}")
    if country:
        branches.append(f"WHEN {_dials_abroad(digits, country)} THEN {_ASK}")
    return branches


def _home(digits: str, country: Country) -> str:
    """The verdict for a + and the default country's calling code.

    If the rest begins with the national prefix, the number without it counts when that is valid; then the
    rest also fits the general pattern and a possible length, which is all the library asks for.
    """
    plus, branches = f"+{country.code}", []
    head = _escaped(plus)
    if country.main.national_prefix_for_parsing:
        verdict = _ASK
        if country.plain_prefix and country.prefix_is_certain and country.metadata is country.main:
            certain = starts_with(digits, plus + country.plain_prefix)
            without = f"'{plus}' || substr({digits}, {len(plus + country.plain_prefix) + 1})"
            verdict = _without_prefix(digits, country, head, certain, without)
        prefixed = begins(digits, f"{head}(?:{country.main.national_prefix_for_parsing})")
        branches.append(f"WHEN {prefixed} THEN {verdict}")
    branches += [
        f"WHEN {country.own_or_leading(digits, head)} THEN {digits}",
        f"WHEN {country.anywhere(digits, head)} THEN {_ASK}",
    ]
    return _case(branches)


def _without_prefix(digits: str, country: Country, head: str, certain: str, without: str) -> str:
    """The verdict for digits that hold, after the head, something like the national prefix."""
    prefix = country.plain_prefix or ""
    return _case(
        [
            f"WHEN NOT {certain} THEN {_ASK}",
            f"WHEN {country.own(digits, head + prefix)} THEN {without}",
            f"WHEN {country.anywhere(digits, f'{head}(?:{prefix})?')} THEN {_ASK}",
        ]
    )


def _national(digits: str, country: Country) -> str:
    """The verdict for digits without an international prefix."""
    code, prefix = country.code, country.plain_prefix
    branches = [f"WHEN {starts_with(digits, code)} THEN {_maybe_with_code(digits, country)}"]
    if country.prefix_pattern:
        verdict = _ASK
        if prefix:
            certain = starts_with(digits, prefix)
            if not country.prefix_is_certain:
                taken_off = f"regexp_extract({digits}, {literal(f'^(?:{country.prefix_pattern})')})"
                certain = f"({taken_off} = {literal(prefix)})"
            without = f"'+{code}' || substr({digits}, {len(prefix) + 1})"
            verdict = _without_prefix(digits, country, "", certain, without)
        branches.append(f"WHEN {begins(digits, country.prefix_pattern)} THEN {verdict}")
    branches += [
        f"WHEN {country.own_or_leading(digits, '')} THEN '+{code}' || {digits}",
        f"WHEN {country.anywhere(digits, '')} THEN {_ASK}",
    ]
    return _case(branches)


def _maybe_with_code(digits: str, country: Country) -> str:
    """The verdict for digits that begin with the default country's calling code, without a +.

    The code is taken off wherever the number is valid without it. Source for what is not: the library's
    `_maybe_extract_country_code`, which takes it off a number that is longer than any national one.
    """
    code = country.code
    too_long = f"length({digits}) > {country.max_digits}"
    pattern = country.prefix_pattern
    prefixed = f"NOT {too_long} AND {begins(digits, pattern)}" if pattern else "false"
    return _case(
        [
            f"WHEN {_rest_prefixed(digits, country)} OR {prefixed} THEN {_ASK}",
            f"WHEN {country.own_or_leading(digits, code)} THEN '+' || {digits}",
            f"WHEN {country.anywhere(digits, code)} THEN {_ASK}",
            f"WHEN {too_long} THEN NULL",
            f"WHEN {country.own(digits, '')} THEN '+{code}' || {digits}",
            f"WHEN {country.anywhere(digits, '')} THEN {_ASK}",
        ]
    )


def _maybe_valid_with_code(digits: str, country: Country) -> str:
    """The SQL condition that digits which begin with the calling code may be valid without it."""
    return f"({country.anywhere(digits, country.code)} OR {_rest_prefixed(digits, country)})"


def _rest_prefixed(digits: str, country: Country) -> str:
    """The SQL condition that a national prefix seems to follow the calling code."""
    both = (country.metadata.national_prefix_for_parsing, country.main.national_prefix_for_parsing)
    patterns = "|".join(dict.fromkeys(pattern for pattern in both if pattern))
    return begins(digits, f"{country.code}(?:{patterns})") if patterns else "false"


def _dials_abroad(digits: str, country: Country) -> str:
    """The SQL condition that the digits begin with an international prefix that is not a + by now."""
    prefix = country.metadata.international_prefix
    return begins(digits, prefix) if prefix and prefix != country.exit_prefix else "false"


def _not_prefixed(digits: str, head: str, prefix_pattern: str | None) -> str:
    """The SQL condition, with AND before it, that no national prefix follows the head."""
    if not prefix_pattern:
        return ""
    prefixes = prefix_pattern.split("|")
    if all(prefix.isdigit() for prefix in prefixes):
        return "".join(f" AND NOT {starts_with(digits, head + prefix)}" for prefix in prefixes)
    return f" AND NOT {begins(digits, f'{_escaped(head)}(?:{prefix_pattern})')}"


def _escaped(text: str) -> str:
    return text.replace("+", r"\+")


def _overlap(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


def _case(branches: list[str]) -> str:
    return f"CASE {' '.join(branches)} END"
