"""One odd row, run, export or account stops no tick for the others, is logged by place, and doctor shows it."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from shared.access import Caller
from shared.administration.exports import list_exports
from shared.administration.start_keys import forget_old_keys
from shared.config.document import ready_export
from shared.errors import TransientError
from shared.operating.doctor import rows, running
from shared.operating.forgetting import forget
from shared.operating.pruning import prune
from shared.runs.overview import export_overview
from shared.runs.run_ids import is_run_id, run_address
from shared.runs.starting import start_all, start_due, start_for_blob, start_run
from shared.runs.steps.sweep import sweep
from shared.runs.store import OPEN
from shared.runs.verifying import Verify
from shared.storage.tables import Row
from tests.faults.conftest import Story
from tests.sizes import thinned
from timer_export import blueprint

ADMINISTRATOR = Caller("function key", "administrator")
SECRET = "ana.pop@example.com"
# What our own partitions, keys, folders and containers are called, or were.
OUR_OWN = ("open", "active", "started", "success", "audit", "run", "probe", "brevo", "history", "staged", "learned")


@pytest.fixture
def two(story: Story) -> Story:
    """An export `gold`, and one before it whose rows the test spoils."""
    odd = {**story.export, "id": "a-odd"}
    document = {"connections": [story.connection], "exports": [odd, story.export], "notifications": []}
    story.config.write_text(json.dumps(document))
    story.people(3)
    return story


def started(two: Story) -> dict[str, Any]:
    return {start.export: start for start in start_due(two.app)}


@pytest.mark.parametrize("name", thinned(OUR_OWN, 3))
def test_export_may_be_called_as_anything_of_our_own_is(story: Story, name: str) -> None:
    story.save(id=name)
    people = story.people(3)
    (start,) = start_due(story.app)
    assert sweep(story.app) == []
    assert prune(story.app, ADMINISTRATOR, 400)["runs"] == 0
    story.work()
    assert story.status(start.run_id)["status"] == "succeeded"
    assert story.sent() == people
    assert story.left_behind() == []
    assert story.app.store.open_runs() == []
    assert [run.run_id for run in story.app.store.latest(name)] == [start.run_id]


def test_partitions_are_named_by_an_id_or_by_a_name_that_no_id_can_have(story: Story) -> None:
    story.people(3)
    run_id = story.run()["run_id"]
    story.start()
    made_from_ids = {"gold", run_id, story.account}
    own = {
        (table, partition)
        for table, rows in story.kept.tables.items()
        for partition, _ in rows
        if partition not in made_from_ids and not is_run_id(partition)
    }
    assert own == {("runs", OPEN)}
    assert OPEN.startswith("~")


ODD_ROWS = {
    "started": ("runs", Row("a-odd", "started", {"nonsense": 1})),
    "active": ("runs", Row("a-odd", "active", {})),
    "newest run": ("runs", Row("a-odd", "run-00000000000000-aaaaaa", {"times": "no JSON"})),
    "success": ("runs", Row("a-odd", "success", {"run_id": 1})),
    "open without its key": ("runs", Row(OPEN, "a-odd-20261124T050000-abcdef", {})),
    "open of no run": ("runs", Row(OPEN, SECRET, {"key_setting": "KEY"})),
    "request": ("requests", Row("a-odd", "digest", {"at": "yesterday"})),
    "slot": ("accounts", Row("OTHER_KEY", "slot-0", {"run": 7})),
}


def spoil(two: Story, name: str) -> None:
    table, row = ODD_ROWS[name]
    getattr(two.app.storage, table).put(row)


@pytest.mark.parametrize("name", thinned(ODD_ROWS, 2))
def test_odd_row_stops_nothing_of_the_other_export(two: Story, name: str, caplog: pytest.LogCaptureFixture) -> None:
    spoil(two, name)
    state, words, advice = rows.odd_rows(two.app, two.app.document())
    assert (state, bool(advice)) == ("FAILED", True), "doctor shows it"
    assert started(two)["gold"].is_new
    sweep(two.app)
    forget_old_keys(two.app)
    prune(two.app, ADMINISTRATOR, 400)
    forgotten = forget(two.app, ADMINISTRATOR, "nobody@example.com")
    assert not [line for line in forgotten.not_done if line.startswith(("runs:", "configuration:", "segments:"))]
    assert [each.id for each in list_exports(two.app, ADMINISTRATOR)] == ["a-odd", "gold"]
    for sort in ("last_success", "last_run"):
        assert {each.id for each in list_exports(two.app, ADMINISTRATOR, sort=sort)} == {"a-odd", "gold"}
    assert [start.export for start in start_for_blob(two.app, two.subject)] == ["a-odd", "gold"]
    two.work(hours=0.2)  # the odd one may be tried for hours
    assert two.runs()[0].state == "succeeded"
    assert SECRET not in f"{words} {caplog.text}"


def test_doctor_finds_no_odd_row_where_all_is_well(two: Story) -> None:
    started(two)
    two.work()
    assert rows.odd_rows(two.app, two.app.document())[0] == "ok"


def test_doctor_names_an_older_run_that_cannot_be_read(two: Story) -> None:
    """Nothing is undone in its list while it is there."""
    two.work()
    assert two.run()["status"] == "succeeded"
    two.app.storage.runs.put(Row("gold", "run-99999999999999-aaaaaa", {"times": "no JSON"}))
    state, words, _ = rows.odd_rows(two.app, two.app.document())
    assert (state, "run-99999999999999-aaaaaa of gold" in words) == ("FAILED", True), words


def test_run_whose_row_cannot_be_read_does_not_keep_the_others_from_being_driven_on(
    two: Story, caplog: pytest.LogCaptureFixture
) -> None:
    runs = {name: start.run_id for name, start in started(two).items()}
    address = run_address(runs["a-odd"])
    row = two.app.storage.runs.get(*address)
    assert row is not None
    two.app.storage.runs.put(Row(*address, {**row.values, "times": SECRET, "stalled_after": SECRET}))
    two.kept.messages.clear()
    two.kept.clock.skip(3600)
    assert sweep(two.app) == [runs["gold"]]
    assert runs["a-odd"] in caplog.text
    assert SECRET not in caplog.text
    two.work(hours=1)
    assert two.status(runs["gold"])["status"] == "succeeded"
    assert running.open_runs(two.app)[0] == "ok"
    assert rows.odd_rows(two.app, two.app.document())[0] == "FAILED"


@pytest.mark.parametrize("how", [{}, {"due": "2026-11-24T05:00Z"}, {"instead": Verify("verify")}])
def test_export_runs_again_once_the_row_of_its_odd_run_is_deleted(story: Story, how: dict[str, Any]) -> None:
    people = story.people(3)
    deleted = story.start().run_id
    story.app.storage.runs.delete(Row(*run_address(deleted)))  # as doctor says
    start = start_run(story.app, ready_export(story.app.document(), "gold"), "http", "tester", **how)
    assert start.is_new
    story.work()
    assert story.status(start.run_id)["status"] == "succeeded"
    assert story.sent() == (set() if "instead" in how else people)
    assert story.app.store.active("gold") is None


def test_start_that_is_repeated_behind_the_deleted_row_of_its_run_writes_it_again(story: Story) -> None:
    people = story.people(3)
    run_id = story.start().run_id
    story.app.storage.runs.delete(Row(*run_address(run_id)))
    assert story.start(run_id=run_id).run_id == run_id
    story.work()
    assert story.status(run_id)["status"] == "succeeded"
    assert story.sent() == people


def test_staged_bodies_of_an_odd_run_do_not_keep_those_of_others(two: Story, caplog: pytest.LogCaptureFixture) -> None:
    run_id = two.run()["run_id"]
    odd = "a-odd-20261124T050000-abcdef"
    two.app.storage.runs.put(Row(*run_address(odd), {"times": SECRET}))
    for each in (odd, run_id):
        two.app.storage.app_blobs.write("staged", f"{each}/abcd/00001.json", b"{}")
    sweep(two.app)
    assert two.kept.blob_names("staged") == [f"{odd}/abcd/00001.json"]
    assert odd in caplog.text
    assert SECRET not in caplog.text


def test_overview_of_an_odd_export_says_so_and_names_no_value(two: Story) -> None:
    spoil(two, "started")
    document = two.app.document()
    export = document.export("a-odd")
    assert export is not None
    why = export_overview(two.app, document, export).why_not_running
    assert why is not None
    assert why.code == "unforeseen"


def test_older_runs_are_listed_beside_one_that_cannot_be_read(two: Story) -> None:
    run_id = two.run()["run_id"]
    two.app.storage.runs.put(Row("gold", "run-00000000000000-aaaaaa", {"times": "no JSON"}))
    assert [run.run_id for run in two.app.store.latest("gold")] == [run_id]


def test_everything_is_started_but_what_cannot_be(two: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    spoil(two, "active")
    starts = {start.export: start for start in start_all(two.app, "http", "tester")}
    assert starts["gold"].is_new
    assert "unforeseen" in starts["a-odd"].reason


def test_each_part_of_a_tick_is_done_whatever_becomes_of_the_others(
    two: Story, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def breaks(app: object) -> None:
        raise KeyError(SECRET)

    done: list[str] = []
    monkeypatch.setattr(blueprint, "open_worker_app", lambda: two.app)
    monkeypatch.setattr(blueprint, "sweep", breaks)
    monkeypatch.setattr(blueprint, "forget_old_keys", lambda app: done.append("keys"))
    tick: Any = blueprint.timer_export
    with pytest.raises(TransientError) as raised:
        tick.build().get_user_function()(SimpleNamespace())
    assert done == ["keys"]
    assert [run.export for run in two.runs()] == ["gold"]
    assert SECRET not in f"{raised.value!r} {caplog.text}"
