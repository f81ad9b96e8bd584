"""What is kept of people is what the guide says, for the record of processing activities."""

import re

import duckdb

from shared.runs.answers import LEAVERS
from shared.sync.stored import LEDGERS, UNDO
from tests.documented import ROOT
from tests.flow.following import put_by_others, refresh, run

# What a column of a file is, in the guide's words.
WORDS = {"number": "Brevo's contact numbers", "blocked": "blocked", "ours": "", "high": "digests", "low": "digests"}


def row_of(container):
    guide = (ROOT / "docs/operate.md").read_text(encoding="utf-8")
    (row,) = re.findall(rf"^\| `{container}` \|.*$", guide, re.MULTILINE)
    return row


def test_guide_names_all_that_a_mirror_keeps_of_people(following, tmp_path):
    """Also of those whom it has not put into its list."""
    following.change(sync_mode="mirror", max_removed=1)
    refresh(following, *range(4))
    run(following)
    put_by_others(following, 50)
    refresh(following, *range(1, 4))
    run(following)
    blobs, found = following.app.storage.app_blobs, set()
    for container in (LEAVERS, LEDGERS, UNDO):
        for blob in blobs.listing_if_there(container, f"{following.account}/"):
            if blob.name.endswith(".parquet"):
                path = tmp_path / "kept.parquet"
                path.write_bytes(blobs.read(container, blob.name))
                columns = duckdb.sql(f"FROM '{path}'").columns
                found |= {(container, WORDS.get(column, "")) for column in columns}
    assert (LEAVERS, "Brevo's contact numbers") in found
    assert {(container, words) for container, words in found if words not in row_of(container)} == set()
