"""A mapping of as many attributes as are allowed fits into the engine's memory, whatever their type and their words."""

from functools import partial

import duckdb
import pytest

from shared.config.date_format import DateFormat
from shared.config.models import BooleanWords
from shared.errors import PermanentError
from shared.mapping import engine
from shared.mapping.chunk import Chunk
from shared.mapping.mapper import Mapper
from shared.mapping.plan import MOST_FIELDS, Field, Only, Plan
from shared.mapping.select import FileSource

OPTIONS = tuple((f"Option {number}", f"Option {number}") for number in range(12))
ROWS = 300
DEFAULT_WORDS = ("NULL", "\\N")
WORDS_OF_THE_DOCS = (*DEFAULT_WORDS, "null", "n/a")


def fields(kind, count):
    is_date, has_options = kind == "date", kind in ("category", "multiple_choice")
    form = DateFormat.of("M/d/yyyy h:mm:ss tt zzz") if is_date else None
    zone = "Europe/Bucharest" if is_date else None
    options = OPTIONS if has_options else ()
    return tuple(Field(f"A{number}", f"Value {number}", kind, form, zone, options) for number in range(count))


@pytest.mark.parametrize(
    ("kind", "good", "count", "words"),
    [
        ("text", "Cluj", MOST_FIELDS, WORDS_OF_THE_DOCS),
        ("number", "7", MOST_FIELDS, WORDS_OF_THE_DOCS),
        ("boolean", "yes", MOST_FIELDS, DEFAULT_WORDS),
        ("text", "Cluj", MOST_FIELDS, tuple(f"word {number}" for number in range(50))),
        ("date", "8/24/1984 11:30:00 PM +02:00", 60, WORDS_OF_THE_DOCS),
        ("category", "option 3", MOST_FIELDS, WORDS_OF_THE_DOCS),
        ("multiple_choice", "Option 3; option 1", 60, WORDS_OF_THE_DOCS),
        ("phone", "0722 000 111", 60, WORDS_OF_THE_DOCS),
    ],
)
def test_many_fields_and_words_fit_into_memory(tmp_path, own_engine, kind, good, count, words):
    rejected = []
    mapper, lines = mapped(tmp_path, kind, good, count, words, rejected.append)
    assert len(lines) == 50
    assert {each.filled for each in mapper.fields} == {25}
    assert {each.lost for each in mapper.fields} == ({0} if kind == "text" else {12})
    assert len(rejected) == (0 if kind == "text" else 12 * count)


def test_mapping_that_does_not_fit_into_memory_is_not_the_files_fault(tmp_path, own_engine, monkeypatch):
    monkeypatch.setattr(duckdb, "connect", partial(little_memory, duckdb.connect))
    with pytest.raises(PermanentError) as error:
        mapped(tmp_path, "date", "8/24/1984 11:30:00 PM +02:00", 30, WORDS_OF_THE_DOCS, print)
    assert error.value.code == "mapping_too_large"
    assert "Map fewer attributes" in error.value.advice


@pytest.fixture
def own_engine(monkeypatch):
    """An engine of its own, with its limit and all that it plans."""
    monkeypatch.setattr(engine, "duckdb", duckdb)


def little_memory(connect, name, config):
    return connect(name, config={**config, "memory_limit": "2MB"})


def mapped(tmp_path, kind, good, count, words, on_rejected):
    """The mapper behind ROWS rows of so many fields, and what it has written."""
    plan = Plan(
        email_column="EMail",
        fields=fields(kind, count),
        default_country="RO",
        date_format="YYYY-MM-DD",
        boolean_words=BooleanWords(true="Yes", false="No"),
        erase_empty=True,
        null_words=words,
        only=(Only("EMail", tuple(f"a{number}@example.com" for number in range(50))),),
    )
    mapper = Mapper(plan, tmp_path, ["Gold_1.csv"], on_rejected)
    with Chunk(tmp_path / "chunk.csv") as chunk:
        for number in range(ROWS):
            value = (good, "", words[-1], "perhaps")[number % 4]
            chunk.add(f"a{number}@example.com{f',{value}' * count}\n".encode(), 1, 0, number)
        columns = ("EMail", *(field.column for field in plan.fields))
        source = FileSource(str(tmp_path / "chunk.csv"), columns, ",", '"', "Gold_1.csv")
        lines = mapper.map_chunk(chunk, source, 0, "Gold").contacts.read_text().splitlines()
    mapper.close()
    return mapper, lines
