"""Invented customers: names, addresses and telephone numbers of five countries, the same for the same seed.

Customer number *n* of a seed is always the same person, whichever segment asks, so that segments can overlap.
"""

import random
from collections.abc import Iterator
from datetime import date, timedelta
from typing import NamedTuple

_CHUNK = 4096
_SHARES = {"RO": 6, "DE": 1, "FR": 1, "ES": 1, "PL": 1}

_FIRST_NAMES = {
    "RO": "Ana Ioana Maria Ștefan Mihai Andrei Răzvan Cătălina Ionuț Gheorghe Elena Sânziana Mădălina Vlad",
    "DE": "Jürgen Björn Käthe Sören Anna Lukas Günther Mareike Jörg Hannelore Felix Bärbel",
    "FR": "François Hélène René Chloé Zoé Noël Anaïs Jérôme Camille Gaëlle Benoît Maëlys",
    "ES": "José María Íñigo Begoña Ángel Lucía Sofía Álvaro Nuria Andrés Inés Óscar",
    "PL": "Łukasz Małgorzata Paweł Zofia Stanisław Bożena Michał Agnieszka Grażyna Świętosława Jan Róża",
}
_LAST_NAMES = {
    "RO": "Popescu Ionescu Țepeș Brâncuși Stănescu Dumitrașcu Munteanu Pârvulescu Șerban Rădulescu Mureșan",
    "DE": "Müller Schröder Weiß Böhm Jäger Groß Köhler Vogel Strauß Kühn Schäfer Lang",
    "FR": "Lefèvre Dubois Fabre Béranger Léger Garçon Moreau Crépin Châtelet Besnard Hervé Prévost",
    "ES": "Muñoz García Núñez Ibáñez Peña López Castaño Gutiérrez Yáñez Rodríguez Cañas Vega",
    "PL": "Wójcik Kowalski Zieliński Dąbrowska Łuczak Szymański Woźniak Kozłowska Jabłońska Pawłowicz Źródło",
}
_CITIES = {
    "RO": (
        "București",
        "București, Sector 3",
        "Cluj-Napoca",
        "Iași",
        "Timișoara",
        "Târgu Mureș",
        "Brașov",
        "Galați",
    ),
    "DE": ("München", "Köln", "Düsseldorf", "Berlin", "Frankfurt am Main", "Halle, Saale"),
    "FR": ("Besançon", "Orléans", "Nîmes", "Saint-Étienne", "Paris"),
    "ES": ("Málaga", "A Coruña", "Cádiz", "León", "Madrid"),
    "PL": ("Łódź", "Kraków", "Gdańsk", "Wrocław", "Poznań"),
}
_DOMAINS = {
    "RO": ("gmail.com", "yahoo.ro", "yahoo.com", "contoso.com"),
    "DE": ("web.de", "gmx.de", "gmail.com"),
    "FR": ("orange.fr", "free.fr", "gmail.com"),
    "ES": ("hotmail.es", "gmail.com", "outlook.com"),
    "PL": ("wp.pl", "onet.pl", "gmail.com"),
}
# The letters that decomposition does not take apart are written as their owners do in an address.
_TO_ASCII = str.maketrans(
    "ăâáàãäéèêëíîïóôöúûüșşțţçñńłśźżąęćčř",
    "aaaaaaeeeeiiiooouuussttcnnlszzaeccr",
    "'-",
)  # fmt: skip
_BIRTH_DATES = tuple((date(1940, 1, 1) + timedelta(days=day)).isoformat() for day in range(24_800))
_PURCHASE_DAYS = tuple((date(2024, 10, 1) + timedelta(days=day)).isoformat() for day in range(730))


class Customer(NamedTuple):
    """A profile as Customer Insights holds it. `phone_e164` is what `phone` means to a reader in Romania."""

    customer_id: str
    full_name: str
    first_name: str
    last_name: str
    email: str
    phone: str
    phone_e164: str
    city: str
    country: str
    birth_date: str
    loyalty_points: int
    is_subscribed: str
    last_purchase: str


def seeded(*parts: object) -> random.Random:
    """A generator of its own for each purpose, so that changing one leaves the others' data as they were."""
    return random.Random("/".join(map(str, parts)))  # noqa: S311 - data for tests, not secrets


def _people() -> list[tuple[str, str, str, str]]:
    people = []
    for country, share in _SHARES.items():
        for first in _FIRST_NAMES[country].split():
            for last in _LAST_NAMES[country].split():
                name = f"{first}.{last}".lower().replace("ß", "ss").translate(_TO_ASCII)
                people += [(country, first, last, name)] * share
    return people


_PEOPLE = _people()

# So many telephone numbers differ in their last seven digits, the next as many in those before them.
_BLOCK = 10_000_000
_FRENCH_MOBILE, _POLISH_MOBILE = (61, 62, 64, 65, 66), (50, 51, 53, 57, 60)


def _romanian_phone(unique: int, style: int) -> tuple[str, str]:
    """Returns the number as written and in international form; one style in six is a fixed line."""
    mobile = str(720_000_000 + unique % 60_000_000)
    fixed_line = f"2{'13456'[(unique + unique // _BLOCK) % 5]}{unique % _BLOCK:07}"
    digits = mobile if style < 5 else fixed_line
    a, b, c = digits[:3], digits[3:6], digits[6:]
    written = (
        f"0{digits}",
        f"0{a} {b} {c}",
        f"+40{digits}",
        f"+40 {a} {b} {c}",
        f"0040{digits}",
        f"0{a}-{b}-{c}",
        f"(0{a}) {b} {c}",
        f"0{a}.{b}.{c}",
    )
    return written[unique % 8], f"+40{digits}"


def _foreign_phone(country: str, unique: int) -> tuple[str, str]:
    if country == "DE":
        code, digits = "49", f"17{unique % 100_000_000:08}"
    elif country == "FR":
        code, digits = "33", f"{_FRENCH_MOBILE[unique // _BLOCK]}{unique % _BLOCK:07}"
    elif country == "ES":
        code, digits = "34", f"6{unique % 100_000_000:08}"
    else:
        code, digits = "48", f"{_POLISH_MOBILE[unique // _BLOCK]}{unique % _BLOCK:07}"
    # Abroad is only ever written with the country's code: a reader in Romania could not tell otherwise.
    written = (
        f"+{code}{digits}",
        f"+{code} {digits[:3]} {digits[3:]}",
        f"00{code} {digits}",
        f"+{code} {digits[:2]}-{digits[2:]}",
    )
    return written[unique % 4], f"+{code}{digits}"


def _chunk(seed: int, chunk: int) -> Iterator[Customer]:
    rng = seeded(seed, "customers", chunk)
    ids = rng.randbytes(16 * _CHUNK).hex()
    phone_offset = seeded(seed, "phones").randrange(_BLOCK)
    people = rng.choices(_PEOPLE, k=_CHUNK)
    for place, (country, first, last, name) in enumerate(people):
        number = chunk * _CHUNK + place
        draw = rng.getrandbits(60)
        phone, phone_e164 = "", ""
        if draw % 25 >= 2:
            # Multiplying by a prime spreads neighbours over the number space and keeps them apart.
            unique = number // _BLOCK * _BLOCK + (number * 7_919_993 + phone_offset) % _BLOCK
            phone, phone_e164 = (
                _romanian_phone(unique, number % 6) if country == "RO" else _foreign_phone(country, unique)
            )
        h = ids[32 * place : 32 * place + 32]
        draw //= 25
        cities, domains = _CITIES[country], _DOMAINS[country]
        yield Customer(
            f"{h[:8]}-{h[8:12]}-4{h[13:16]}-a{h[17:20]}-{h[20:]}",
            f"{first} {last}" if draw % 64 else f'{first} "{first[:3]}" {last}',
            first,
            last,
            f"{name}{number}@{domains[draw % len(domains)]}",
            phone,
            phone_e164,
            cities[(draw >> 8) % len(cities)],
            country,
            _BIRTH_DATES[(draw >> 16) % 24_800] if draw % 10 else "",
            (draw >> 12) % 20_000,
            "true",  # all agreed: config/exports.json sends only who did, and what is expected of a row is easy to say
            f"{_PURCHASE_DAYS[(draw >> 24) % 730]}T{(draw >> 34) % 24:02}:{(draw >> 40) % 60:02}:00Z",
        )


def customers(seed: int, start: int, stop: int) -> Iterator[Customer]:
    """Yields customers `start` to `stop - 1`; addresses and phone numbers are unique up to fifty million."""
    for chunk in range(start // _CHUNK, -(-stop // _CHUNK)):
        first = chunk * _CHUNK
        for place, customer in enumerate(_chunk(seed, chunk)):
            if start <= first + place < stop:
                yield customer
