"""Writes cells at random: every kind of value, as segments hold it, spoilt, or meant for another attribute."""

import json
import random
from collections.abc import Callable

from tests.property.phone_numbers import realistic, written

TIERS = {"1": "Bronze", "2": "Silver", "3": "Gold", "pt": "Platină", "x'y": 'It\'s "so"', "7": "1"}
DRINKS = ["Coffee", "Tea", "Tea, green", "Hot;cold", "Țuică", "[none]", 'Say "x"']
TRUE = ("true", "1", "yes", "y", "t")
FALSE = ("false", "0", "no", "n", "f")
NULL_WORDS = ("NULL", "\\N")
BLANKS = (" ", "\t", "\u00a0", "\u200b")
LETTERS = "abcdefgh XYZ-'\"\\{}[]:;,.|/%_0123456789ăâîșțéß山Ω😀\u0301\u2028\x07\x1b\n"


def word(rng: random.Random) -> str:
    return "".join(rng.choice(LETTERS) for _ in range(rng.randint(1, 14)))


def in_any_case(rng: random.Random, text: str) -> str:
    return rng.choice((text, text, text.upper(), text.lower(), text.swapcase()))


def day(rng: random.Random) -> str:
    year, month, day = rng.randint(1, 9999), rng.randint(1, 13), rng.randint(1, 32)
    return rng.choice(
        (
            f"{year:04}-{month:02}-{day:02}",
            f"{year:04}-{month:02}-{day:02}",
            f"{year:04}{month:02}{day:02}",
            f"{year:04}-{month:02}-{day:02}{rng.choice('T ')}{rng.randint(0, 24):02}:{rng.randint(0, 60):02}:00Z",
            f"{day}/{month}/{year}",
            f"{month}/{day}/{year:04} 12:00:00 AM",
            f"{day:02}.{month:02}.{year:04}",
            f"{year}-{month}-{day}",
        )
    )


def number(rng: random.Random) -> str:
    whole = rng.choice((0, 1, 7, rng.randint(0, 10**6), rng.randint(0, 10**20)))
    return rng.choice(("", "", "-", "+")) + rng.choice(
        (
            f"{whole}",
            f"{whole}.{rng.randint(0, 999)}",
            f"{whole}.",
            f".{rng.randint(0, 99)}",
            f"{whole}e{rng.randint(-400, 400)}",
            f"{whole},{rng.randint(0, 99)}",
            f"{whole:,}",
            f"00{whole}",
            "9" * rng.randint(300, 312),
            rng.choice(("NaN", "Infinity", "0x1F", "½", "٣")),
        )
    )


def choice(rng: random.Random) -> str:
    return in_any_case(rng, rng.choice((*DRINKS, *DRINKS, *TIERS, *TIERS.values(), "Beer", "")))


def choices(rng: random.Random) -> str:
    picked = [rng.choice(("", "", *BLANKS[:3])) + choice(rng) for _ in range(rng.randint(0, 4))]
    shape = rng.randrange(5)
    if shape == 0:
        return json.dumps(picked, ensure_ascii=rng.random() < 0.5)
    if shape == 1:
        return json.dumps(rng.choice(([*picked[:1], 7], [picked], [None], {"a": picked}, [True, "Tea"])))
    return rng.choice((";", ",", "; ", ", ", "|")).join(picked)


def option(rng: random.Random) -> str:
    return in_any_case(rng, rng.choice((*TIERS, *TIERS.values(), "Gold ", "Titan", "0", "04")))


def truth(rng: random.Random) -> str:
    return in_any_case(rng, rng.choice((*TRUE, *FALSE, "ja", "on", "2", "none", "TrueFalse")))


def phone(rng: random.Random) -> str:
    return rng.choice((realistic, realistic, written))(rng, rng.choice(("RO", "RO", "RO", "DE")))


def long(rng: random.Random) -> str:
    return rng.choice("xș😀") * (10_000 + rng.choice((-1, 0, 1, 500)))


KINDS: list[Callable[[random.Random], str]] = [word, day, number, choice, choices, option, truth, phone]


def cell(rng: random.Random) -> str:
    """A cell as it stands in the file: mostly one of KINDS, with blanks around it now and then."""
    lot = rng.random()
    if lot < 0.03:
        return rng.choice(("", " ", "\t", *NULL_WORDS, "null", "NULL "))
    if lot < 0.031:
        return long(rng)
    text = rng.choice(KINDS)(rng)
    return f"{rng.choice(BLANKS)}{text}{rng.choice(BLANKS)}" if rng.random() < 0.1 else text
