"""Thousands of exports: a version of a document is parsed once, and no turn of the timer takes longer than a minute."""

import json
from typing import Any

import pytest

from shared.access import Caller
from shared.administration.exports import list_exports
from shared.config import document as documents
from shared.config.document import LARGEST_BYTES
from shared.config.store import DocumentStore
from shared.errors import ConfigurationError
from shared.runs import starting
from shared.runs.starting import start_all, start_due, start_for_blob
from shared.runs.ticks import last_tick, next_to_start, note_next_to_start, note_tick
from shared.segments import model_json
from shared.storage.forms import FORM
from tests.faults.conftest import CONTAINER, FOLDER, Story


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The documents that were parsed."""
    found: list[str] = []
    parse = documents.parse_document

    def counted(data: bytes, where: str) -> Any:
        found.append(where)
        return parse(data, where)

    monkeypatch.setattr(documents, "parse_document", counted)
    return found


@pytest.fixture
def in_storage(make_story: Any) -> Story:
    story: Story = make_story(EXPORT_CONFIG="settings/exports.json")
    put(story)
    return story


def put(story: Story, **changes: Any) -> None:
    story.export.update(changes)
    document = {"connections": [story.connection], "exports": [story.export]}
    story.app.storage.app_blobs.write("settings", "exports.json", json.dumps(document).encode())


def test_version_of_the_configuration_is_parsed_once(in_storage: Story, parsed: list[str]) -> None:
    app = in_storage.app
    assert app.document() is app.document()
    assert app.configuration.read() is app.document()
    assert len(parsed) == 1
    put(in_storage, display_name="Another")
    assert [app.document().exports[0].display_name for _ in range(3)] == ["Another"] * 3
    assert len(parsed) == 2


def test_broken_version_is_parsed_once_and_tells_the_same_each_time(in_storage: Story, parsed: list[str]) -> None:
    app = in_storage.app
    put(in_storage, list_id="twelve")
    told = set()
    for _ in range(3):
        with pytest.raises(documents.DocumentError) as raised:
            app.document()
        told.add(str(raised.value))
    assert len(told) == len(parsed) == 1
    put(in_storage, list_id=12)
    assert app.document().exports[0].list_id == 12


def test_local_configuration_is_parsed_when_its_bytes_change(story: Story, parsed: list[str]) -> None:
    app = story.app
    assert app.document() is app.document()
    story.save(list_id=13)  # of the same length, and in the same moment
    assert app.document().exports[0].list_id == 13
    assert len(parsed) == 2


def test_change_is_made_to_the_newest_version_and_seen_at_once(in_storage: Story) -> None:
    app, other = in_storage.app, in_storage.app
    app.document()
    other.configuration.change("b", "rename", lambda now: now.model_copy(update={"exports": []}))
    assert app.document().exports == []
    app.configuration.change("a", "nothing", lambda now: now)
    assert app.document().exports == other.document().exports == []


@pytest.mark.parametrize("in_blob", [True, False])
def test_configuration_that_is_too_large_is_refused_by_its_own_code(
    story: Story, in_storage: Story, *, in_blob: bool
) -> None:
    huge = b" " * (LARGEST_BYTES + 1)
    app = in_storage.app if in_blob else story.app
    if in_blob:
        app.storage.app_blobs.write("settings", "exports.json", huge)
    else:
        story.config.write_bytes(huge)
    with pytest.raises(ConfigurationError, match="is larger than 4,000,000 bytes") as raised:
        app.document()
    assert raised.value.code == "configuration_too_large"


def test_change_that_makes_the_configuration_too_large_is_refused(
    in_storage: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.config.store.LARGEST_BYTES", 100)
    store: DocumentStore = in_storage.app.configuration
    with pytest.raises(ConfigurationError) as raised:
        store.change("a", "b", lambda now: now)
    assert raised.value.code == "configuration_too_large"
    assert store.read().exports[0].id == "gold"


def test_model_json_is_parsed_once_a_version(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[str] = []
    read = model_json._read

    def counted(blobs: Any, container: str, blob: Any, name: str) -> Any:
        reads.append(blob.etag)
        return read(blobs, container, blob, name)

    monkeypatch.setattr(model_json, "_read", counted)
    story.people(3)
    blobs = story.app.storage.segment_blobs
    for name in ("Gold", "Silver"):
        blobs.write(CONTAINER, f"{FOLDER}/model.json", json.dumps({"entities": [{"name": name}]}).encode())
        found = [model_json.read_model_json(blobs, CONTAINER, FOLDER) for _ in range(3)]
        assert [list(each.tables) for each in found] == [[name]] * 3
    assert len(reads) == 2


def test_turn_of_the_timer_ends_in_time_and_the_next_one_goes_on(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    story.people(3)
    exports = [{**story.export, "id": f"e-{number}"} for number in range(10)]
    story.config.write_text(json.dumps({"connections": [story.connection], "exports": exports}))
    looked_at: list[str] = []

    def slow(app: Any, ready: Any) -> starting.Start:
        story.kept.clock.skip(15)
        looked_at.append(ready.export.id)
        return starting.Start(ready.export.id)

    monkeypatch.setattr(starting, "_start_if_due", slow)
    turns = []
    for _ in range(4):
        looked_at.clear()
        start_due(story.app)
        turns.append([each.removeprefix("e-") for each in looked_at])
    assert turns == [["0", "1", "2"], ["3", "4", "5"], ["6", "7", "8"], ["9", "0", "1"]]


def test_turn_begins_anew_once_all_were_looked_at(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    story.people(3)
    note_next_to_start(story.app, "gold")
    assert [start.export for start in start_due(story.app)] == ["gold"]
    assert next_to_start(story.app) == ""
    note_next_to_start(story.app, "removed-meanwhile")
    assert [start.export for start in start_due(story.app)] == ["gold"]


def test_timer_that_an_older_release_takes_over_starts_what_is_due(story: Story) -> None:
    """What the timer notes for itself has the form of the release before, and keeps no later one from working."""
    story.people(3)
    note_tick(story.app, "0 */5 * * * *")
    note_next_to_start(story.app, "removed-meanwhile")
    notes = story.kept.tables["runs"]
    for address, (values, etag) in list(notes.items()):
        if address[0] == "~timer":
            notes[address] = ({**values, FORM: 99}, etag)
    assert last_tick(story.app) is None
    assert [start.is_new for start in start_due(story.app)] == [True]
    note_tick(story.app, "0 */5 * * * *")
    assert last_tick(story.app) is not None


@pytest.mark.parametrize("key", ["success", "started"])
def test_export_of_which_another_release_has_written_a_row_is_listed_beside_the_others(story: Story, key: str) -> None:
    story.people(3)
    story.run()
    rows = story.kept.tables["runs"]
    for address, (values, etag) in list(rows.items()):
        if address[1] == key:
            rows[address] = ({**values, FORM: 99}, etag)
    administrator = Caller("function key", "administrator")
    (listed,) = list_exports(story.app, administrator, sort="-last_success")
    assert listed.why_not_running is not None
    assert listed.why_not_running.code == "other_form"
    assert "Deploy the release that wrote it" in listed.why_not_running.text


@pytest.mark.parametrize("key", ["started", "active"])
def test_export_of_which_another_release_has_written_a_row_keeps_no_other_from_being_started(
    story: Story, key: str
) -> None:
    other = {**story.export, "id": "a-other"}
    document = {"connections": [story.connection], "exports": [other, story.export], "notifications": []}
    story.config.write_text(json.dumps(document))
    story.people(3)
    story.kept.tables.setdefault("runs", {})["a-other", key] = ({"run_id": "x", FORM: 99}, 'W/"0"')
    for starts in (start_for_blob(story.app, story.subject), start_all(story.app, "http", "tester")):
        first, second = starts
        assert "Deploy the release that wrote it" in first.reason or key == "started"
        assert second.run_id
