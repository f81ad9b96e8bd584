"""Writes phone numbers at random: as a metadata pattern allows them, as people write them, and spoilt."""

from __future__ import annotations

import random
from functools import cache
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser as sre_parser  # type: ignore[attr-defined]
from typing import Any

from phonenumbers import SUPPORTED_REGIONS

from shared.mapping.phone_patterns import NUMBER_TYPES, Country, general_desc

COMMON = ["RO", "DE", "FR", "GB", "US", "IT", "ES", "PL", "NL", "AT"]
HARD = [
    *["BR", "AR", "IN", "CA", "KZ", "RU", "GG", "IM", "VA", "AG", "DO", "MX", "HU", "LT", "AU", "JP", "KR"],
    *["FI", "HK", "BY", "CH", "NO", "SM", "CO", "LU", "CN"],
]
NASTY = [
    *[*" .-/()+#*xX,;~[]_:0123456789\t\n\x00\u00a0\u2013\u200b＋٣５é½"],
    *["ext. 12", "x3", "00", "+", "(0)", "abc"],
]


@cache
def parsed(pattern: str | None) -> Any:
    return sre_parser.parse(pattern or "0")


def from_pattern(rng: random.Random, tree: Any) -> str:
    """A random text that fits a pattern, given as Python's parser sees it."""
    text = ""
    for kind, argument in tree:
        if kind is sre.LITERAL:
            text += chr(argument)
        elif kind is sre.IN:
            text += rng.choice(members(argument))
        elif kind is sre.SUBPATTERN:
            text += from_pattern(rng, argument[3])
        elif kind is sre.BRANCH:
            text += from_pattern(rng, rng.choice(argument[1]))
        elif kind is sre.MAX_REPEAT:
            text += "".join(from_pattern(rng, argument[2]) for _ in range(rng.randint(*argument[:2])))
        else:
            assert kind is sre.AT
    return text


def members(items: Any) -> list[str]:
    digits: list[str] = []
    for kind, argument in items:
        if kind is sre.LITERAL:
            digits.append(chr(argument))
        elif kind is sre.RANGE:
            digits += [chr(code) for code in range(argument[0], argument[1] + 1)]
        else:
            digits += "0123456789"
    return digits


@cache
def type_patterns(region: str) -> list[str]:
    types = (getattr(Country.of(region).metadata, name) for name in NUMBER_TYPES)
    return [t.national_number_pattern for t in types if t and t.national_number_pattern]


def national_number(rng: random.Random, region: str) -> str:
    kind = rng.random()
    if kind < 0.6:
        digits = from_pattern(rng, parsed(rng.choice(type_patterns(region))))
    elif kind < 0.7:
        digits = from_pattern(rng, parsed(general_desc(Country.of(region).metadata).national_number_pattern))
    else:
        digits = "".join(rng.choice("0123456789") for _ in range(rng.randint(1, 14)))
    if rng.random() < 0.15:
        place = rng.randrange(len(digits) + 1)
        digits = digits[:place] + rng.choice(["", "0", "7", "99"]) + digits[place + rng.randint(0, 2) :]
    return digits


def punctuated(rng: random.Random, digits: str) -> str:
    style = rng.random()
    cut = rng.randint(1, 4)
    if style < 0.4:
        return digits
    if style < 0.8:
        mark = rng.choice([" ", "-", ".", "/", " - "])
        return mark.join([digits[:cut], *(digits[i : i + 3] for i in range(cut, len(digits), 3))])
    if style < 0.9:
        return f"({digits[:cut]}) {digits[cut : cut + 3]}-{digits[cut + 3 :]}"
    return "".join(digit + rng.choice(["", "", "", " ", "-", "(", ")", "/"]) for digit in digits)


def written(rng: random.Random, region: str) -> str:
    """A number of the region, or of another one, in one of the shapes people write."""
    home = Country.of(region)
    other = rng.choice([*COMMON, *HARD, *sorted(SUPPORTED_REGIONS)])
    country = home if rng.random() < 0.75 else Country.of(other)
    code, prefix = country.code, country.metadata.national_prefix or "0"
    leads = [
        *["", "", "", prefix, prefix, prefix, f"({prefix})", f"+{code}", f"+{code} ", f"+{code} ", code],
        *[f"+{code} ({prefix})", f"+{code}{prefix}", f"(+{code})", f"({code}) ", f"{code}{prefix}"],
        *[f"+ {code} ", f"00{code}", f"00 {code}{prefix}", f"00{prefix}", f"+{prefix}", f"++{code}"],
        *[f"{prefix}{prefix}", f"{prefix}{code}", from_pattern(rng, parsed(country.prefix_pattern))],
        from_pattern(rng, parsed(home.metadata.international_prefix)) + code,
    ]
    return rng.choice(leads) + punctuated(rng, national_number(rng, country.metadata.id))


def mutated(rng: random.Random, region: str) -> str:
    text = list(written(rng, region))
    for _ in range(rng.randint(1, 3)):
        place = rng.randrange(len(text) + 1)
        text[place : place + rng.randint(0, 1)] = [rng.choice(NASTY)]
    return "".join(text)


def once_a_number(rng: random.Random, region: str) -> str:
    """A number as a column of numbers leaves it: its plus and leading zeros lost, a fraction or an exponent behind."""
    country = Country.of(region)
    number = rng.choice(["", "", country.code, country.code, f"{country.code}0", "0", "+"]) + national_number(
        rng, region
    )
    if rng.random() < 0.2:
        digits = number.lstrip("+0") or "1"
        return f"{digits[0]}{rng.choice('.,')}{digits[1:]}{rng.choice('eE')}{rng.choice(['', '+', '-'])}{len(digits)}"
    return (
        rng.choice(["", "", " ", "("])
        + (number if rng.random() < 0.7 else f"{number[:4]}{rng.choice(' /-.')}{number[4:]}")
        + rng.choice(["", "", ".0", ".00", ".0000", ".05"])
        + rng.choice(["", " "])
    )


def junk(rng: random.Random, region: str) -> str:
    if rng.random() < 0.05:
        return written(rng, region)[:3] + rng.choice([" ", "-", "1"]) * rng.randint(100, 260) + "345678"
    alphabet = rng.choice(["+0-", "0123456789", "+(01 4", "".join(NASTY), "n/a0-+"])
    return "".join(rng.choice(alphabet) for _ in range(rng.randint(1, 20)))


def realistic(rng: random.Random, region: str) -> str:
    """A geographic or mobile number as a CRM holds it."""
    country = Country.of(region)
    digits = from_pattern(rng, parsed(rng.choice(type_patterns(region)[:2])))
    prefix = (country.prefix_pattern and country.metadata.national_prefix) or ""
    lead = rng.choice([prefix, prefix, f"+{country.code}", f"+{country.code} ", f"00{country.code}"])
    if country.metadata.international_prefix != "00":
        lead = lead.removeprefix(f"00{country.code}")
    return lead + rng.choice([digits, f"{digits[:3]} {digits[3:6]} {digits[6:]}", f"{digits[:4]}-{digits[4:]}"])
