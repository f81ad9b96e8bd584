"""What phonenumbers' metadata says, as patterns that RE2 understands and SQL conditions made of them.

Shape: a *head* is a pattern for what stands before the national number (`\\+40`, `0`, nothing), a *subject* is
a SQL expression. Metadata patterns hold only digits, `\\d`, classes, groups, `|`, `?`, `{m,n}` and `$`, which RE2
and Python read alike (both take the first alternative that fits).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata, PhoneNumberDesc

from shared.mapping.rule import literal

# Regions whose number types go beyond their general pattern, which the library demands as well: there, numbers
# that begin with the calling code itself. That no other region is like this, and that these are so only for
# such numbers, is proved in tests/property/test_phone_metadata.py.
NARROWER_GENERAL_PATTERN = frozenset({"AT", "DE"})

NUMBER_TYPES = (
    "fixed_line",
    "mobile",
    "toll_free",
    "premium_rate",
    "shared_cost",
    "voip",
    "personal_number",
    "pager",
    "uan",
    "voicemail",
)


def full_match(subject: str, pattern: str) -> str:
    """The SQL condition that the pattern fits all of the subject."""
    return f"regexp_full_match({subject}, {literal(pattern)})"


def begins(subject: str, pattern: str) -> str:
    """The SQL condition that the pattern fits the beginning of the subject."""
    return f"regexp_matches({subject}, {literal(f'^(?:{pattern})')})"


def starts_with(subject: str, text: str) -> str:
    """The SQL condition that the subject starts with this text; cheaper than a pattern."""
    return f"starts_with({subject}, {literal(text)})"


def metadata_of(calling_code: int, region: str) -> PhoneMetadata:
    """The metadata of a region, or of a calling code without one (region 001)."""
    metadata = PhoneMetadata.metadata_for_region_or_calling_code(calling_code, region)
    if metadata is None:
        raise LookupError(f"phonenumbers has no metadata for {region} (+{calling_code})")
    return metadata


def general_desc(metadata: PhoneMetadata) -> PhoneNumberDesc:
    """The description that every possible number fits."""
    if metadata.general_desc is None:
        raise LookupError(f"phonenumbers has no general description for {metadata.id}")
    return metadata.general_desc


def valid_pattern(metadata: PhoneMetadata) -> str:
    """One pattern for the numbers of any type, without head."""
    types = (getattr(metadata, number_type) for number_type in NUMBER_TYPES)
    patterns = dict.fromkeys(t.national_number_pattern for t in types if t and t.national_number_pattern)
    return "|".join(patterns)


@dataclass(frozen=True, slots=True)
class Country:
    """The default country as the library treats it: its metadata and its place among the regions of its code."""

    code: str  # the calling code, without +
    metadata: PhoneMetadata
    main: PhoneMetadata  # of the first region with this calling code; it rules international numbers
    regions: tuple[PhoneMetadata, ...]

    @classmethod
    def of(cls, region: str) -> Country:
        """The country with this two-letter code. Raises: LookupError when the library does not know it."""
        metadata = PhoneMetadata.metadata_for_region(region, None)
        if metadata is None or metadata.country_code is None:
            raise LookupError(f"phonenumbers does not know the country {region!r}")
        code = metadata.country_code
        regions = tuple(metadata_of(code, name) for name in COUNTRY_CODE_TO_REGION_CODE[code])
        return cls(str(code), metadata, regions[0], regions)

    @property
    def exit_prefix(self) -> str | None:
        """The digits that certainly stand for a +: the library tries the first alternative first."""
        first = (self.metadata.international_prefix or "").split("|")[0]
        return first if first.isdigit() else None

    @property
    def prefix_pattern(self) -> str | None:
        """What the library takes off the beginning of a national number."""
        return self.metadata.national_prefix_for_parsing or None

    @property
    def plain_prefix(self) -> str | None:
        """The national prefix, if taking it off is all the library does with it."""
        return None if self.metadata.national_prefix_transform_rule else self.metadata.national_prefix

    @property
    def prefix_is_certain(self) -> bool:
        """Whether the library takes off just the national prefix from whatever starts with it."""
        return self.plain_prefix is not None and (self.prefix_pattern or "").split("|")[0] == self.plain_prefix

    @property
    def max_digits(self) -> int:
        """The most digits a national number may have."""
        general = general_desc(self.metadata)
        return max((*general.possible_length, *general.possible_length_local_only))

    def own(self, subject: str, head: str) -> str:
        """Valid in this country, and in no way taken for another region with its calling code."""
        before = [m.leading_digits for m in self.regions[: self.regions.index(self.metadata)] if m.leading_digits]
        terms = [full_match(subject, f"{head}(?:{valid_pattern(self.metadata)})")]
        if self.metadata.id in NARROWER_GENERAL_PATTERN:
            general = general_desc(self.metadata).national_number_pattern
            terms.append(full_match(subject, f"{head}(?:{general})"))
        if before:
            terms.append(f"NOT {begins(subject, f'{head}(?:{"|".join(before)})')}")
        if self.metadata.leading_digits:
            terms.append(begins(subject, f"{head}(?:{self.metadata.leading_digits})"))
        return f"({' AND '.join(terms)})"

    def own_or_leading(self, subject: str, head: str) -> str:
        """Valid in this country, or in the first regions with its calling code, before any leading digits."""
        leading: list[str] = []
        for metadata in self.regions:
            if metadata.leading_digits:
                break
            if metadata is not self.metadata:
                leading.append(valid_pattern(metadata))
        if not leading:
            return self.own(subject, head)
        return f"({self.own(subject, head)} OR {full_match(subject, f'{head}(?:{"|".join(leading)})')})"

    def anywhere(self, subject: str, head: str) -> str:
        """Perhaps valid in some region with this calling code, whichever the library would take."""
        if len(self.regions) == 1:
            return self.own(subject, head)
        patterns = "|".join(valid_pattern(metadata) for metadata in self.regions)
        return full_match(subject, f"{head}(?:{patterns})")


def zone_name(code: int | str) -> str:
    """The zone of a calling code."""
    return str(code)[:2]


ZONES = tuple(sorted(set(map(zone_name, COUNTRY_CODE_TO_REGION_CODE))))


@dataclass(frozen=True, slots=True)
class Zone:
    """International numbers whose calling codes share the first two digits, or are one digit alone.

    One pattern for the whole world outgrows the memory RE2 allows for its automaton and becomes thirty times
    slower; one for each zone does not, and is planned only where the zone occurs.
    """

    name: str  # those digits
    valid: str  # the main region's numbers
    known: str  # beginnings of numbers that the main region rules, before anything else
    prefixed: str  # beginnings that hold a national prefix, or something else the patterns do not tell
    closed: str  # beginnings of numbers that are valid in the main region or not at all


@lru_cache
def zone_of(name: str) -> Zone:
    """The calling codes of one of `ZONES`. Loads their metadata: some thousandths of a second, once."""
    valid, known, prefixed, closed = [], [], [], []
    for code, names in COUNTRY_CODE_TO_REGION_CODE.items():
        if zone_name(code) != name:
            continue
        main = metadata_of(code, names[0])
        lead = f"{code}(?:{main.leading_digits})" if main.leading_digits and len(names) > 1 else str(code)
        valid.append(f"{code}(?:{valid_pattern(main)})")
        known.append(lead)
        if len(names) == 1 or main.leading_digits:
            closed.append(lead)
        if main.id in NARROWER_GENERAL_PATTERN:
            prefixed.append(f"{code}{code}")
        if main.national_prefix_for_parsing:
            prefixed.append(f"{code}(?:{main.national_prefix_for_parsing})")
    return Zone(name, *(f"(?:{'|'.join(patterns or ['x'])})" for patterns in (valid, known, prefixed, closed)))
