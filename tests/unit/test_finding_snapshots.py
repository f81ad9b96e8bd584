"""The newest snapshot of segments, over storage that is a dictionary of names."""

import json
import re
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.config.source import Source
from shared.errors import ConfigurationError
from shared.segments.layouts import segment_of_blob
from shared.segments.snapshot import SegmentSnapshot, Snapshot, find_snapshot, odd_refreshes
from shared.storage.blobs import Blob

TODAY = datetime.now(UTC)
FOLDER = "ci/Export"
REFRESH = "Loyal/2026/03/14/0500"


class Names:
    """Storage with blobs of these names; counts the requests."""

    def __init__(self, *names: str, texts: dict[str, str] | None = None) -> None:
        self._texts = dict.fromkeys(names, "") | (texts or {})
        self.requests = 0

    def _blobs(self, prefix: str) -> list[Blob]:
        self.requests += 1
        return [
            Blob(name, f'"{name}"', len(text), TODAY - timedelta(hours=1))
            for name, text in sorted(self._texts.items())
            if name.startswith(prefix)
        ]

    def listing(self, container: str, prefix: str) -> list[Blob]:
        return self._blobs(prefix)

    def files(self, container: str, prefix: str) -> list[Blob]:
        return [blob for blob in self._blobs(prefix) if "/" not in blob.name[len(prefix) :]]

    def folders(self, container: str, prefix: str) -> list[str]:
        rests = [blob.name[len(prefix) :] for blob in self._blobs(prefix)]
        return list(dict.fromkeys(rest.split("/")[0] for rest in rests if "/" in rest))

    def chunks(self, container: str, name: str, etag: str) -> list[bytes]:
        return [self._texts[name].encode()]


def find(*names: str, folder: str = FOLDER, segments: tuple[str, ...] = ("Loyal",), **how: Any) -> Snapshot:
    blobs: Any = Names(*names, **how)
    return find_snapshot(blobs, Source(container="crm", folder=folder), list(segments))


def one(*names: str, **how: Any) -> SegmentSnapshot:
    [part] = find(*names, **how).segments
    return part


def found(*names: str, **how: Any) -> list[str]:
    return [file.blob.name for file in one(*names, **how).files]


def listing(*files: str, table: str = "Loyal") -> dict[str, str]:
    partitions = [{"location": f"https://account.blob.core.windows.net/crm/{FOLDER}/{file}"} for file in files]
    return {f"{FOLDER}/model.json": json.dumps({"entities": [{"name": table, "partitions": partitions}]})}


def refresh_at(moment: datetime) -> str:
    return f"Loyal/{moment:%Y/%m/%d/%H%M}"


# Layouts


@pytest.mark.parametrize("folder", ["/", "ci", "lake/raw/dynamics/ci/Export"])
def test_folder_of_any_depth_holds_the_segments(folder):
    below = "" if folder == "/" else f"{folder}/"
    names = [f"{below}{REFRESH}/Loyal_{number}.csv" for number in (1, 2, 10)]
    assert found(*names, folder=folder) == names


def test_files_may_be_called_otherwise_than_their_folder():
    names = [f"{FOLDER}/Faithful/2021/02/16/1433/LoyalCustomers_{part}.csv" for part in ("a2", "a10")]
    assert found(*names, segments=("Faithful",)) == names


def test_table_of_model_json_may_be_called_as_the_files():
    files = [f"{FOLDER}/{REFRESH}/LoyalCustomers_1.csv"]
    assert one(*files, texts=listing("elsewhere/x.csv", table="LoyalCustomers")).table is not None
    with pytest.raises(ConfigurationError, match=r"model\.json does not name it"):
        one(*files, texts=listing("elsewhere/x.csv", table="Lost"))


def test_newest_flat_file_is_taken():
    names = [f"ci/CampaignExport_Loyal_{seconds}.csv" for seconds in (1700000000, 1790000001, 1790000000)]
    part = one(*names, "ci/CampaignExport_Very_Loyal_1790000009.csv", "ci/else.csv", folder="ci")
    assert [file.blob.name for file in part.files] == [names[1]]
    assert part.time == "2026/09/21/1413"


def test_newest_flat_file_is_taken_where_the_folder_ends_as_the_export():
    names = ["ci/Campaign_Export_Loyal_1790000001.csv", "ci/Campaign_Loyal_1790000002.csv"]
    assert found(*names, folder="ci/Campaign_Export") == names[:1]
    assert found(*names, folder="ci/Campaign") == names[1:]


def test_two_exports_with_the_segment_in_one_folder_are_an_error_with_both():
    names = ["ci/One_Loyal_1790000001.csv", "ci/Two_Loyal_1790000002.csv"]
    with pytest.raises(ConfigurationError, match=f"{names[0]} and {names[1]}") as raised:
        one(*names, folder="ci")
    assert "source.folder" in raised.value.advice


def test_flat_file_that_is_there_twice_is_an_error():
    with pytest.raises(ConfigurationError, match="is there twice"):
        one("ci/E_Loyal_1790000001.csv", "ci/E_Loyal_1790000001.csv.gz", folder="ci")


def test_flat_file_has_the_format_that_model_json_says_of_it():
    partitions = [
        {
            "location": f"https://account.blob.core.windows.net/crm/ci/Export_Loyal_{seconds}.csv",
            "fileFormatSettings": {"columnHeaders": has_header, "delimiter": sign},
        }
        for seconds, has_header, sign in ((1790000000, True, ","), (1790000001, False, ";"))
    ]
    texts = {"ci/model.json": json.dumps({"entities": [{"name": "Loyal", "partitions": partitions}]})}
    for seconds, form in ((1790000000, (True, ",")), (1790000001, (False, ";"))):
        [file] = one(f"ci/Export_Loyal_{seconds}.csv.gz", folder="ci", texts=texts).files
        assert file.table and (file.table.has_header, file.table.delimiter) == form


def test_layouts_of_the_page_are_read_as_it_says():
    page = (Path(__file__).parents[2] / "docs/configure.md").read_text(encoding="utf-8")
    table = page[page.index("| a file in the container |") :].split("\n\n")[0]
    rows = [re.findall("`([^`]+)`", line) for line in table.splitlines()[2:]]
    assert len(rows) > 5
    for name, folder, segment in rows:
        assert found(name, folder=folder, segments=(segment,)) == [name]
        assert segment_of_blob(name, folder.strip("/"), [segment]) == segment


# Whole snapshots


def test_files_that_model_json_lists_and_that_are_not_there_are_missing():
    listed = listing(*(f"{REFRESH}/Loyal_{number}.csv" for number in (1, 2, 3, 3)))
    part = one(f"{FOLDER}/{REFRESH}/Loyal_1.csv", f"{FOLDER}/{REFRESH}/Loyal_2.csv.gz", texts=listed)
    assert part.missing == ("Loyal_3.csv",)
    assert [file.name for file in part.files] == ["Loyal_1.csv", "Loyal_2.csv.gz"]


def test_refresh_that_model_json_lists_is_missing_where_none_of_its_files_is_there():
    part = one(f"{FOLDER}/{REFRESH}/Loyal_1.csv", texts=listing("Loyal/2026/03/15/0500/Loyal_1.csv"))
    assert (part.time, part.files, part.missing) == ("2026/03/15/0500", (), ("Loyal_1.csv",))


def test_model_json_of_an_older_refresh_says_nothing_of_the_newest():
    part = one(f"{FOLDER}/{REFRESH}/Loyal_1.csv", texts=listing("Loyal/2026/03/13/0500/Loyal_9.csv"))
    assert (part.time, part.missing) == ("2026/03/14/0500", ())


def test_numbers_without_a_file_are_gaps_unless_model_json_lists_the_files():
    names = [f"{FOLDER}/{REFRESH}/Loyal_{number}.csv" for number in (1, 4)]
    assert one(*names).gaps == ("2 to 3",)
    assert one(*names, texts=listing("Loyal/2026/03/13/0500/Loyal_1.csv")).gaps == ("2 to 3",)
    assert one(*names, texts=listing(f"{REFRESH}/Loyal_1.csv", f"{REFRESH}/Loyal_4.csv")).gaps == ()


@pytest.mark.parametrize("other", ["Loyal_1.parquet", "part-0.avro", "_SUCCESS"])
def test_newest_refresh_without_csv_files_is_not_passed_over(other):
    part = one(f"{FOLDER}/Loyal/2026/03/13/0500/Loyal_1.csv", f"{FOLDER}/{REFRESH}/{other}")
    assert (part.time, part.files, part.unreadable) == ("2026/03/14/0500", (), (other,))


@pytest.mark.parametrize(
    ("other", "unreadable"), [("Loyal_2.parquet", True), ("Loyal_2.CSV", True), ("_SUCCESS", False), ("read.me", False)]
)
def test_file_that_is_called_as_a_partition_must_be_readable(other, unreadable):
    part = one(f"{FOLDER}/{REFRESH}/Loyal_1.csv", f"{FOLDER}/{REFRESH}/{other}")
    assert part.unreadable == ((other,) if unreadable else ())


def test_file_that_model_json_lists_must_be_readable():
    listed = listing(f"{REFRESH}/Loyal_1.csv", f"{REFRESH}/data.parquet")
    part = one(f"{FOLDER}/{REFRESH}/Loyal_1.csv", f"{FOLDER}/{REFRESH}/data.parquet", texts=listed)
    assert (part.missing, part.unreadable) == ((), ("data.parquet",))


def test_what_is_missing_is_part_of_the_snapshots_identity():
    name = f"{FOLDER}/{REFRESH}/Loyal_1.csv"
    assert find(name).id == find(name, texts=listing(f"{REFRESH}/Loyal_1.csv")).id
    assert find(name).id != find(name, texts=listing(f"{REFRESH}/Loyal_1.csv", f"{REFRESH}/Loyal_2.csv")).id


@pytest.mark.parametrize("hidden", ["_temporary/0/task_1/Loyal_2.csv", ".tmp/Loyal_1.csv", "_temporary"])
def test_what_a_tool_writes_for_itself_is_no_partition(hidden):
    file = f"{FOLDER}/{REFRESH}/Loyal_1.csv"
    assert found(file, f"{FOLDER}/{REFRESH}/{hidden}") == [file]
    earlier = f"{FOLDER}/Loyal/2026/03/13/0500/Loyal_1.csv"
    assert one(earlier, f"{FOLDER}/{REFRESH}/{hidden}").time == "2026/03/13/0500"


def test_refresh_has_no_rest_while_a_tool_still_writes_for_itself():
    files = {f"{FOLDER}/{RIGHT}/Loyal_1.csv": "", f"{FOLDER}/{RIGHT}/_temporary/0/Loyal_2.csv": ""}
    blobs: Any = Written({"_temporary": TODAY, RIGHT: TODAY - timedelta(hours=2)}, texts=files)
    assert find_snapshot(blobs, SOURCE, ["Loyal"]).newest == TODAY


@pytest.mark.parametrize("others", [[], ["Loyal_1.csv"]])
def test_csv_file_that_lies_deeper_than_the_refreshs_folder_is_an_error_with_its_path(others):
    names = [f"{FOLDER}/{REFRESH}/{name}" for name in ["archive/Loyal_2.csv", *others]]
    with pytest.raises(ConfigurationError, match=f"{REFRESH}/archive/Loyal_2.csv is not a partition") as raised:
        find(*names)
    assert raised.value.code == "file_unexpected"


def test_folder_whose_files_were_deleted_is_no_refresh():
    class WithEmptyFolder(Names):
        def folders(self, container: str, prefix: str) -> list[str]:
            return [*super().folders(container, prefix), *(["0900"] if prefix.endswith("/2026/03/14/") else [])]

    blobs: Any = WithEmptyFolder(f"{FOLDER}/{REFRESH}/Loyal_1.csv")
    [part] = find_snapshot(blobs, Source(container="crm", folder=FOLDER), ["Loyal"]).segments
    assert part.time == "2026/03/14/0500"


# Folders that can be no refresh


@pytest.mark.parametrize("time", ["2026/13/01/0500", "2026/03/32/0500", "2026/03/14/2460", "9999/01/01/0000"])
@pytest.mark.parametrize("in_model_json", [False, True])
def test_folder_that_can_be_no_refresh_is_passed_over_and_told(time, in_model_json):
    real, unreal = f"{FOLDER}/{REFRESH}/Loyal_1.csv", f"Loyal/{time}/Loyal_1.csv"
    texts = listing(unreal) if in_model_json else {f"{FOLDER}/{unreal}": ""}
    snapshot = find(real, texts=texts)
    assert [file.blob.name for part in snapshot.segments for file in part.files] == [real]
    [told] = snapshot.passed_over
    assert told.startswith(f"Loyal/{time[:4]}")
    assert told.endswith("is dated more than a day after it was written" if time.startswith("9999") else "is no date")


def test_refresh_up_to_a_day_ahead_is_taken_and_a_later_one_is_not():
    near = f"{FOLDER}/{refresh_at(TODAY + timedelta(hours=23))}/Loyal_1.csv"
    far = f"{FOLDER}/{refresh_at(TODAY + timedelta(hours=26))}/Loyal_1.csv"
    snapshot = find(near, far)
    assert [file.blob.name for file in snapshot.segments[0].files] == [near]
    assert len(snapshot.passed_over) == 1


class Written(Names):
    """Each blob was written when `written` says, by the beginning of its name below the folder."""

    def __init__(self, written: dict[str, datetime], **how: Any) -> None:
        super().__init__(*(f"{FOLDER}/{refresh}/Loyal_1.csv" for refresh in written), **how)
        self._written = written

    def _blobs(self, prefix: str) -> list[Blob]:
        return [
            replace(blob, modified=next((at for name, at in self._written.items() if name in blob.name), blob.modified))
            for blob in super()._blobs(prefix)
        ]


MONTH_AGO = TODAY - timedelta(days=30)
WRONGLY_DATED, RIGHT = refresh_at(TODAY - timedelta(hours=2)), refresh_at(TODAY - timedelta(days=1))
SOURCE = Source(container="crm", folder=FOLDER)


def test_folder_that_a_wrong_clock_named_hides_no_newer_refresh_once_its_time_has_come():
    blobs: Any = Written({WRONGLY_DATED: MONTH_AGO, RIGHT: TODAY - timedelta(days=1)})
    snapshot = find_snapshot(blobs, SOURCE, ["Loyal"])
    assert f"Loyal/{snapshot.segments[0].time}" == RIGHT
    assert snapshot.passed_over == (f"{WRONGLY_DATED} is dated more than a day after it was written",)
    assert odd_refreshes(blobs, SOURCE, ["Loyal"]) == list(snapshot.passed_over)


def test_refresh_that_an_old_model_json_lists_for_today_hides_no_newer_one():
    blobs: Any = Written({RIGHT: TODAY, "model.json": MONTH_AGO}, texts=listing(f"{WRONGLY_DATED}/Loyal_1.csv"))
    assert f"Loyal/{find_snapshot(blobs, SOURCE, ['Loyal']).segments[0].time}" == RIGHT


def test_clock_of_the_worker_decides_nothing_about_refreshes():
    next_year = TODAY + timedelta(days=400)
    blobs: Any = Written({refresh_at(next_year): next_year, RIGHT: TODAY})
    assert f"Loyal/{find_snapshot(blobs, SOURCE, ['Loyal']).segments[0].time}" == refresh_at(next_year)


def test_refresh_that_is_dated_before_an_older_one_is_told_as_hidden():
    near = refresh_at(TODAY + timedelta(hours=20))
    blobs: Any = Written({near: TODAY, refresh_at(TODAY): TODAY + timedelta(hours=1)})
    assert odd_refreshes(blobs, SOURCE, ["Loyal"]) == [
        f"{refresh_at(TODAY)} was written after {near}, and is dated before it"
    ]


@pytest.mark.parametrize(("minutes", "is_hidden"), [(5, True), (-5, False)])
def test_flat_file_that_is_newer_than_the_segments_folder_is_reported_as_hidden(minutes, is_hidden):
    flat, at = "Campaign_Loyal_1790000000.csv", TODAY + timedelta(minutes=minutes)
    blobs: Any = Written({refresh_at(TODAY): TODAY, flat: at}, texts={f"{FOLDER}/{flat}": ""})
    text = f"{flat} was written after {refresh_at(TODAY)}, whose folder hides flat files"
    assert odd_refreshes(blobs, SOURCE, ["Loyal"]) == ([text] if is_hidden else [])


def test_refreshes_in_their_order_are_not_odd():
    blobs: Any = Written({RIGHT: TODAY - timedelta(days=1), refresh_at(TODAY): TODAY})
    assert odd_refreshes(blobs, SOURCE, ["Loyal"]) == []


def test_flat_file_of_a_time_to_come_is_passed_over_and_told():
    names = ["ci/E_Loyal_1790000001.csv", "ci/E_Loyal_9790000001.csv"]
    snapshot = find(*names, folder="ci")
    assert [file.blob.name for file in snapshot.segments[0].files] == names[:1]
    assert snapshot.passed_over == ("E_Loyal_9790000001.csv is dated more than a day after it was written",)


def test_segment_that_has_only_such_folders_has_no_snapshot_and_they_are_told():
    with pytest.raises(
        ConfigurationError, match=r"no snapshot of the segment Loyal .* Loyal/2026/13 is no date"
    ) as raised:
        one(f"{FOLDER}/Loyal/2026/13/01/0500/Loyal_1.csv")
    assert raised.value.code == "snapshot_missing"


# Large snapshots


@pytest.mark.full
def test_eighteen_thousand_partitions_are_found_in_a_moment():
    names = [f"{FOLDER}/{REFRESH}/Loyal_{number}.csv" for number in range(1, 18_001)]
    texts = listing(*(f"{REFRESH}/Loyal_{number}.csv" for number in range(1, 18_001)))
    blobs: Any = Names(*names, texts=texts)
    began = time.process_time()
    snapshot = find_snapshot(blobs, Source(container="crm", folder=FOLDER), ["Loyal"])
    assert time.process_time() - began < 5
    assert [file.blob.name for file in snapshot.segments[0].files] == names
    assert blobs.requests < 10
