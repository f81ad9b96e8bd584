"""An export whose newest snapshot is older than what was sent before, of other segments."""

from shared.administration import exports
from shared.administration.items import ANY
from shared.runs.starting import start_due
from tests.flow.administration.people import ADMINISTRATOR, the_export, why


def silver(office, day):
    office.segment("CustomerId,EMail,FirstName\n3,eva@example.com,Eva\n", "Silver", refresh=f"2026/11/{day:02}/0500")


def test_older_snapshot_of_another_segment_is_not_said_to_be_exported(office):
    silver(office, 1)
    office.run()
    assert why(office) == "no_new_snapshot"
    exports.save_export(office.app, ADMINISTRATOR, the_export(office, segments=["Silver"]), ANY)
    assert why(office) == "snapshot_not_run"
    assert not [each for each in start_due(office.app) if each.is_new]
    office.run()
    assert why(office) == "no_new_snapshot"


def test_export_that_is_added_again_does_not_count_what_the_one_before_has_sent(office):
    silver(office, 1)
    office.run()
    exports.remove_export(office.app, ADMINISTRATOR, office.export_id, ANY)
    exports.save_export(office.app, ADMINISTRATOR, the_export(office, segments=["Silver"]), None)
    assert why(office) == "snapshot_not_run"
