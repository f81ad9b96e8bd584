"""Long answers: exports page by page, reports of rejected rows in parts."""

import json

import pytest

from shared.errors import ConfigurationError
from tests.flow.asking import CSV
from tests.sizes import thinned


def ids(answer):
    return [each["id"] for each in json.loads(answer.get_body())]


@pytest.mark.parametrize(
    "sort", thinned(["", "-id", "display_name", "last_run", "-last_success", "next_due", "schedule"], 3)
)
def test_exports_come_page_by_page_and_each_once(asked, sort):
    for number in range(7):
        schedule = {"cron": f"{number} 5 * * *"} if number % 2 else "off"
        asked.flow.add_export(f"n{number}", display_name=f"Name {number * 5 % 7}", schedule=schedule)
    asked.save()
    asked.flow.segment(CSV)
    for name in ("n2", "n5"):
        asked.flow.finish(asked.flow.start(f"{asked.flow.export_id}-{name}").run_id)
    whole = ids(asked("list_exports", "viewer", params={"sort": sort}))
    seen, token, answers = [], "", 0
    while answers == 0 or token:
        answer = asked("list_exports", "viewer", params={"sort": sort, "limit": "3", "continuation": token})
        token = answer.headers.get("X-Continuation-Token", "")
        assert bool(token) == ('rel="next"' in answer.headers.get("Link", ""))
        assert f"sort={sort}" in answer.headers.get("Link", f"sort={sort}")
        seen += ids(answer)
        answers += 1
    assert (seen, answers) == (whole, 3)
    assert len(set(whole)) == 8


@pytest.mark.parametrize("name", ["code", "Code", "CODE"])
def test_link_to_the_next_page_does_not_repeat_the_key_however_its_name_is_written(asked, name):
    """The host takes the key by this name in any case."""
    asked.flow.add_export("n1")
    asked.save()
    link = asked("list_exports", "viewer", params={name: "K3y", "limit": "1", "sort": "id"}).headers["Link"]
    assert "sort=id" in link
    assert "K3y" not in link


def test_page_of_exports_has_fifty_unless_told_and_reads_of_no_others(asked, monkeypatch):
    for number in range(60):
        asked.flow.add_export(f"n{number:02}")
    asked.save()
    read = []
    find = "shared.runs.why_not_running.own_snapshot"
    monkeypatch.setattr(find, lambda blobs, export: read.append(1) or _no_snapshot())
    answer = asked("list_exports", "viewer")
    assert (len(ids(answer)), len(read) <= 50) == (50, True)
    assert answer.headers["X-Continuation-Token"] == ids(answer)[-1]


def _no_snapshot():
    raise ConfigurationError("snapshot_missing", "There is none.")


@pytest.mark.parametrize("params", [{"limit": "0"}, {"limit": "201"}, {"continuation": "A B"}])
def test_page_of_exports_that_is_none_is_400(asked, params):
    assert asked("list_exports", "viewer", params=params).status_code == 400


def test_page_behind_an_export_that_is_gone_is_409(asked):
    answer = asked("list_exports", "viewer", params={"continuation": "gone"})
    assert (answer.status_code, json.loads(answer.get_body())["type"].rpartition(":")[2]) == (409, "list_changed")


def test_link_to_the_next_page_of_exports_keeps_the_search(asked):
    asked.flow.add_export("two")
    asked.save()
    answer = asked("list_exports", "viewer", params={"search": "gold ünd", "limit": "1"})
    assert ids(answer) == []
    answer = asked("list_exports", "viewer", params={"search": "gold", "limit": "1"})
    assert "search=gold" in answer.headers["Link"]


PART_OF_ROWS = 700


@pytest.fixture
def long_report(asked, monkeypatch):
    """A run with a report of several parts in several blobs, with a quoted line break in it; its id and its CSV."""
    monkeypatch.setattr("shared.staging.rejected.REPORT_PART_BYTES", PART_OF_ROWS)
    monkeypatch.setattr("shared.staging.rejected._PART_BYTES", 300)
    monkeypatch.setattr("shared.staging.rejected._MEASURED_EACH", 0)
    rows = "".join(f'"C{number}\n",,Ana\n' for number in range(60))
    asked.flow.segment(f"CustomerId,EMail,FirstName\n{rows}1,ana@example.com,Ana\n")
    run_id = asked.flow.run()["run_id"]
    whole = asked.flow.rejects_text(run_id).encode()
    assert len(whole) > 3 * PART_OF_ROWS
    return run_id, whole


def test_long_report_comes_in_parts_that_are_the_whole_one_behind_the_other(asked, long_report):
    run_id, whole = long_report
    seen, number = b"", 1
    while number:
        answer = asked("show_rejected_rows", "viewer", id=run_id, params={"part": number})
        assert answer.status_code == 200
        assert len(answer.get_body()) <= PART_OF_ROWS
        seen += answer.get_body()
        number = number + 1 if f"?part={number + 1}>" in answer.headers.get("Link", "") else 0
    assert seen == whole


def test_long_report_that_is_asked_for_whole_is_409_and_says_how_many_parts_there_are(asked, long_report):
    run_id, whole = long_report
    answer = asked("show_rejected_rows", "viewer", id=run_id)
    problem = json.loads(answer.get_body())
    parts = -(-len(whole) // PART_OF_ROWS)
    assert (answer.status_code, problem["type"]) == (409, "urn:segment-export:problem:report_in_parts")
    assert f"?part={parts}" in problem["detail"]


@pytest.mark.parametrize(
    ("part", "status"), thinned([("0", 400), ("-1", 400), ("x", 400), ("1" * 30, 400), ("", 400), ("99", 404)], 3)
)
def test_part_of_a_report_that_is_none_is_an_error(asked, long_report, part, status):
    assert asked("show_rejected_rows", "viewer", id=long_report[0], params={"part": part}).status_code == status


def test_short_report_comes_whole_and_is_its_own_only_part(asked):
    run_id = asked.flow.run()["run_id"]
    whole = asked("show_rejected_rows", "viewer", id=run_id).get_body()
    assert whole == asked.flow.rejects_text(run_id).encode()
    assert asked("show_rejected_rows", "viewer", id=run_id, params={"part": "1"}).get_body() == whole
