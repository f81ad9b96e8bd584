"""What an account and storage have, for somebody who sets up an export."""

import json

import pytest

from shared.access import AccessDenied
from shared.administration import account, exports, stored_segments
from shared.administration.items import ANY
from shared.administration.stored_segments import OWN_CONTAINERS
from shared.brevo.account_lists import AccountList
from shared.errors import ConfigurationError
from shared.storage.failures import Conflict
from tests.flow.administration.people import ADMINISTRATOR, CONTRIBUTOR, VIEWER, code_of, share


def folder_of(office):
    return office.export["source"]["folder"]


def found(office, caller=VIEWER, container=None, **page):
    return stored_segments.list_segments(office.app, caller, container or office.container, **page)


# Lists and attributes


def test_lists_of_the_account_come_with_numbers_and_members_in_pages(office):
    for number in range(120):
        office.sandbox.account.add_list(f"List {number}")
    seen, after, pages = [], "", 0
    while pages == 0 or after:
        page, after = account.list_lists(office.app, ADMINISTRATOR, "brevo-eu", limit=60, after=after)
        seen, pages = [*seen, *page], pages + 1
    assert pages == 3
    assert seen[:2] == [AccountList(12, "High-value customers", 1, 0), AccountList(13, "Newsletter", 1, 4)]
    assert [each.id for each in seen] == sorted(office.sandbox.account.lists)


def test_page_that_ends_with_the_last_list_is_the_last(office):
    page, after = account.list_lists(office.app, ADMINISTRATOR, "brevo-eu", limit=2)
    assert (len(page), after) == (2, "")


def test_attributes_of_the_account_come_with_types_and_options(office):
    listed, _ = account.list_attributes(office.app, ADMINISTRATOR, "brevo-eu", limit=200)
    by_name = {each.name: each for each in listed}
    assert list(by_name) == sorted(by_name)
    assert (by_name["BIRTHDAY"].type, by_name["SMS"].type) == ("date", "phone")
    assert by_name["LOYALTY_TIER"].type == "category"
    assert by_name["EXT_ID"].type == "read_only", "no mapping may fill it"
    assert by_name["LOYALTY_TIER"].options[:3] == ["Bronze", "Silver", "Gold"]
    first, after = account.list_attributes(office.app, ADMINISTRATOR, "brevo-eu", limit=1)
    second, _ = account.list_attributes(office.app, ADMINISTRATOR, "brevo-eu", limit=1, after=after)
    assert [*first, *second] == listed[:2]


@pytest.mark.parametrize("look", [account.list_lists, account.list_attributes])
def test_account_is_looked_into_by_who_may_see_its_connection(office, look):
    assert code_of(look, office.app, ADMINISTRATOR, "nowhere", limit=1) == "connection_unknown"
    with pytest.raises(AccessDenied):
        look(office.app, CONTRIBUTOR, "brevo-eu", limit=1)
    share(office, "contributor")
    assert look(office.app, CONTRIBUTOR, "brevo-eu", limit=1)[0]
    with pytest.raises(AccessDenied):
        look(office.app, VIEWER, "brevo-eu", limit=1)


# Segments


def test_segment_comes_with_its_snapshot_columns_mapping_and_the_rows_of_its_run(office):
    (before,), _ = found(office)
    assert (before.segment, before.folder, before.rows) == ("Gold", folder_of(office), None)
    run = office.run()
    (seen,), more = found(office)
    assert (seen.snapshot, seen.files, seen.rows, more) == (run["snapshot"], 1, 2, "")
    assert seen.columns == ["CustomerId", "EMail", "FirstName"]
    assert (seen.proposed_mapping.email, seen.proposed_mapping.first_name) == ("EMail", "FirstName")
    assert (seen.exports, seen.problem) == ([office.export_id], None)
    office.segment("CustomerId,EMail\n3,eva@example.com\n", refresh="2026/11/25/0500")
    (newer,), _ = found(office)
    assert (newer.rows, newer.columns) == (None, ["CustomerId", "EMail"]), "no run has read this one"


def test_rows_of_a_segment_are_known_where_a_run_has_read_it_with_others(office):
    office.segment("CustomerId,EMail,FirstName\n3,eva@example.com,Eva\n", name="Silver")
    document = office.app.configuration.read()
    both = document.exports[0].model_copy(update={"segments": ["Gold", "Silver"]})
    office.app.configuration.change("ana", "both", lambda now: now.model_copy(update={"exports": [both]}))
    office.run()
    assert {each.segment: each.rows for each in found(office)[0]} == {"Gold": 2, "Silver": 1}
    office.app.storage.segment_blobs.delete_below(office.container, f"{folder_of(office)}/Silver")
    (gold,), _ = found(office)
    assert (gold.rows, gold.problem) == (None, None), "the export's other segment is gone"


@pytest.mark.parametrize("lost", ["Silver_1.csv", "model.json"])
def test_segment_that_is_written_at_this_moment_hides_no_other_one(office, monkeypatch, lost):
    office.app.storage.segment_blobs.write(office.container, "Other/Silver/2026/11/24/0500/Silver_1.csv", b"EMail\n")
    office.app.storage.segment_blobs.write(office.container, "Other/model.json", b'{"entities": [{"name": "Silver"}]}')
    chunks = type(office.app.storage.segment_blobs).chunks

    def written(self, container, name, *more):
        if name.endswith(lost):
            raise Conflict(name)
        return chunks(self, container, name, *more)

    monkeypatch.setattr(type(office.app.storage.segment_blobs), "chunks", written)
    gold, silver = found(office)[0]
    assert (gold.segment, gold.problem) == ("Gold", None)
    assert (silver.segment, silver.columns) == ("Silver", [])
    assert silver.problem == "Its files are being written now: look again in a moment."


def test_every_layout_and_depth_is_found_and_nothing_else(office):
    put = office.app.storage.segment_blobs.write
    rows = b"CustomerId,EMail\n1,ana@example.com\n"
    put(office.container, "Top/2026/11/24/0500/Top_1.csv", rows)
    put(office.container, "flat/One_Big_Spenders_1764000000.csv", rows)
    put(office.container, "flat/One_Twice_1764000000.csv", rows)
    put(office.container, "flat/Two_Twice_1764000000.csv", rows)
    put(office.container, "other/notes.txt", b"x")
    listed, _ = found(office)
    assert [(each.folder, each.segment) for each in listed] == [
        ("/", "Top"),
        (folder_of(office), "Gold"),
        ("flat", "Big_Spenders"),
        ("flat/One", "Twice"),
        ("flat/Two", "Twice"),
    ]
    for folder in ("", folder_of(office), "flat", "flat/One", "flat/Two", "other", "nowhere"):
        beside = stored_segments.segments_found(office.app, VIEWER, office.container, folder)
        assert [each.listed for each in beside] == [each for each in listed if each.folder.strip("/") == folder]
    assert {each.problem for each in listed} == {None}
    assert all(each.columns[0] == "CustomerId" for each in listed)
    page, after = found(office, limit=2)
    assert [each.segment for each in [*page, *found(office, limit=10, after=after)[0]]] == [
        each.segment for each in listed
    ]


def test_all_containers_are_looked_through_but_the_app_s_own(office, monkeypatch):
    office.run()
    put = office.app.storage.segment_blobs.write
    put("second", "A/2026/11/24/0500/A_1.csv", b"CustomerId,EMail\n")
    put("azure-webjobs-hosts", "B/2026/11/24/0500/B_1.csv", b"CustomerId,EMail\n")
    for own in OWN_CONTAINERS:
        put(own, "C/2026/11/24/0500/C_1.csv", b"CustomerId,EMail\n")
    listed, _ = stored_segments.list_segments(office.app, VIEWER)
    assert {each.segment for each in listed} == {"Gold", "A"}

    def denied():
        raise ConfigurationError("storage_denied", "Storage denied access to the account's containers.")

    monkeypatch.setattr(office.app.storage.segment_blobs, "containers", denied)
    listed, _ = stored_segments.list_segments(office.app, VIEWER)
    assert {each.segment for each in listed} == {"Gold"}, "of the containers that exports name"
    exports.remove_export(office.app, ADMINISTRATOR, office.export_id, ANY)
    assert code_of(stored_segments.list_segments, office.app, VIEWER) == "containers_hidden"


@pytest.mark.parametrize("row", ["C-1,ana.pop@example.com,Ana", "Ana,Pop,Cluj", "C-17,,Ana,Pop,Email", "Mobile,Pop"])
def test_first_row_that_is_no_header_is_not_shown(office, row):
    office.segment(f"{row}\n", refresh="2026/11/25/0500")
    (seen,), _ = found(office)
    assert (seen.columns, seen.proposed_mapping) == ([], None)
    assert "first row" in seen.problem


@pytest.mark.parametrize("header", ["Mail", "Vorname,Mail,Punkte", "CustomerId,Points"])
def test_header_without_a_customer_id_is_known_by_its_columns(office, header):
    office.segment(f"{header}\n", refresh="2026/11/25/0500")
    (seen,), _ = found(office)
    assert seen.columns == header.split(",")


@pytest.mark.parametrize("delimiter", [";", "\t", "|"], ids=repr)
def test_other_delimiter_is_seen_and_said(office, delimiter):
    office.segment(delimiter.join(("CustomerId", "E-Mail")) + "\n", refresh="2026/11/25/0500")
    (seen,), _ = found(office)
    assert (seen.columns, seen.proposed_mapping.email) == (["CustomerId", "E-Mail"], "E-Mail")
    assert seen.problem == f"Its files are separated by {delimiter!r}: set source.delimiter."


def test_columns_of_model_json_are_shown_where_the_file_has_no_header(office):
    columns = [{"name": name} for name in ("CustomerId", "Courriel")]
    office.model_json({"name": "Gold", "attributes": columns})
    office.segment("C-1,ana.pop@example.com\n", refresh="2026/11/25/0500")
    (seen,), _ = found(office)
    assert (seen.columns, seen.proposed_mapping.email) == (["CustomerId", "Courriel"], "Courriel")


def test_segment_that_a_run_could_not_take_says_why(office):
    office.segment(b"", name="Bad name?", refresh="2026/11/24/0500")
    office.segment("", name="Empty")
    seen = {each.segment: each for each in found(office)[0]}
    assert "takes no folder or segment of this name" in seen["Bad name?"].problem
    assert seen["Empty"].columns == []


@pytest.mark.parametrize("container", ["nowhere", "No container!", "a" * 64])
def test_container_that_is_not_there_is_one_clear_line(office, container):
    assert code_of(stored_segments.list_segments, office.app, VIEWER, container) == "container_missing"


def test_container_with_too_many_folders_is_refused_instead_of_half_listed(office, monkeypatch):
    monkeypatch.setattr("shared.segments.inventory._MOST_FOLDERS", 3)
    for number in range(4):
        office.segment("CustomerId,EMail\n", name=f"S{number}")
    assert code_of(stored_segments.list_segments, office.app, VIEWER, office.container) == "container_too_large"


# The terminal


def test_terminal_shows_no_control_characters_of_names(office, typed):
    office.sandbox.account.add_list("Bad\x1b[2J\u202elist", number=99)
    office.segment("CustomerId,EMail,A\u202eB\n", refresh="2026/11/25/0500")
    office.segment("CustomerId,EMail\n", name="Odd\x1b[2J")
    for text in (typed("lists", "brevo-eu")[1], typed("segments", office.container)[1]):
        assert "\x1b" not in text
        assert "\u202e" not in text
    assert "Bad[2Jlist" in typed("lists", "brevo-eu")[1]


def test_terminal_lists_what_the_api_lists(office, typed):
    office.run()
    assert "12    2         High-value customers\n" in typed("lists", "brevo-eu")[1]
    assert "There are more: --after 1" in typed("lists", "brevo-eu", "--limit", "1")[1]
    assert json.loads(typed("lists", "brevo-eu", "--limit", "1", "--after", "1", "--json")[1])[0]["id"] == 13
    assert "LOYALTY_TIER" in typed("attributes", "brevo-eu")[1]
    status, text, _ = typed("segments", office.container)
    assert status == 0
    for words in ("Gold\n", "2 rows", "CustomerId, EMail, FirstName", "email: EMail", office.export_id):
        assert words in text
    assert "ana@example.com" not in text
    assert max(map(len, text.splitlines())) <= 80
    (seen,) = json.loads(typed("segments", office.container, "--json")[1])
    assert seen["proposed_mapping"]["email"] == "EMail"
    assert typed("segments", "nowhere")[0] == 2
