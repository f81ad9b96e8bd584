"""Who is in an excluded segment is not sent, and stands in the rejected rows; of lists see test_exclude_lists.py."""

import pytest

from shared.errors import ConfigurationError
from tests.flow.conftest import FOLDER, REFRESH
from tests.flow.customers import rows
from tests.flow.excluding import EXPORT, OTHER, address, exclude, left_out, members, people
from tests.flow.following import counts, numbers, refresh, run, take_out
from tests.flow.holding import approved, plan
from tests.flow.trials import run_trial

# Segments


def test_who_is_in_an_excluded_segment_is_not_sent_and_stands_in_the_rejected_rows(excluding):
    excluding.segment(people(3, 7, 99), name="Staff")
    exclude(excluding, ["Staff"])
    status = excluding.run()
    assert left_out(excluding, status) == {"C-3", "C-7"}
    assert excluding.places(status["run_id"]) == [("Gold_1.csv", 5, "excluded"), ("Gold_1.csv", 9, "excluded")]
    assert (status["contacts_mapped"], status["contacts_new"], status["rows_read"]) == (10, 8, 10)
    assert (status["rows_rejected"], status["notes"]) == ({}, [])
    assert excluding.sandbox.log.count(EXPORT) == 0, "no list is excluded"


@pytest.mark.usefixtures("azurite")
def test_segment_and_list_are_excluded_in_real_storage(excluding):
    excluding.segment(people(3), name="Staff")
    members(excluding, 4)
    exclude(excluding, ["Staff"], [OTHER])
    assert left_out(excluding, excluding.run()) == {"C-3", "C-4"}


@pytest.mark.parametrize(
    ("ours", "excluded"),
    [
        ("ana@example.com", " ANA@Example.COM "),
        (" Ana@Example.com", "ana@example.com"),
        ("ana@bücher.example.com", "Ana@xn--bcher-kva.example.com"),
        ("o'neil+shop@example.com", "O'Neil+Shop@example.com"),
    ],
)
def test_addresses_are_compared_as_they_are_sent(excluding, ours, excluded):
    excluding.segment(f"CustomerId,EMail,FirstName\n1,{ours},A\n2,b@example.com,B\n")
    excluding.segment(f"FirstName,CustomerId,EMail\nX,1,{excluded}\n", name="Staff")
    exclude(excluding, ["Staff"])
    assert excluding.run()["contacts_left_out"] == {"excluded": 1}
    assert set(excluding.sent()) == {"b@example.com"}


def test_segments_have_several_files_and_overlap(excluding):
    excluding.segment(people(1, 2), name="Staff")
    excluding.segment(people(3, 1), name="Staff", partition=2)
    excluding.segment(people(3, 4), name="Press")
    exclude(excluding, ["Staff", "Press"])
    assert left_out(excluding, excluding.run()) == {"C-1", "C-2", "C-3", "C-4"}


def test_newest_refresh_of_the_excluded_segment_counts(excluding):
    excluding.segment(people(1), name="Staff", refresh="2026/11/23/0500")
    excluding.segment(people(2), name="Staff")
    exclude(excluding, ["Staff"])
    assert left_out(excluding, excluding.run()) == {"C-2"}


def test_only_does_not_take_anybody_out_of_the_excluded_segment(excluding):
    source = {**excluding.export["source"], "only": {"column": "FirstName", "is": [f"Name{n}" for n in range(10)]}}
    excluding.segment("CustomerId,EMail\nC-3,person3@example.com\n", name="Staff")
    excluding.change(source=source)
    exclude(excluding, ["Staff"])
    assert left_out(excluding, excluding.run()) == {"C-3"}


def test_excluded_segment_without_rows_excludes_nobody(excluding):
    excluding.segment(people(), name="Staff")
    exclude(excluding, ["Staff"])
    assert left_out(excluding, excluding.run()) == set()


def test_rows_of_the_excluded_segment_that_cannot_be_read_are_noted(excluding):
    excluding.segment(people(3) + "broken\nC-9,not an address,X\n", name="Staff")
    exclude(excluding, ["Staff"])
    status = excluding.run()
    assert status["contacts_left_out"] == {"excluded": 1}
    assert status["rows_rejected"] == {}
    (note,) = status["notes"]
    assert "2 rows of the excluded segments could not be read" in note


@pytest.mark.parametrize(
    "staff",
    [
        "CustomerId,EMail,FirstName\nC-3;person3@example.com;X\n",
        "CustomerId,EMail,FirstName\nC-3,no address,X\nC-4,neither,X\n",
        b"CustomerId,EMail,FirstName\nC-3,person3@example.com,\xc9va\n",
    ],
    ids=["delimiter", "column", "encoding"],
)
@pytest.mark.parametrize("how", ["run", "preview"])
def test_excluded_segment_of_which_no_row_can_be_read_sends_nothing(excluding, staff, how):
    excluding.segment(people(5), name="Press")
    excluding.segment(staff, name="Staff")
    exclude(excluding, ["Press", "Staff"])
    if how == "run":
        excluding.run_fails("exclude_unknown", "none of the", "rows of Staff", "exclude.segments")
        return
    with pytest.raises(ConfigurationError, match="none of the"):
        excluding.preview()


@pytest.mark.parametrize("cells", [["unknown"], ["person3@"], ["person3@example", "unknown"]])
def test_excluded_segment_whose_addresses_are_none_that_can_be_sent_excludes_nobody(excluding, cells):
    staff = "".join(f"C-{n},{cell},X\n" for n, cell in enumerate(cells))
    excluding.segment(f"CustomerId,EMail,FirstName\n{staff}", name="Staff")
    exclude(excluding, ["Staff"])
    status = excluding.run()
    assert (status["status"], status["contacts_left_out"]) == ("succeeded", {})
    (note,) = status["notes"]
    assert f"{len(cells)} rows of the excluded segments could not be read" in note


def test_excluded_segment_without_rows_or_without_addresses_excludes_nobody(excluding):
    excluding.segment("CustomerId,EMail,FirstName\n", name="Press")
    excluding.segment("CustomerId,EMail,FirstName\nC-3,,X\n", name="Staff")
    exclude(excluding, ["Press", "Staff"])
    assert left_out(excluding, excluding.run()) == set()


def test_address_that_stands_twice_is_left_out_once_and_rejected_once(excluding):
    excluding.segment(people(3) + "C-4,PERSON3@example.com,X\n")
    excluding.segment(people(3), name="Staff")
    exclude(excluding, ["Staff"])
    status = excluding.run()
    assert status["contacts_left_out"] == {"excluded": 1}
    assert status["rows_rejected"] == {"duplicate_email": 1}
    assert excluding.nothing_was_sent()


def test_excluded_rows_are_no_part_of_the_guard_on_rejected_rows(excluding):
    excluding.segment(people(*range(9)), name="Staff")
    excluding.change(max_rejected=0)
    exclude(excluding, ["Staff"])
    assert excluding.run()["contacts_left_out"] == {"excluded": 9}


def test_excluded_segment_that_is_not_there_fails_the_run(excluding):
    exclude(excluding, ["Staff"])
    excluding.run_fails("exclude_missing", "Staff", "exclude.segments")


def test_excluded_segment_that_model_json_does_not_know_fails_the_run(excluding):
    excluding.model_json({"name": "Gold"})
    exclude(excluding, ["Staff"])
    excluding.run_fails("exclude_missing", "Staff", "exclude.segments")


def test_excluded_segment_without_the_column_of_the_address_fails_the_run(excluding):
    excluding.segment("CustomerId,Mail\nC-3,person3@example.com\n", name="Staff")
    exclude(excluding, ["Staff"])
    excluding.run_fails("column_missing", "Staff_1.csv", "EMail")


def half_written(flow):
    """The excluded segment has one file of the two that model.json lists."""
    files = [f"Staff/{REFRESH}/Staff_{n}.csv" for n in (1, 2)]
    parts = [{"location": f"https://x.blob.core.windows.net/{flow.container}/{FOLDER}/{name}"} for name in files]
    attributes = [{"name": name} for name in ("CustomerId", "EMail", "FirstName")]
    flow.model_json(
        {"name": "Gold", "attributes": attributes}, {"name": "Staff", "attributes": attributes, "partitions": parts}
    )
    flow.segment(people(3), name="Staff")
    exclude(flow, ["Staff"])


def test_excluded_segment_that_is_not_whole_is_waited_for(excluding):
    half_written(excluding)
    run_id = excluding.start().run_id
    excluding.work_until(lambda: "Staff/2026/11/24/0500 lacks files" in (excluding.status(run_id)["waiting"] or ""))
    assert excluding.nothing_was_sent()


def test_excluded_segment_that_stays_incomplete_fails_the_run(make_flow):
    flow = make_flow(SNAPSHOT_COMPLETE_HOURS="0")
    flow.segment(people(*range(10)))
    half_written(flow)
    flow.run_fails("snapshot_incomplete", "Staff")


def test_gap_in_the_excluded_segments_files_stops_the_run_until_somebody_accepts_it(make_flow):
    flow = make_flow(SNAPSHOT_COMPLETE_HOURS="0")
    flow.segment(people(*range(10)))
    flow.segment(people(3), name="Staff")
    flow.segment(people(4), name="Staff", partition=3)
    exclude(flow, ["Staff"])
    flow.run_is_held("guard_gap_in_files", "Staff")
    assert left_out(flow, flow.run(accept=True)) == {"C-3", "C-4"}


@pytest.mark.parametrize("how", ["run", "preview"])
def test_customers_with_ids_are_excluded_by_their_address_and_by_their_id(by_customer, how):
    people = [f"C-{n} person{n}@example.com" for n in (1, 2, 3, 4)]
    by_customer.segment(rows(*people, "c-2 e@example.com"))
    staff = rows("X person1@example.com", "C-2 other@example.com")
    by_customer.segment(staff + "\u200bC-3\u00a0,,\n", name="Staff")
    by_customer.segment(rows("C-9 other@example.com", "C-4 other@example.com"), name="Press")
    exclude(by_customer, ["Staff", "Press"])
    if how == "preview":
        assert by_customer.preview()["contacts_left_out"] == {"excluded": 4}
        return
    status = by_customer.run()
    assert (status["contacts_left_out"], status["notes"][1:]) == ({"excluded": 4}, [])
    assert set(by_customer.sent()) == {"e@example.com"}


@pytest.mark.parametrize("address", ["none", "", "ana@"])
def test_customers_of_whose_excluded_rows_no_address_can_be_sent_are_excluded_by_their_id(by_customer, address):
    by_customer.segment(rows("C-1 ana@example.com", "C-2 ion@example.com", "C-3 eva@example.com"))
    by_customer.segment(f"CustomerId,EMail\nC-1,{address}\nC-2,{address}\n,unknown\n", name="Staff")
    exclude(by_customer, ["Staff"])
    status = by_customer.run()
    assert (status["contacts_left_out"], set(by_customer.sent())) == ({"excluded": 2}, {"eva@example.com"})
    assert "1 rows of the excluded segments could not be read" in status["notes"][-1]


def test_customer_is_excluded_by_a_former_id_too(by_customer):
    """The excluded segment was refreshed before profiles were merged."""
    people = "C-1 new@example.com C-7;C-8", "C-2 ion@example.com C-6", "C-3 eva@example.com"
    by_customer.segment(rows(*people, previous=True))
    by_customer.segment(rows("C-8 old@example.com"), name="Staff")
    exclude(by_customer, ["Staff"])
    assert by_customer.run()["contacts_left_out"] == {"excluded": 1}
    assert set(by_customer.sent()) == {"ion@example.com", "eva@example.com"}


def test_excluded_segment_without_customers_ids_excludes_by_addresses(by_customer):
    by_customer.segment(rows("C-1 ana@example.com", "C-2 ion@example.com"))
    by_customer.segment("EMail\nana@example.com\n", name="Staff")
    exclude(by_customer, ["Staff"])
    assert by_customer.run()["contacts_left_out"] == {"excluded": 1}


# A trial, and a preview


def test_trial_leaves_out_who_is_excluded(excluding):
    excluding.sandbox.seed(lists=[{"id": 99, "name": "Trials", "folderId": 1}])
    excluding.segment(people(0), name="Staff")
    exclude(excluding, ["Staff"])
    status = run_trial(excluding, customers=1)
    assert status["contacts_left_out"] == {"excluded": 1}
    assert set(excluding.sandbox.members(99)) == {address(1)}


def test_preview_counts_who_is_in_an_excluded_segment_and_says_that_lists_are_not_asked_for(excluding):
    excluding.segment(people(3), name="Staff")
    members(excluding, 4)
    exclude(excluding, ["Staff"], [OTHER])
    found = excluding.preview()
    assert found["contacts_left_out"] == {"excluded": 1}
    assert found["contacts_new"] == 9
    assert found["notes"] == [f"A preview does not ask who is in the excluded lists ({OTHER})."]
    assert excluding.sandbox.log.count(EXPORT) == 0


def test_who_is_excluded_no_more_is_sent_again_with_changes_only(following):
    following.change(sync_mode="changes_only")
    refresh(following, *range(6))
    run(following)
    following.segment("CustomerId,EMail,FirstName\nC-0,person0@example.com,Name0\n", name="Staff")
    following.change(exclude={"segments": ["Staff"]})
    refresh(following, *range(6))
    assert run(following)["contacts_left_out"] == {"excluded": 1}
    take_out(following, 0)
    following.change(exclude={})
    refresh(following, *range(6))
    assert counts(run(following)) == (1, 0, 5, 1)
    assert numbers(following) == set(range(6))


def test_run_that_would_send_somebody_who_was_excluded_when_it_was_approved_is_held_again(following):
    def staff(*numbers):
        following.segment(people(*numbers, 99), name="Staff", refresh=next(following.days))

    staff(1)
    refresh(following, *range(4))
    exclude(following, ["Staff"])
    run_id = following.finish(plan(following).run_id)["run_id"]
    staff()
    approved(following, run_id)
    again = following.finish(run_id)
    assert (again["status"], again["held_for"]["message"]) == (
        "held",
        "1 contact would be sent beyond what was approved: they were left out then.",
    )
