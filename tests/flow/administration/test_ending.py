"""An export ends: its members stay, and anyone who asks learns how many; or a run takes them out of the list first."""

import json

import pytest

from shared.access import AccessDenied
from shared.administration import exports, running
from shared.administration.audit import read_audit
from shared.administration.ending import take_members_out
from shared.administration.items import ANY
from shared.errors import ConfigurationError
from shared.sync.stored import LEDGERS
from tests.flow.administration.people import ADMINISTRATOR, CONTRIBUTOR, VIEWER, code_of, completed, share, the_export
from tests.flow.asking import ROUTES
from tests.flow.described import check_described
from tests.flow.following import brevo_removes_nobody


def begin(office, operation="remove_export", caller=ADMINISTRATOR, **how):
    return take_members_out(office.app, caller, operation, office.export_id, "http", **how)


def ids(office):
    return [each.id for each in office.app.configuration.read().exports]


# Members stay


def test_removing_tells_how_many_stay(office):
    office.run()
    assert exports.remove_export(office.app, ADMINISTRATOR, office.export_id, ANY) == 2
    assert (ids(office), len(office.sent())) == ([], 2)


def test_removing_an_export_that_has_never_run_tells_no_number(office):
    assert exports.remove_export(office.app, ADMINISTRATOR, office.export_id, ANY) is None


@pytest.mark.parametrize("how", ["no secret", "another secret", "cut off"])
def test_export_whose_ledger_cannot_be_read_is_removed_all_the_same(office, monkeypatch, how):
    office.run()
    if how == "no secret":
        monkeypatch.delenv("APP_SECRET")
    elif how == "another secret":
        monkeypatch.setenv("APP_SECRET", "c2V2ZW50ZWVuLWJ5dGVzLWFuZC1maWZ0ZWVuLW1vcmU=")
    else:
        (blob,) = office.app.storage.app_blobs.listing(LEDGERS, "")
        office.app.storage.app_blobs.write(LEDGERS, blob.name, b"PAR1")
    assert exports.remove_export(office.app, ADMINISTRATOR, office.export_id, ANY) is None
    assert ids(office) == []


def test_detaching_and_another_list_tell_how_many_stay_in_a_note(office):
    office.sandbox.seed(lists=[{"id": 14, "name": "Other", "folderId": 1}])
    office.run()
    moved = exports.save_export(office.app, ADMINISTRATOR, the_export(office, list_id=14), ANY)
    assert (moved.members_stay, moved.notes[-1]) == (2, "The 2 contacts that it has put into list 12 stay there.")
    assert len(office.sent()) == 2
    renamed = exports.save_export(office.app, ADMINISTRATOR, the_export(office, list_id=14, display_name="New"), ANY)
    assert (renamed.members_stay, renamed.notes) == (None, ())
    office.run()
    detached = exports.detach_export(office.app, ADMINISTRATOR, office.export_id)
    assert (detached.members_stay, detached.notes) == (2, ("The 2 contacts that it has put into list 14 stay there.",))


# They leave first


@pytest.mark.parametrize("operation", ["remove_export", "detach_export"])
def test_run_is_in_the_trail_once_and_the_export_stays_until_it_is_asked_for_again(office, operation):
    office.run()
    start, again = begin(office, operation), begin(office, operation, accept=True)
    assert (start.is_new, again.is_new, again.run_id) == (True, False, start.run_id)
    assert ids(office) == [office.export_id]
    entries = [(each.what, each.target, each.detail) for each in read_audit(office.app, ADMINISTRATOR)[0]]
    assert entries.count(("take members out", office.export_id, start.run_id)) == 1
    held = office.finish(start.run_id)
    assert (held["status"], len(office.sent())) == ("held", 2)
    running.approve_run(office.app, ADMINISTRATOR, start.run_id)
    assert office.finish(start.run_id)["status"] == "succeeded"
    assert (begin(office, operation), office.sent()) == (None, {})
    if operation == "remove_export":
        assert exports.remove_export(office.app, ADMINISTRATOR, office.export_id, ANY) == 0
    else:
        assert exports.detach_export(office.app, ADMINISTRATOR, office.export_id).members_stay == 0
    assert office.app.storage.app_blobs.listing(LEDGERS, "") == []


def test_detached_export_says_that_its_members_are_not_known_and_is_detached_again(office):
    office.run()
    exports.detach_export(office.app, ADMINISTRATOR, office.export_id)
    assert code_of(begin, office) == "clear_impossible"
    assert begin(office, "detach_export") is None


def test_members_stay_where_somebody_has_changed_the_export_meanwhile_or_may_not_end_it(office):
    office.run()
    assert code_of(begin, office, expected="of-before") == "changed_meanwhile"
    for caller in (CONTRIBUTOR, VIEWER):
        with pytest.raises(AccessDenied):
            begin(office, caller=caller)
    share(office, "contributor")
    assert begin(office, caller=CONTRIBUTOR).is_new


# Over HTTP


def test_route_removes_and_tells_how_many_stay(asked):
    asked.flow.run()
    answer = asked("remove_export", "administrator", {"If-Match": "*"})
    assert (answer.status_code, answer.headers["X-Members-Stay"]) == (204, "2")
    check_described(ROUTES["remove_export"], answer)


@pytest.mark.parametrize("name", ["remove_export", "detach_export"])
def test_route_answers_with_the_run_until_nobody_is_left(asked, name):
    asked.flow.run()
    body = {"members": "remove", "accept": True}
    sent = {"body": body} if name == "detach_export" else {"params": {"members": "remove", "accept": "true"}}
    answer = asked(name, "administrator", {"If-Match": "*"}, **sent)
    check_described(ROUTES[name], answer)
    started = json.loads(answer.get_body())
    assert (answer.status_code, answer.headers["Location"]) == (202, f"/api/runs/{started['run_id']}")
    assert asked.flow.finish(started["run_id"])["kind"] == "clear"
    answer = asked(name, "administrator", {"If-Match": "*"}, **sent)
    check_described(ROUTES[name], answer)
    assert (answer.status_code, asked.flow.sent()) == (204 if name == "remove_export" else 200, {})
    assert answer.headers["X-Members-Stay"] == "0"


def test_route_that_saves_another_list_tells_how_many_stay(asked):
    asked.flow.run()
    answer = asked("save_export", "administrator", {"If-Match": "*"}, body={**asked.flow.export, "list_id": 13})
    assert (answer.status_code, answer.headers["X-Members-Stay"]) == (200, "2")


# In a terminal


def test_terminal_says_how_many_stay(office, typed):
    office.run()
    assert typed("export", "detach", office.export_id)[1].splitlines() == [
        f"{office.export_id} is changed",
        "The 2 contacts that it has put into list 12 stay there.",
    ]
    assert typed("export", "remove", office.export_id)[1] == (
        f"{office.export_id} is removed; its list keeps its members\n"
    )


def test_terminal_says_how_many_stay_where_it_removes(office, typed):
    office.run()
    status, text, _ = typed("export", "remove", office.export_id, "--json")
    assert (status, json.loads(text)) == (0, {"removed": office.export_id, "members_stay": 2})


def test_terminal_removes_an_export_once_its_members_are_out(office, typed):
    office.run()
    words = ("export", "remove", office.export_id, "--members", "remove", "--wait")
    status, text, errors = typed(*words)
    run = text.split()[0]
    assert status == 3
    for line in (
        "kind       removal of members",
        "taken out  0 of 2 contacts whom this export had put there",
        f"to do it: segment-export approve {run} until ",
    ):
        assert line in text
    assert "type the same again" in errors
    assert "a removal of members" in typed("runs", office.export_id)[1]
    assert typed("approve", run, "--wait")[0] == 0
    status, text, _ = typed(*words)
    nobody = "nobody whom it has put into list 12 is left there, but whom another export keeps there"
    assert (status, text) == (0, f"{office.export_id} is removed; {nobody}\n")
    assert (ids(office), office.sent()) == ([], {})


def test_terminal_does_not_say_that_nobody_is_left_where_another_export_keeps_somebody(office, typed):
    assert typed("export", "duplicate", office.export_id, "other")[0] == 0
    for export_id in (office.export_id, "other"):
        assert office.run(export_id=export_id)["status"] == "succeeded"
    status, text, _ = typed("export", "remove", office.export_id, "--members", "remove", "--wait")
    assert (status, len(office.sent())) == (0, 2)
    assert text.endswith("; nobody whom it has put into list 12 is left there, but whom another export keeps there\n")


def test_terminal_detaches_in_one_go_where_that_is_accepted(office, typed):
    office.run()
    words = ("export", "detach", office.export_id, "--members", "remove", "--wait", "--accept", "--json")
    status, text, _ = typed(*words)
    answer = json.loads(text)
    assert (status, answer["run"]["kind"], answer["run"]["contacts_removed"], answer["notes"]) == (0, "clear", 2, [])
    assert office.app.configuration.read().exports[0].connection is None
    assert office.sent() == {}


def test_terminal_stops_where_brevo_does_not_remove_somebody(office, typed, monkeypatch):
    office.run()
    brevo_removes_nobody(monkeypatch)
    words = ("export", "remove", office.export_id, "--members", "remove", "--accept", "--wait")
    status, text, errors = typed(*words)
    assert (status, ids(office)) == (1, [office.export_id])
    assert "Brevo did not remove 2 contacts" in text
    assert "take the others out in Brevo and type the same again" in errors
    office.sandbox.account.lists[12].members.clear()
    assert (typed(*words)[0], ids(office)) == (0, [])


def test_terminal_that_does_not_wait_names_the_run_and_changes_nothing(office, typed):
    office.run()
    status, text, errors = typed("export", "remove", office.export_id, "--members", "remove")
    assert (status, ids(office)) == (0, [office.export_id])
    assert "Nothing is changed yet" in errors
    assert office.finish(text.strip())["status"] == "held"


def test_terminal_ends_nothing_where_brevo_refuses_the_removal(office, typed):
    office.run()
    office.sandbox.change(removes_by_number=False)
    status, text, _ = typed("export", "remove", office.export_id, "--members", "remove", "--wait", "--accept")
    assert (status, ids(office)) == (1, [office.export_id])
    assert "Brevo did not remove 2 contacts. Brevo refused the request with status 400" in text


def test_terminal_ends_nothing_where_the_run_fails(office, typed, monkeypatch):
    office.run()
    office.sandbox.change(removes_by_number=False)
    monkeypatch.setattr("shared.brevo.removal._MOST_REFUSALS", 1)
    status, text, _ = typed("export", "remove", office.export_id, "--members", "remove", "--wait", "--accept")
    assert (status, "error" in text, ids(office)) == (1, True, [office.export_id])


def test_wait_and_accept_are_of_members_that_are_removed(office, typed):
    office.run()
    status, _, errors = typed("export", "remove", office.export_id, "--wait")
    assert (status, "need --members remove" in errors) == (2, True)


def test_terminal_completes_what_becomes_of_members():
    assert completed("export", "remove", "gold", "--members", "r") == ["remove"]


@pytest.mark.parametrize("is_held", [False, True])
def test_export_is_not_ended_and_gets_no_other_list_while_its_members_are_taken_out(office, is_held):
    office.sandbox.seed(lists=[{"id": 14, "name": "Other", "folderId": 1}])
    office.run()
    started = begin(office)
    if is_held:
        assert office.finish(started.run_id)["status"] == "held"
    for end in (
        lambda: exports.remove_export(office.app, ADMINISTRATOR, office.export_id, ANY),
        lambda: exports.detach_export(office.app, ADMINISTRATOR, office.export_id),
        lambda: exports.save_export(office.app, ADMINISTRATOR, the_export(office, list_id=14), ANY),
    ):
        with pytest.raises(ConfigurationError) as refused:
            end()
        assert refused.value.code == "members_leaving"
        assert started.run_id in refused.value.message
        assert ("Approve it" in refused.value.advice) == is_held
    renamed = exports.save_export(office.app, ADMINISTRATOR, the_export(office, display_name="New"), ANY)
    assert renamed.item.display_name == "New"
    running.cancel_run(office.app, ADMINISTRATOR, started.run_id)
    assert exports.remove_export(office.app, ADMINISTRATOR, office.export_id, ANY) == 2
