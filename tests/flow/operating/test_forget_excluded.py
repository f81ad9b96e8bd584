"""Somebody is forgotten who is in an excluded segment: runs read its file, and Customer Insights writes it."""

import json

import pytest

from tests.flow.operating.tools import ANA, HEAD


@pytest.fixture
def office(office_in_memory):
    return office_in_memory


def exclude_staff(office):
    office.export["exclude"] = {"segments": ["Staff"]}
    location = office.app.settings.export_config.split("/")
    document = {"connections": office.connections, "exports": office.exports}
    office.app.storage.app_blobs.write(*location, json.dumps(document).encode())


def test_excluded_segment_that_still_has_the_person_is_named(office, typed):
    office.segment(f"{HEAD}C-2,ion@example.com,Ion\n")
    office.segment(f"{HEAD}C-1,{ANA},Ana\n", name="Staff")
    exclude_staff(office)
    status, output, _ = typed("forget", ANA)
    assert status == 0
    [line] = [line for line in output.splitlines() if line.startswith("remains   segments:")]
    assert "/Staff_1.csv, an excluded segment, which Customer Insights writes" in line
    assert "sends them again" not in line


def test_excluded_segment_that_is_not_there_is_no_fault_of_the_search(office, typed):
    office.segment(f"{HEAD}C-2,ion@example.com,Ion\n")
    exclude_staff(office)
    assert "Nothing of this person is stored" in typed("forget", ANA)[1]
