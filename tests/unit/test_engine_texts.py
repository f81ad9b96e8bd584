"""What the engine says is read from its code: sentence by sentence, with a name for each value."""

import ast
import re

from export_trigger.pages.phrases import LABELS
from export_trigger.pages.said import PLACE
from export_trigger.pages.said_words import OWN_WORDS
from scripts.engine_texts import engine_texts, patterns

# Of what a form has a field for.
_KEY = re.compile(
    rf"\b({'|'.join(key for key in LABELS if '_' in key and '.' not in key)}|sync_mode|mirror_exact|changes_only"
    r"|erase_empty|put_back_leavers|(create|leave_out)_missing_attributes|date_format|available_to|with_refresh)\b"
)


def found(code):
    return list(patterns(ast.parse(code)))


def test_sentence_has_a_name_for_each_value():
    assert found('Error("c", f"The run {run.run_id} is {state} and has {len(rows):,} rows.")') == [
        "The run {run_id} is {state} and has {rows} rows."
    ]


def test_sentences_of_one_text_are_apart_and_a_value_may_be_one():
    assert found('text = f"{error.message} It is read again. {advice}"') == ["It is read again."]
    assert found('text = f"To do it now: {command} · To look again: {other}"') == [
        "To do it now: {command}",
        "To look again: {other}",
    ]


def test_each_choice_between_two_words_is_a_sentence():
    assert sorted(found("""text = f"{n} imports {'was' if n == 1 else 'were'} posted by it." """)) == [
        "{n} imports was posted by it.",
        "{n} imports were posted by it.",
    ]


def test_what_is_counted_has_its_two_forms():
    assert ("%(num)s row", "%(num)s rows") in found('text = counted(n, "row")')
    assert ("%(num)s entry", "%(num)s entries") in found('text = counted(n, "entry", "entries")')


def test_part_that_stands_within_another_text_is_found_as_well():
    assert "at the latest until {until}" in found(
        'text = f"{what}{f", at the latest until {until}" if until else ""}."'
    )


def test_what_no_person_reads_is_no_text():
    for code in (
        '"""A page about nothing."""',
        '_log.info("the run %s has ended", run)',
        'Field(description="How long it takes.")',
        'query = f"SELECT high, low FROM {table} WHERE number = {number}"',
        'name = "one_word"',
    ):
        assert found(code) == []


def test_engine_says_much_and_no_pattern_is_there_twice():
    texts = engine_texts()
    shapes = [PLACE.sub("{}", each) if isinstance(each, str) else each for each in texts]
    assert len(texts) > 800
    assert len(shapes) == len(set(shapes))
    assert {"Brevo has no list {list_id}.", "Nothing was sent.", "It is tried again."} <= set(texts)


def test_pages_name_their_own_fields_and_not_the_keys_of_the_configuration():
    """A person who has the form knows neither the key nor where it would be set."""
    known = [each for text in engine_texts() for each in ([text] if isinstance(text, str) else text)]
    by_key = {each for each in known if _KEY.search(PLACE.sub(" ", each))}
    assert {each for each in by_key if "webhook" not in each and "with_refresh" not in each} == set()


def test_words_of_a_page_have_only_values_that_the_engines_text_has():
    assert [
        english for english, own in OWN_WORDS.items() if set(PLACE.findall(own)) - set(PLACE.findall(english))
    ] == []
