"""Brings the catalogues up to date: `python -m scripts.texts`. They have the texts of the pages, and of the engine.

Adds what is new, without a translation, drops what is gone, and keeps what was translated. For another language, make
an empty file with its name beside ro.po first.
"""

from pathlib import Path

from babel import Locale
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.plurals import get_plural
from babel.messages.pofile import generate_po, read_po

from export_trigger.pages.said import CONTEXT
from scripts.engine_texts import engine_texts

PAGES = Path(__file__).resolve().parents[1] / "export_trigger" / "pages"
LOCALES = PAGES / "locale"
_METHODS = [("**.py", "python"), ("templates/**.html", "jinja2.ext.babel_extract")]
# A template that cannot be read is an error here, as on a page.
_OPTIONS = {
    "templates/**.html": {"extensions": "jinja2.ext.i18n", "newstyle_gettext": "true", "silent": "false"},
}

_HEADER = """\
# {name} texts of the pages.
msgid ""
msgstr ""
"Language: {language}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=UTF-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"Plural-Forms: {plural}\\n"

"""


def texts() -> Catalog:
    """All texts of the pages and of the engine, without a translation."""
    found = Catalog()
    for _, _, text, _, context in extract_from_dir(PAGES, _METHODS, _OPTIONS):
        found.add(text, context=context)
    for words in engine_texts():
        found.add(words, context=CONTEXT)
    return found


def catalogues() -> list[Path]:
    """The file of each language."""
    return sorted(LOCALES.glob("*.po"))


def read(path: Path) -> Catalog:
    """The catalogue in a file."""
    with path.open("rb") as file:
        return read_po(file, locale=path.stem, abort_invalid=True)


def updated(path: Path, wanted: Catalog) -> str:
    """What the file is to hold: each of the texts once, in the order of the English ones."""
    old, new = read(path), Catalog(locale=path.stem)
    for text in wanted:
        if text.id:
            _add(new, text, old.get(text.id, text.context))
    entries = generate_po(new, no_location=True, omit_header=True, sort_by="message", width=0)
    return f"{_header(path.stem)}{''.join(entries).rstrip()}\n"


def _add(new: Catalog, text: Message, known: Message | None) -> None:
    """Adds the text, with its translation where one is known; that of one form is none for a text with a plural."""
    if known is None or known.id != text.id:
        new.add(text.id, context=text.context)
    else:
        new.add(text.id, known.string, flags=known.flags, user_comments=known.user_comments, context=text.context)


def _header(language: str) -> str:
    name = Locale.parse(language).english_name
    return _HEADER.format(name=name, language=language, plural=get_plural(language).plural_forms)


if __name__ == "__main__":
    everything = texts()
    for each in catalogues():
        each.write_text(updated(each, everything), encoding="utf-8")
