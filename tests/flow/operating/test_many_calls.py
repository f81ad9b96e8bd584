"""An installation of years: how many calls a tool makes does not grow with each blob, row and message there is."""

import base64
import json
from collections import Counter

import pytest

from shared.administration.history import is_last_change
from shared.administration.running import last_runs
from shared.operating.doctor import rows, running
from shared.operating.forgetting import forget
from shared.operating.pruning import prune
from shared.operating.replaying import replay
from shared.runs import undoing
from shared.runs.batch import Batch
from shared.runs.run_ids import run_address
from shared.runs.trial import newest_runs
from shared.staging.rejected import REJECTED
from shared.storage.forms import FORMS, OtherFormError
from shared.storage.tables import Row
from tests.flow.years import ADMINISTRATOR, past_runs


def given_up(app, *contents):
    """Puts messages into the poison queue."""
    for content in contents:
        app.storage.poison.send(base64.b64encode(content.encode()).decode())


def with_story(app, run_ids):
    """Gives the runs what hangs on them."""
    for run_id in run_ids:
        app.store.write_batches([Batch(run_id, "abcd", number, 1, 1) for number in (1, 2)])
        for number in range(3):
            app.storage.events.put(Row(run_id, f"2026-{number}", {"kind": "queued"}))
        app.storage.app_blobs.write(REJECTED, f"{run_id}/abcd-00001.csv", b"")


def test_prune_counts_in_as_many_calls_whatever_the_number_of_runs(years, calls):
    counted = []
    for count in (10, 200):
        with_story(years, past_runs(years, "gold", count))
        counted.append(calls.of(lambda: prune(years, ADMINISTRATOR, 400, dry_run=True)))
    assert counted[1] <= counted[0]


def test_prune_deletes_blobs_and_runs_by_the_hundred_and_what_hangs_on_a_run_at_once(years, calls):
    run_ids = past_runs(years, "gold", 150)
    young = past_runs(years, "gold", 3, days=1)
    others = past_runs(years, "gold-2", 3)
    with_story(years, [*run_ids, *young, *others])
    counts = {}
    assert calls.of(lambda: counts.update(prune(years, ADMINISTRATOR, 400))) <= 2 * 153 + 30
    assert calls.names[f"{REJECTED} delete"] == 1
    assert {name: counts[name] for name in ("rejected_rows_blobs", "runs", "batches", "events")} == {
        "rejected_rows_blobs": 153,
        "runs": 153,
        "batches": 306,
        "events": 459,
    }
    left = {row.values["run_id"] for row in years.storage.runs.rows()}
    assert left == set(young)
    assert {row.partition for row in years.storage.events.rows()} == set(young)


def test_run_whose_events_cannot_be_deleted_keeps_its_row_and_no_other_run(years, monkeypatch):
    """Its row goes last, so that the next prune finds what is left."""
    run_ids = past_runs(years, "gold", 5)
    with_story(years, run_ids)
    transact = years.storage.events.transact

    def refused(changes):
        if changes[0].row.partition == run_ids[2]:
            raise OSError("refused")
        transact(changes)

    monkeypatch.setattr(years.storage.events, "transact", refused)
    counts = prune(years, ADMINISTRATOR, 400)
    assert (counts["runs"], counts["events"]) == (4, 12)
    assert years.storage.runs.get(*run_address(run_ids[2])) is not None
    assert [row.partition for row in years.storage.events.rows()] == [run_ids[2]] * 3
    monkeypatch.undo()
    assert prune(years, ADMINISTRATOR, 400)["events"] == 3
    assert list(years.storage.runs.rows()) == []


def test_replay_comes_to_the_last_of_thousands_though_the_first_come_back_meanwhile(years, calls):
    """Each call takes so long that what is hidden for a minute comes back before the end."""
    (run_id,) = past_runs(years, "gold", 1, days=0, state="confirming")
    steps = [json.dumps({"run": run_id, "step": "confirm"})] * 500
    given_up(years, *["not ours"] * 100, *steps, *["not ours"] * 100, *steps[:1])
    calls.seconds = 0.05
    seen = replay(years, ADMINISTRATOR)
    assert sorted(Counter(each.fate for each in seen.messages).items()) == [("leave", 200), ("replay", 501)]
    assert (seen.hidden, years.storage.queue.count(), years.storage.poison.count()) == (0, 501, 200)
    assert len(years.storage.poison.peek()) == 32, "what is left was given back at once"
    assert calls.names["runs get"] == 1, "all are of one run"
    assert calls.names["queue receive"] <= 701 / 32 + 20


@pytest.mark.parametrize("newest", [1, 5, 19, 20, 25, 45])
def test_newest_run_that_sends_a_segment_is_found_in_a_small_answer(years, rows_read, newest):
    """As where a verification follows each run. All of an export's runs are some megabytes."""
    past = past_runs(years, "gold", 300)
    verified = past_runs(years, "gold", newest, days=1, kind="verify")
    found = newest_runs(years, "gold")
    assert [run.run_id for run in found] == [verified[0], past[0]]
    assert sum(rows_read) <= (21 if newest < 20 else 1000)


def test_all_runs_of_an_export_come_once_also_behind_those_of_another_release(years, monkeypatch):
    with monkeypatch.context() as newer:
        newer.setattr("shared.storage.forms.FORMS", {**FORMS, "runs": 99})
        others = past_runs(years, "gold", 30, days=1)
    mine = past_runs(years, "gold", 30, days=500)
    assert [run.run_id for run in years.store.latest("gold", None)] == mine
    assert [run.run_id for run in years.store.latest("gold", None, after=mine[4])] == mine[5:]
    with pytest.raises(OtherFormError):
        next(years.store.every_run("gold"))
    for run_id in others:
        years.storage.runs.delete(Row(*run_address(run_id)))
    assert [run.run_id for run in years.store.every_run("gold")] == mine


@pytest.mark.parametrize(
    "look",
    [
        lambda app, document: last_runs(app, ADMINISTRATOR),
        running.wrong_times,
        rows.odd_rows,
        lambda app, document: rows.other_forms(app, [each.id for each in document.exports]),
    ],
)
def test_hundreds_of_exports_are_looked_at_some_at_a_time(years, calls, many_exports, look):
    """One after the other, from a terminal far away, they would take minutes."""
    calls.is_slow = True
    assert look(years, many_exports)
    assert 1 < calls.most_open <= 9, "one that says what is read next, and eight that read"


def test_forget_reads_each_report_once_of_a_person_whose_id_no_report_has(years, calls, monkeypatch):
    monkeypatch.setenv("APP_SECRET", base64.b64encode(bytes(32)).decode())
    with_story(years, past_runs(years, "gold", 60, days=1))
    calls.is_slow = True
    assert calls.of(lambda: forget(years, ADMINISTRATOR, "ana@example.com")) <= 60 + 20
    assert calls.names[f"{REJECTED} read"] == 60
    assert 1 < calls.most_open <= 4


def test_undo_reads_of_another_export_only_the_runs_that_may_have_ended_later(years, rows_read):
    """Also where none of its runs has changed the list: those before ended before."""
    past_runs(years, "other", 300)
    (run_id,) = past_runs(years, "gold", 1, days=499)
    assert undoing._last_change(years, "other", years.store.load(run_id)) is None
    assert sum(rows_read) <= 20


def test_versions_of_the_configuration_are_read_some_at_a_time_and_only_those_that_are_wanted(years, calls):
    for number in range(6):
        years.configuration.change("ana", f"change {number}", lambda now: now)
    calls.is_slow = True
    assert [each.what for each in years.configuration.history()] == [f"change {number}" for number in range(5, 0, -1)]
    assert calls.most_open > 1
    assert [each.what for each in years.configuration.history(1)] == ["change 5"]
    assert calls.of(lambda: is_last_change(years, ADMINISTRATOR, "x")) == 2
