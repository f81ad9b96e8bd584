"""The SQL for e-mail addresses against email-validator, value by value."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable

import duckdb
import pytest
from email_validator import SPECIAL_USE_DOMAIN_NAMES
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.mapping.email_rule import email_rule, judge_email
from tests.sizes import in_both_sizes, thinned

RULE = email_rule()
VERDICT = f"coalesce({RULE.quick('v')}, {RULE.verdict('v', RULE.kinds)})"
ATOM = "abcxyzABCXYZ0189_!#$%&'*+-/=?^`{|}~"
NASTY = [
    *'@@..--""<>()[]:;,\\ \t\n\r\x00\x01\x7f_\'%#',
    *"éüßșțıİKſı＠。．﹫、",
    "\u0301",
    "\u200b",
    "\u200d",
    "\u00a0",
    "\u202e",
    "😀",
    "xn--",
    "--",
    "..",
    ".-",
    "-.",
    "@",
]
LAST_LABELS = [
    "com", "ro", "de", "co.uk", "fr", "museum", "c0m", "x1", "1", "c-m", "xn--p1ai", "xn--zzzzzz", "рф",
    "онлайн", "みんな", *SPECIAL_USE_DOMAIN_NAMES, "example", "tests", "tes", "locale", "localhosts",
    "LOCAL", "Test", "loc", "ar", "ARPA", "onio", "invalids", "i", "a",
]  # fmt: skip


def sql_verdicts(values: list[str]) -> list[tuple[str | None, bool]]:
    """(value, undecided) for each of the values, in order, from one query."""
    connection = duckdb.connect()
    connection.execute("CREATE TABLE t AS SELECT unnest(?::VARCHAR[]) AS v", [values])
    answers = connection.execute(f"SELECT {VERDICT} FROM t ORDER BY rowid").fetchall()
    return [(answer or None, answer == "") for (answer,) in answers]


def disagreements(values: Iterable[str]) -> list[tuple[str, str | None, str | None]]:
    """The values that SQL decides otherwise than the library: (value, SQL, library)."""
    values = list(dict.fromkeys(value.strip() for value in values if value.strip()))
    found = []
    for value, (answer, undecided) in zip(values, sql_verdicts(values), strict=True):
        assert undecided in (True, False)
        assert not (undecided and answer is not None), value
        if not undecided and answer != (verdict := judge_email(value)):
            found.append((value, answer, verdict))
    return found


def label(rng: random.Random) -> str:
    kind = rng.random()
    if kind < 0.7:
        return "".join(rng.choice("abcdeXYZ0123456789") for _ in range(rng.randint(1, 8)))
    if kind < 0.8:
        return rng.choice(["a-b", "a--b", "ab--cd", "xn--bcher-kva", "xn--x", "-a", "a-", "XN--BCHER-KVA", "1-1"])
    if kind < 0.9:
        return rng.choice(["bücher", "straße", "faß", "Ärzte", "ñ", "日本", "אב", "a\u0301", "ⅷ", "K", "１２"])
    return "".join(rng.choice("ab-1") for _ in range(rng.choice([1, 2, 30, 62, 63, 64, 65])))


def valid_shape(rng: random.Random) -> str:
    atoms = ("".join(rng.choice(ATOM) for _ in range(rng.randint(1, 9))) for _ in range(rng.randint(1, 3)))
    labels = [label(rng) for _ in range(rng.randint(0, 3) or 1)]
    return ".".join(atoms) + "@" + ".".join([*labels, rng.choice(LAST_LABELS)])


def mutated(rng: random.Random) -> str:
    text = list(valid_shape(rng))
    for _ in range(rng.randint(1, 3)):
        place = rng.randrange(len(text) + 1)
        match rng.randrange(4):
            case 0:
                text.insert(place, rng.choice(NASTY))
            case 1:
                text[place : place + 1] = []
            case 2:
                text[place : place + 1] = [rng.choice(NASTY)]
            case _:
                text[place : place + rng.randint(1, 6)] = [rng.choice(ATOM)]
        text = list("".join(text)) or ["@"]
    return "".join(text)


def edge_length(rng: random.Random) -> str:
    local = "l" * rng.choice([1, 2, 63, 64, 65, 100, 186, 187, 188, 189, 190, 191, 250, 252])
    last = rng.choice(["ro", "com", "test", "c" * 63, "c" * 64, "d" * rng.randint(55, 66)])
    labels = [rng.choice("ab9é") * rng.choice([1, 2, 3, 40, 59, 60, 61, 62, 63, 64]) for _ in range(rng.randint(1, 4))]
    text = f"{local}@{'.'.join(labels)}.{last}"
    return text if rng.random() < 0.5 else text[-rng.randint(250, 258) :]


def junk(rng: random.Random) -> str:
    alphabet = rng.choice(["@.-ab", '@.ab"<> ', "abc@.éß。", "".join(NASTY) + "ab@."])
    return "".join(rng.choice(alphabet) for _ in range(rng.randint(1, 20)))


def wrapped(rng: random.Random) -> str:
    address = valid_shape(rng)
    local, _, domain = address.partition("@")
    return rng.choice(
        [
            f"<{address}>",
            f"Ana <{address}>",
            f'"Ana" <{address}>',
            f'"{local}"@{domain}',
            f'"{local} x"@{domain}',
            f"{local}@[127.0.0.1]",
            f"{local}@[IPv6:::1]",
            f"mailto:{address}",
            f"{address};{address}",
            f"{address}.",
            f"{address} (work)",
            f"{local}(c)@{domain}",
            f"@{domain}",
            f"{local}@",
            f"{local}@@{domain}",
            f'{local}"@"{domain}',
        ]
    )


def realistic(rng: random.Random) -> str:
    first = rng.choice(["ana", "Ion", "maria", "jean-luc", "k.mueller", "o'neil", "info", "ANDREI", "anna_maria"])
    second = rng.choice(["", ".popescu", "-ionescu", "_77", "1984", "+news"])
    host = rng.choice(["gmail.com", "yahoo.co.uk", "t-online.de", "firma-nord.ro", "mail.example.org", "ORANGE.FR"])
    return f"{first}{second}{rng.randrange(10**5)}@{host}"


@in_both_sizes
@pytest.mark.parametrize(
    ("generate", "count"),
    thinned([(valid_shape, 70_000), (mutated, 110_000), (edge_length, 8_000), (junk, 40_000), (wrapped, 25_000)], 2),
)
def test_sql_and_library_agree_on_generated_addresses(
    generate: Callable[[random.Random], str], count: int, size: float
) -> None:
    seed = random.SystemRandom().randrange(2**32)
    rng = random.Random(seed)
    assert disagreements(generate(rng) for _ in range(round(count * size))) == [], f"seed {seed}"


PARTS = [
    "a",
    "Z",
    "0",
    ".",
    "-",
    "@",
    "_",
    "+",
    "é",
    '"',
    "<",
    ">",
    " ",
    "[",
    "]",
    "ı",
    "K",
    "xn--",
    "test",
    "com",
    ".ro",
]


@in_both_sizes
def test_sql_and_library_agree_on_addresses_that_hypothesis_finds(size: float) -> None:
    @settings(max_examples=round(200 * size), deadline=None)
    @given(st.lists(st.lists(st.sampled_from(PARTS), max_size=14).map("".join), min_size=1, max_size=60))
    def agree(values: list[str]) -> None:
        assert disagreements(values) == []

    agree()


@pytest.mark.full
def test_realistic_addresses_never_need_the_library() -> None:
    rng = random.Random(5)
    values = [realistic(rng) for _ in range(20_000)]
    verdicts = sql_verdicts(values)
    assert sum(undecided for _, undecided in verdicts) == 0
    assert [answer for answer, _ in verdicts] == [value.lower() for value in values]
    assert disagreements(values) == []


def test_null_is_refused_and_not_undecided() -> None:
    assert duckdb.sql(f"SELECT {VERDICT} FROM (SELECT NULL::VARCHAR AS v)").fetchall() == [(None,)]


NASTY_ADDRESSES = [
    "a", "@", ".", "-", "<", ">", '"', "'", "\\", "0", "é", "@@", "...", "a@b", "a@b.c", "a@b.c1",
    "a@b.1c", "a@1.2", "a@1.2.3.4", "a@b.c-d", "a@b.c-", "a@-b.c", "a@b-.c", "a@b..c", "a@.b.c",
    "a@b.c.", ".a@b.co", "a.@b.co", "a..b@b.co", "a.b@b.co", "A.B@B.CO", "a@b@c.co", "a@b.co@", "@b.co",
    "a@", "a b@c.co", "a@b c.co", "a@b.co m", "a\tb@c.co", "a\nb@c.co", "a@b.co\x00", "\x00a@b.co",
    "a\x7f@b.co", "a,b@c.co", "a;b@c.co", "a:b@c.co", "a(b)@c.co", "a@c.co(b)", "a[b]@c.co",
    "a\\b@c.co", "a<b@c.co", "a>b@c.co", "<a@b.co>", "<a@b.co", "a@b.co>", "Ana <a@b.co>",
    "Ana<a@b.co>", '"Ana" <a@b.co>', '"a"@b.co', '"a b"@b.co', '"a@b"@b.co', '"@b.co', 'a"b@b.co',
    'a"@"b@b.co', '""@b.co', "a@[1.2.3.4]", "a@[IPv6:::1]", "a@[]", "a@[b.co]", "a@1.2.3.4]",
    "mailto:a@b.co", "a@b.co,c@d.co", "a@b.co; c@d.co", "a@b.test", "a@test", "a@b.TEST", "a@b.tests",
    "a@test.co", "a@b.local", "a@b.locale", "a@local.ro", "a@b.localhost", "a@localhost",
    "a@localhost.localdomain", "a@b.invalid", "a@b.onion", "a@b.onions", "a@b.arpa", "a@in-addr.arpa",
    "a@b.example", "a@example.com", "a@example.org", "a@b.loca1", "a@b.te-st", "a@b.tes", "a@b.t",
    "a@b.oniOn", "a@b.xtest", "a@btest", "a@xn--bcher-kva.de", "a@XN--BCHER-KVA.de", "a@xn--x.de",
    "a@xn--.de", "a@b.xn--p1ai", "a@ab--cd.de", "a@abc--d.de", "a@a--b.de", "a@a-b-c.de", "a@a---b.de",
    "a@b.c--d", "a@bücher.de", "a@BÜCHER.DE", "a@straße.de", "a@b。de", "a@b．de", "a＠b.de", "a@ｂ.de",
    "a@K.de", "K@b.de", "a@b.K", "ı@b.de", "é@b.de", "a@b.рф", "a@日本.jp", "a@אב.com", "a@1.אב.com",
    "a@\u0301b.de", "a\u0301@b.de", "a@b\u0301.de", "a@b\u200b.de", "a@b\u00ad.de", "a@b\u2024de",
    "a@b.de\u200b", "a\u200b@b.de", "a@😀.de", "😀@b.de", "a@b.😀", "a\u2028b@c.de", "a@b.d\u0660",
    "info@B.de", "INFO@b.de", "Postmaster@b.de", "a+b@c.de", "a=b@c.de", "a/b@c.de", "a?b@c.de",
    "a^b@c.de", "a`b@c.de", "{a}@c.de", "a|b@c.de", "~@c.de", "!@c.de", "#$%&'*@c.de", "a%b@c.de",
    "_@c.de", "-@c.de", "-a-@c.de", "a@c_d.de", "a@_dmarc.de", "a@c.d_e", "a@c!.de", "n/a", "none",
    "NULL", "null@", "no-reply", "www.b.co", "http://a@b.co", "a@http://b.co", "a@b.co/", "a@b.co?x=1",
    "a@b/c.co", "a@b:25.co", "a%40b.co", "l" * 64 + "@b.co", "l" * 65 + "@b.co", "l" * 249 + "@b.co",
    "l" * 250 + "@b.co", "a@" + "b" * 63 + ".co", "a@" + "b" * 64 + ".co", "a@b." + "c" * 63,
    "a@b." + "c" * 64, "a@" + "b" * 62 + ".co", "a@" + "b." * 124 + "co", "a@" + "b." * 125 + "co",
    "a@" + "b." * 126 + "co", "a@" + "é" * 20 + ".co", "a@" + "é" * 60 + ".co", "é" * 200 + "@b.co",
]  # fmt: skip


def test_sql_and_library_agree_on_nasty_addresses() -> None:
    assert len(set(NASTY_ADDRESSES)) >= 120
    assert disagreements(NASTY_ADDRESSES) == []


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("Ana.Pop@Example.RO", "ana.pop@example.ro"),
        ("a@BÜCHER.de", "a@xn--bcher-kva.de"),
        ("a@xn--bcher-kva.de", "a@xn--bcher-kva.de"),
        ("a@b.test", None),
        ('"a"@b.co', None),
        ("Ana <a@b.co>", None),
        ("a@b.c1", None),
    ],
)
def test_addresses_come_out_in_ascii_and_lower_case(address: str, expected: str | None) -> None:
    answer, undecided = sql_verdicts([address])[0]
    assert (judge_email(address) if undecided else answer) == expected
