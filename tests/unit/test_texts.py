"""Each catalogue has all texts of the pages, translated, with the values and the plural forms that they need."""

import re
from gettext import c2py

import pytest
from babel import Locale
from babel.messages.catalog import Catalog, Message

from export_trigger.pages.said import CONTEXT, PLACE
from scripts.engine_texts import stale_own_words
from scripts.texts import catalogues, read, texts, updated

RUN = "run python -m scripts.texts, then translate what is empty in export_trigger/pages/locale"
LANGUAGES = pytest.mark.parametrize("path", catalogues(), ids=lambda path: path.stem)


@pytest.fixture(scope="module")
def english() -> Catalog:
    return texts()


def entries(catalogue: Catalog) -> list[Message]:
    return [entry for entry in catalogue if entry.id]


def of_pages(catalogue: Catalog) -> list[Message]:
    """What pages take as HTML and as a place for values; a text of the engine is escaped, and has its own places."""
    return [entry for entry in entries(catalogue) if entry.context != CONTEXT or entry.pluralizable]


def forms(words) -> list[str]:
    """One text, or those of one and of several."""
    return [words] if isinstance(words, str) else list(words or [""])


def values_in(text: str) -> list[str]:
    """Each %(name)s, and whatever else Python would take as a place for a value."""
    return sorted(re.findall(r"%(?:\(\w+\)\w|.|$)", text))


def without_translation(catalogue: Catalog) -> list[str]:
    return [forms(entry.id)[0] for entry in entries(catalogue) if entry.fuzzy or not all(forms(entry.string))]


def with_other_values(catalogue: Catalog) -> list[str]:
    """Texts of which a form, be it English or translated, has other values than the first English one."""
    return [
        forms(entry.id)[0]
        for entry in of_pages(catalogue)
        if len({tuple(values_in(form)) for form in [*forms(entry.id), *forms(entry.string)] if form}) > 1
    ]


def with_markup(catalogue: Catalog) -> list[str]:
    """Pages take a text as HTML, also within an attribute's quotes."""
    both = [form for entry in of_pages(catalogue) for form in [*forms(entry.id), *forms(entry.string)]]
    return [form for form in both if re.search('[<>&"]', form)]


def wrong_plurals(catalogue: Catalog) -> list[str]:
    """What is wrong with the number of forms, or with which numbers share one, beside the language's own rule."""
    form, rule, numbers = c2py(catalogue.plural_expr), Locale.parse(catalogue.locale).plural_form, range(201)
    pairs = {(form(number), rule(number)) for number in numbers}
    kinds = {kind for _, kind in pairs}
    wrong = [] if len(pairs) == len(kinds) == catalogue.num_plurals else [f"Plural-Forms, {len(kinds)} expected"]
    several = [entry for entry in entries(catalogue) if entry.pluralizable]
    return wrong + [entry.id[0] for entry in several if len(forms(entry.string)) != len(kinds)]


def test_there_are_texts_of_templates_and_of_modules_and_a_catalogue(english):
    assert len(entries(english)) > 250
    assert {"Skip to the content", "waiting for approval", "%(num)s member"} <= {
        forms(entry.id)[0] for entry in entries(english)
    }
    assert "ro" in [path.stem for path in catalogues()]


@LANGUAGES
def test_catalogue_has_each_text_of_the_pages_and_no_other(path, english):
    ours, theirs = ({(entry.context, *forms(entry.id)) for entry in entries(each)} for each in (read(path), english))
    assert (theirs - ours, ours - theirs) == (set(), set()), RUN
    assert path.read_text(encoding="utf-8") == updated(path, english), RUN


@LANGUAGES
def test_each_text_is_translated_and_none_is_a_guess(path):
    assert without_translation(read(path)) == []


@LANGUAGES
def test_translation_has_the_values_of_its_text(path):
    assert with_other_values(read(path)) == []


def test_each_place_for_a_value_has_a_name(english):
    found = {value for entry in of_pages(english) for form in forms(entry.id) for value in values_in(form)}
    assert found
    assert [value for value in found if not re.fullmatch(r"%\(\w+\)s|%%", value)] == []


@LANGUAGES
def test_translation_of_the_engines_text_puts_no_value_where_it_has_none(path):
    both = [(form, forms(entry.string)[0]) for entry in entries(read(path)) for form in forms(entry.id)[:1]]
    assert [one for one, other in both if set(PLACE.findall(other)) - set(PLACE.findall(one))] == []


def test_pages_have_no_words_for_what_the_engine_says_no_more():
    assert stale_own_words() == set()


@LANGUAGES
def test_no_text_is_taken_for_markup(path):
    assert with_markup(read(path)) == []


@LANGUAGES
def test_catalogue_has_the_plural_forms_of_its_language(path):
    assert wrong_plurals(read(path)) == []


# What would be noticed

ONE, SEVERAL = "%(num)s day", "%(num)s days"


def catalogue_with(translation, *, text=(ONE, SEVERAL), flags=()):
    made = Catalog(locale="ro")
    made.add(text, translation, flags=flags)
    return made


def test_text_that_lacks_a_translation_or_a_form_of_it_is_noticed():
    assert without_translation(catalogue_with(("%(num)s zi", "%(num)s zile", "%(num)s de zile"))) == []
    assert without_translation(catalogue_with(("%(num)s zi", "", "%(num)s de zile"))) == [ONE]
    assert without_translation(catalogue_with("", text="Day")) == ["Day"]
    assert without_translation(catalogue_with("Zi", text="Day", flags=["fuzzy"])) == ["Day"]


@pytest.mark.parametrize("last", ["%(nun)s de zile", "de zile", "%(num)d de zile", "%(num)s %(num)s", "%(num)s de %"])
def test_form_with_other_values_is_noticed(last):
    assert with_other_values(catalogue_with(("%(num)s zi", "%(num)s zile", "%(num)s de zile"))) == []
    assert with_other_values(catalogue_with(("%(num)s zi", "%(num)s zile", last))) == [ONE]


def test_text_whose_english_forms_differ_in_their_values_is_noticed():
    translation = ("%(num)s zi", "%(num)s zile", "%(num)s de zile")
    assert with_other_values(catalogue_with(translation, text=("One day", SEVERAL))) == ["One day"]


def test_quote_that_would_end_an_attribute_is_noticed():
    assert with_markup(catalogue_with('"Zi"', text="Day")) == ['"Zi"']


@pytest.mark.parametrize(
    "rule", ["nplurals=2; plural=(n != 1);", "nplurals=3; plural=(n == 1 ? 0 : n == 0 || n < 20 ? 1 : 2);"]
)
def test_rule_of_another_language_is_noticed(rule, tmp_path):
    path = tmp_path / "ro.po"
    path.write_text(f'msgid ""\nmsgstr ""\n"Plural-Forms: {rule}\\n"\n', encoding="utf-8")
    assert wrong_plurals(read(path)) == ["Plural-Forms, 3 expected"]


def test_text_with_too_few_forms_is_noticed():
    assert wrong_plurals(catalogue_with(("%(num)s zi", "%(num)s zile", "%(num)s de zile"))) == []
    assert wrong_plurals(catalogue_with(("%(num)s zi", "%(num)s zile"))) == [ONE]


def test_update_adds_drops_and_keeps_in_the_order_of_the_texts(tmp_path):
    path = tmp_path / "ro.po"
    path.write_text('# old\nmsgid "b"\nmsgstr "B"\n\nmsgid "gone"\nmsgstr "X"\n\n#, fuzzy\nmsgid "d"\nmsgstr "D"\n')
    wanted = Catalog()
    for text in ("d", "b", ("c", "cs"), "a"):
        wanted.add(text)
    header, _, rest = updated(path, wanted).partition("\n\n")
    assert header.startswith("# Romanian texts of the pages.\n")
    assert "Date" not in header
    assert rest == (
        'msgid "a"\nmsgstr ""\n\n# old\nmsgid "b"\nmsgstr "B"\n\n'
        'msgid "c"\nmsgid_plural "cs"\nmsgstr[0] ""\nmsgstr[1] ""\nmsgstr[2] ""\n\n#, fuzzy\nmsgid "d"\nmsgstr "D"\n'
    )


def test_empty_file_becomes_the_catalogue_of_its_language(tmp_path, english):
    path = tmp_path / "pl.po"
    path.touch()
    path.write_text(updated(path, english), encoding="utf-8")
    assert updated(path, english) == path.read_text(encoding="utf-8")
    assert wrong_plurals(read(path)) == []
    assert len(without_translation(read(path))) == len(entries(english))
