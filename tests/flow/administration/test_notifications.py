"""Notifications in a configuration that people change."""

import json

import pytest

from shared.access import AccessDenied
from shared.administration import exports
from shared.administration.items import ANY
from shared.administration.notifying import try_notifications
from tests.flow.administration.people import ADMINISTRATOR, CONTRIBUTOR, VIEWER, completed, notified, share, the_export
from tests.receiver import receiver


def test_change_of_a_connection_or_an_export_keeps_the_notifications(office):
    notified(office, office.export_id)
    before = office.app.document().notifications
    share(office, "contributor")
    changed = the_export(office, display_name="Silver")
    exports.save_export(office.app, ADMINISTRATOR, changed, ANY)
    exports.duplicate_export(office.app, ADMINISTRATOR, office.export_id, "copy")
    assert office.app.document().notifications == before


def test_removed_export_is_taken_out_of_the_notifications_that_name_it(office):
    exports.duplicate_export(office.app, ADMINISTRATOR, office.export_id, "copy")
    notified(office, office.export_id, "copy")
    exports.remove_export(office.app, ADMINISTRATOR, "copy", ANY)
    team, everybody = office.app.document().notifications
    assert team.exports == [office.export_id]
    assert everybody.exports == "all"
    exports.remove_export(office.app, ADMINISTRATOR, office.export_id, ANY)
    assert office.app.document().notifications[0].exports == []


def test_only_an_administrator_sends_a_test_to_the_receivers(office):
    notified(office)
    for who in (CONTRIBUTOR, VIEWER):
        with pytest.raises(AccessDenied):
            try_notifications(office.app, who)


def test_test_of_receivers_says_for_each_what_it_answers(office, typed, monkeypatch):
    assert typed("notify-test")[0] == 2, "there is none"
    notified(office)
    with receiver() as there:
        monkeypatch.setenv("SLACK_URL", f"{there.url}/services/s3cret")
        monkeypatch.setenv("TEAMS_URL", f"{there.url}/workflows/s3cret")
        status, output, _ = typed("notify-test")
        assert status == 0
        assert output.splitlines() == [
            "accepted  team (slack): The receiver has accepted it.",
            "accepted  everybody (teams): The receiver has accepted it.",
        ]
        assert b"Nothing has happened." in there.received[0].body
        assert there.received[1].json["attachments"]
        there.answers = [500]
        status, output, _ = typed("notify-test", "team")
        assert (status, output.split()[0], len(there.received)) == (1, "REFUSED", 3)
        assert "status 500. A test is not tried again by itself." in output
        assert "is tried again" not in output.replace("is not tried again", "")
        there.answers = [404, 202]
        status, output, _ = typed("notify-test", "--json")
        assert status == 2
        refused, accepted = json.loads(output)
        assert (refused["id"], refused["accepted"], accepted["accepted"]) == ("team", False, True)
        assert "put its address into SLACK_URL again" in refused["message"]
        assert "s3cret" not in output
    monkeypatch.delenv("SLACK_URL")
    status, output, _ = typed("notify-test", "team")
    assert (status, "The setting SLACK_URL is not set. Put the receiver's address into SLACK_URL." in output) == (
        2,
        True,
    )
    assert typed("notify-test", "nobody")[0] == 2
    assert completed("notify-test", "t") == ["team"]
    assert "try notifications" in typed("audit")[1]
