"""How segment files are named: partitions and their order, flat files, refresh folders, which segment a blob is of."""

from datetime import UTC, datetime

import pytest

from shared.errors import ConfigurationError
from shared.segments.layouts import dated_path, segment_of_blob, why_passed_over
from shared.segments.partitions import gaps, partitions_of
from shared.storage.blobs import Blob

NOW = datetime(2027, 3, 14, 22, 30, tzinfo=UTC)
SEGMENTS = ["Loyal", "Loyal_North"]
BELOW = "export/Loyal/2027/03/14/0500/"


def blobs(*files: str) -> list[Blob]:
    return [Blob(f"{BELOW}{file}", '"1"', 10, NOW) for file in files]


def order(*files: str) -> list[str]:
    return [partition.blob.file for partition in partitions_of("crm", "Loyal", BELOW, blobs(*files))]


# Partitions


@pytest.mark.parametrize(
    "files",
    [
        ("Loyal.csv",),
        ("Loyal_1.csv", "Loyal_2.csv.gz", "Loyal_10.csv"),
        ("Loyal_part-2-a.csv", "Loyal_part-10-a.csv", "Loyal_part-10-b.csv"),
        ("Loyal_0af1.csv", "Loyal_9e21.csv", "Loyal_c0de.csv"),
        ("Loyal_7b1c9a30-7a44-4a6e-9f10-000000000001.csv", "Loyal_8b1c9a30-7a44-4a6e-9f10-000000000001.csv"),
        ("LoyalCustomers_1.csv", "LoyalCustomers_2.csv"),
        ("Other_Table_1.csv", "Other_Table_2.csv"),
        ("Other.csv",),
    ],
)
def test_partitions_are_in_their_natural_order(files):
    assert order(*reversed(files)) == list(files)


@pytest.mark.parametrize(
    ("files", "odd", "others"),
    [
        (("Loyal_1.csv", "Lapsed_1.csv"), "Lapsed_1.csv", "Loyal_<id>.csv"),
        (("Lapsed_1.csv", "Lost_1.csv"), "Lost_1.csv", "Lapsed_<id>.csv"),
        (("Loyal_1.csv", "loyal_2.csv"), "loyal_2.csv", "Loyal_<id>.csv"),
        (("Loyal_1.csv", "Loyal_two.csv"), "Loyal_two.csv", "Loyal_<number>.csv"),
        (("Loyal_1.csv", "Loyal_1 (copy).csv"), "Loyal_1 (copy).csv", "Loyal_<id>.csv"),
    ],
)
def test_file_of_another_name_is_an_error_with_both_names(files, odd, others):
    with pytest.raises(ConfigurationError) as raised:
        order(*files)
    assert raised.value.code == "file_unexpected"
    assert f"/{odd} is not a partition of the segment Loyal" in raised.value.message
    assert others in raised.value.advice


@pytest.mark.parametrize("files", [("Loyal_3.csv", "Loyal_003.csv.gz"), ("Loyal_a.csv", "Loyal_a.csv.gz")])
def test_partition_that_is_there_twice_is_an_error_with_both_names(files):
    with pytest.raises(ConfigurationError, match=rf"is there twice: {files[0]} and {files[1]}") as raised:
        order(*files)
    assert raised.value.code == "partition_twice"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (("Loyal_1.csv", "Loyal_2.csv"), ()),
        (("Loyal_7.csv", "Loyal_8.csv"), ()),
        (("Loyal_1.csv", "Loyal_3.csv"), ("2",)),
        (("Loyal_2.csv", "Loyal_6.csv", "Loyal_8.csv"), ("3 to 5", "7")),
        (("Loyal_a.csv", "Loyal_c.csv"), ()),
        (("Loyal_a1.csv", "Loyal_a3.csv"), ()),
        (("LoyalCustomers_1.csv", "LoyalCustomers_3.csv"), ("2",)),
        (("Loyal_Customers_1.csv", "Loyal_Customers_3.csv"), ("2",)),
        (("Loyal_Customers_1.csv", "Loyal_Customers_2.csv"), ()),
        (("Loyal_East_1.csv", "Loyal_West_3.csv"), ()),
        ((), ()),
    ],
)
def test_numbers_without_a_file_are_gaps(files, expected):
    assert gaps(partitions_of("crm", "Loyal", BELOW, blobs(*files))) == expected


# Refreshes


@pytest.mark.parametrize("time", ["2027", "2027/03", "2027/03/14", "2027/03/15", "2027/03/15/2230", "2024/02/29/0000"])
def test_refresh_up_to_a_day_ahead_is_taken(time):
    assert why_passed_over(time, NOW) == ""


@pytest.mark.parametrize("time", ["2028", "2027/04", "2027/03/16", "2027/03/15/2231", "9999"])
def test_refresh_that_lies_more_than_a_day_ahead_is_passed_over(time):
    assert why_passed_over(time, NOW) == "is dated more than a day after it was written"


@pytest.mark.parametrize(
    "time", ["0000", "2026/00", "2026/13", "2026/02/30", "2025/02/29", "2026/02/28/2400", "2026/02/28/0960"]
)
def test_refresh_at_no_real_date_is_passed_over(time):
    assert why_passed_over(time, NOW) == "is no date"


def test_parts_of_a_path_are_its_last_ones():
    path = dated_path("x/2019/01/01/0000/Loyal/2027/03/14/0500/Loyal_1.csv")
    assert path is not None
    assert (path.folder, path.time, path.file) == ("Loyal", "2027/03/14/0500", "Loyal_1.csv")
    assert dated_path("x/Loyal_1.csv") is None


# Events


@pytest.mark.parametrize("folder", ["", "ci", "ci/Export", "lake/raw/ci/Export"])
@pytest.mark.parametrize(
    ("name", "segment"),
    [
        ("Loyal/2027/03/14/0500/Loyal_1.csv", "Loyal"),
        ("Loyal/2027/03/14/0500/Else_x.csv.gz", "Loyal"),
        ("Loyal_North/2027/03/14/0500/Loyal_North_1.csv", "Loyal_North"),
        ("CampaignExport_Loyal_1804999999.csv", "Loyal"),
        ("CampaignExport_Loyal_North_1804999999.csv.gz", "Loyal_North"),
        ("Loyal/2027/03/14/Loyal_1.csv", None),
        ("Loyal/2027/03/14/0500/deeper/Loyal_1.csv", None),
        ("Loyal/2027/03/14/0500/Loyal_1.parquet", None),
        ("Lost/2027/03/14/0500/Lost_1.csv", None),
        ("deeper/Loyal/2027/03/14/0500/Loyal_1.csv", None),
        ("Campaign_Export_Loyal_1804999999.csv", None),
        ("CampaignExport_Very_Loyal_1804999999.csv", None),
        ("CampaignExport_Loyal_18049999990.csv", None),
        ("CampaignExport_Loyal_18049999.csv", None),
        ("deeper/CampaignExport_Loyal_1804999999.csv", None),
        ("Loyal_1804999999.csv", None),
    ],
)
def test_blob_belongs_to_the_segment_that_its_path_names(folder, name, segment):
    assert segment_of_blob(f"{folder}/{name}" if folder else name, folder, SEGMENTS) == segment


@pytest.mark.parametrize(
    ("name", "segment"),
    [
        ("ci/Export_Loyal_1804999999.csv", "Loyal"),
        ("ci/Export_Loyal_North_1804999999.csv", "Loyal_North"),
        ("ci/Export_More_Loyal_1804999999.csv", None),
        ("ci/Else_Loyal_1804999999.csv", None),
    ],
)
def test_folder_that_ends_as_the_export_takes_its_flat_files_alone(name, segment):
    assert segment_of_blob(name, "ci/Export", SEGMENTS) == segment


def test_export_whose_name_has_underscores_is_found_where_the_folder_ends_as_it():
    assert segment_of_blob("ci/Campaign_Export_Loyal_1804999999.csv", "ci/Campaign_Export", SEGMENTS) == "Loyal"
