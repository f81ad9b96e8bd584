"""Somebody saves an export while a run of it is under way."""

import pytest

from shared.administration import connections, exports, running
from shared.administration.items import ANY
from tests.flow.administration.people import ADMINISTRATOR, connection_of, the_export


@pytest.mark.parametrize("what", ["list", "key"])
@pytest.mark.parametrize("kind", ["plan", "verify"])
def test_run_that_waits_shows_nothing_of_another_list_or_account(office, monkeypatch, what, kind):
    office.sandbox.seed(lists=[{"id": 14, "name": "Other", "folderId": 1}])
    begin = running.start_plan if kind == "plan" else running.verify_export
    start = begin(office.app, ADMINISTRATOR, office.export_id, "http")
    if what == "list":
        exports.save_export(office.app, ADMINISTRATOR, the_export(office, list_id=14), ANY)
    else:
        monkeypatch.setenv("BREVO_API_KEY_NEW", office.sandbox.api_key)
        changed = connection_of(office, api_key={"setting": "BREVO_API_KEY_NEW"})
        connections.save_connection(office.app, ADMINISTRATOR, changed, ANY)
    requests = len(office.sandbox.log.entries())
    status = office.finish(start.run_id)
    assert (status["status"], status["error"]["code"]) == ("failed", "export_changed"), status
    assert (status["list_id"], status["list_name"], len(office.sandbox.log.entries())) == (12, None, requests)
