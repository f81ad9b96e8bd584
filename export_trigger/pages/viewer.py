"""How a person reads: language, time zone, and what numbers, times and texts look like in them.

A language is one file, `locale/NAME.po`; English is what the pages are written in.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from gettext import NullTranslations
from io import BytesIO
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

from babel import Locale, negotiate_locale
from babel.dates import format_date, format_datetime, format_timedelta
from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_compact_decimal, format_decimal
from babel.support import Translations
from werkzeug.http import parse_accept_header, parse_cookie

COOKIE = "view"
LOCALES = Path(__file__).parent / "locale"
SOURCE_LANGUAGE = "en"
_SEPARATOR = "|"


@dataclass(frozen=True)
class Viewer:
    """A language and a time zone."""

    language: str
    zone: str

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> "Viewer":
        """What the viewer has chosen; else what the browser asks for, and UTC."""
        # Ours is ASCII; whatever other programs of the domain have set comes with it.
        cookies = (headers.get("cookie") or "").encode("ascii", "replace").decode()
        language, _, zone = parse_cookie(cookies).get(COOKIE, "").partition(_SEPARATOR)
        if language not in languages():
            wanted = [name for name, _ in parse_accept_header(headers.get("accept-language"))]
            language = negotiate_locale(wanted, languages(), sep="-") or SOURCE_LANGUAGE
        return cls(language, zone if is_zone(zone) else "UTC")

    @property
    def cookie(self) -> str:
        """The cookie that keeps the choice for a year; no script can read it."""
        year = 365 * 24 * 3600
        value = f"{self.language}{_SEPARATOR}{self.zone}"
        return f"{COOKIE}={value}; Max-Age={year}; Path=/api/pages; HttpOnly; Secure; SameSite=Lax"

    @property
    def locale(self) -> Locale:
        """For Babel."""
        return Locale.parse(self.language)

    def text(self, english: str) -> str:
        """The text in the viewer's language."""
        return catalogue(self.language).gettext(english)

    def counted(self, context: str, forms: tuple[str, str], number: int) -> str:
        """The form of the text for so many."""
        return str(catalogue(self.language).npgettext(context, *forms, number))

    def number(self, value: float) -> str:
        """A number with its groups."""
        return format_decimal(value, locale=self.locale)

    def short_number(self, value: float) -> str:
        """About how many, where there is little room."""
        return format_compact_decimal(value, locale=self.locale, fraction_digits=1)

    def time(self, iso: str, *, seconds: bool = True) -> str:
        """A moment, as the viewer's clock shows it."""
        form = "EEE d MMM y, HH:mm:ss z" if seconds else "EEE d MMM y, HH:mm z"
        return format_datetime(datetime.fromisoformat(iso), form, tzinfo=ZoneInfo(self.zone), locale=self.locale)

    def day(self, day: date) -> str:
        """A day, in the form that times have."""
        return format_date(day, "EEE d MMM y", locale=self.locale)

    def duration(self, seconds: float) -> str:
        """A length of time in its largest unit."""
        return format_timedelta(round(seconds), threshold=1.5, locale=self.locale)


@cache
def languages() -> list[str]:
    """English, and each language that has a catalogue."""
    return [SOURCE_LANGUAGE, *sorted(path.stem for path in LOCALES.glob("*.po"))]


@cache
def zones() -> list[str]:
    """The names of all time zones that a person may choose."""
    return sorted(name for name in _all_zones() if "/" in name and not name.startswith(("Etc/", "SystemV/")))


def is_zone(name: str) -> bool:
    """Whether there is such a time zone. Anybody may send any name, so nothing is kept of one."""
    return name == "UTC" or (bool(name) and name in _all_zones())


@cache
def _all_zones() -> frozenset[str]:
    return frozenset(available_timezones())


@cache
def catalogue(language: str) -> NullTranslations:
    """The texts of a language."""
    if language == SOURCE_LANGUAGE:
        return NullTranslations()
    compiled = BytesIO()
    write_mo(compiled, _read(language))
    compiled.seek(0)
    return Translations(compiled)


def entries(language: str) -> Iterable[Message]:
    """The same, as they stand in the catalogue; none in English."""
    return _read(language) if language != SOURCE_LANGUAGE else ()


@cache
def _read(language: str) -> Catalog:
    with (LOCALES / f"{language}.po").open("rb") as file:
        return read_po(file, locale=language)
