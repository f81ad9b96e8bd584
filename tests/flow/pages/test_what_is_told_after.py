"""What pages say of what is done, or is to be done, is what becomes of it."""

from shared.administration.connections import disconnect
from shared.administration.exports import save_export
from shared.administration.items import ANY
from shared.administration.running import approve_run
from shared.config.models import Export
from tests.flow.trials import ADMINISTRATOR


def test_restored_version_says_what_it_takes_back_who_stays_in_a_list_and_where_consent_is_missing(browser):
    flow = browser.flow
    flow.sandbox.seed(lists=[{"id": 14, "name": "Other", "folderId": 1}])
    moved = Export.model_validate({**flow.export, "list_id": 14})
    save_export(flow.app, ADMINISTRATOR, moved, ANY)
    flow.run()
    version = browser.open("/history").hidden("version")
    disconnect(flow.app, ADMINISTRATOR, "brevo-eu", ANY)
    page = browser.send("/history/restore", page="/history", version=version)
    assert page.status == 200, page.text
    for words in (
        "The older configuration is back. Nothing was sent.",
        f"export {flow.export_id}: is as it was (list_id)",
        f"{flow.export_id}: the 2 contacts that it has put into list 14 stay there",
        "The connection brevo-eu has no consent",
    ):
        assert words in page.text


def test_export_that_is_removed_without_members_does_not_say_that_they_stay(browser):
    flow = browser.flow
    flow.run()
    path = f"/exports/{flow.export_id}/remove"
    run_id = browser.send(path, members="remove").to.rpartition("/")[2]
    flow.finish(run_id)
    approve_run(flow.app, ADMINISTRATOR, run_id)
    assert flow.finish(run_id)["status"] == "succeeded"
    text = browser.open(browser.send(path, members="remove").to).text
    assert "Removed. Nobody whom it had put there is left in the list, but whom another" in text
    assert "stay in Brevo" not in text


def test_run_that_would_end_a_removal_of_members_says_so_and_not_that_a_plan_waits(browser):
    flow = browser.flow
    flow.run()
    run_id = browser.send(f"/exports/{flow.export_id}/remove", members="remove").to.rpartition("/")[2]
    assert flow.finish(run_id)["status"] == "held"
    text = browser.send(f"/exports/{flow.export_id}/run", page=f"/exports/{flow.export_id}").text
    assert "Removal of members: waits for approval. Running the export ends it" in text
    assert "plan" not in text.lower()
    assert "What waits for approval ends by it." in browser.open("/").text
