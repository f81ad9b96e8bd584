"""A notice of a failed run says that the list is as it was only where it is."""

from local.brevo_sandbox.faults import REMOVE_ROUTE
from shared.brevo.session import BrevoSession
from shared.runs.holding import approve
from shared.runs.status import find_run
from tests.faults.brevo_routes import IMPORT
from tests.faults.following import Following
from tests.faults.notices.holding import start_plan


def sentences(there):
    [notice] = [each.json["data"] for each in there.received if each.json["type"] == "export.failed"]
    return " ".join(str(value) for value in notice.values())


def affected(there, kind):
    [notice] = [each.json["data"] for each in there.received if each.json["type"] == kind]
    return notice["customers_affected"]


def test_notice_of_a_run_whose_import_was_taken_without_an_answer_does_not_say_that_nobody_was_sent(told, there):
    story = told({"type": "webhook"})
    story.sandbox.fail_next(IMPORT, "500-after", 1)
    story.sandbox.fail_next(IMPORT, "403", 1)
    status = story.run()
    assert status["status"] == "failed"
    assert "may have been sent" in status["error"]["message"]
    story.tell()
    assert len(story.sent()) == 4
    assert "the list is as it was" not in sentences(there)


def mirror_that_fails_in_its_removal(told, monkeypatch, noted_every):
    monkeypatch.setattr("shared.brevo.removal.MOST_A_REQUEST", 2)
    monkeypatch.setattr("shared.runs.steps.settle._NOTED_EVERY", noted_every)
    story = told({"type": "webhook"})
    made = Following(story, days=24)
    story.save(sync_mode="mirror", max_removed=0.9)
    made.begin()
    made.refresh(range(4, 10))  # nobody is new, four have left
    story.kept.notices.clear()
    return story


def fails_in_its_second_request(story, monkeypatch):
    """The first request of a removal is taken, the second one is forbidden."""
    send, seen = BrevoSession._send, []

    def sending(session, method, path, params, body):
        if path.endswith("/contacts/remove"):
            seen.append(path)
            if len(seen) == 2:
                story.sandbox.fail_next(REMOVE_ROUTE, "403", 1)
        return send(session, method, path, params, body)

    monkeypatch.setattr(BrevoSession, "_send", sending)
    return story.run()


def test_notice_of_a_mirror_that_has_removed_people_does_not_say_that_the_list_is_as_it_was(told, there, monkeypatch):
    story = mirror_that_fails_in_its_removal(told, monkeypatch, 2)
    status = fails_in_its_second_request(story, monkeypatch)
    assert (status["status"], status["contacts_removed"], status["contacts_to_remove"]) == ("failed", 2, 4), status
    assert "taken out of the list" in status["error"]["message"]
    story.tell()
    assert "the list is as it was" not in sentences(there)
    assert affected(there, "export.failed") == 2, "two are still in the list who are to leave it"


def test_notice_of_a_held_mirror_that_sends_nobody_counts_whom_it_would_take_out(told, there):
    story = told({"type": "webhook"})
    made = Following(story, days=24)
    story.save(sync_mode="mirror", max_shrink=1)
    made.begin()
    made.refresh(range(4, 10))  # nobody is new, four have left
    status = story.run()
    assert (status["held_for"]["code"], status["contacts_to_remove"]) == ("guard_max_removed", 4)
    story.tell()
    assert affected(there, "export.held") == 4


def test_run_that_fails_in_the_first_part_of_its_removal_does_not_say_that_nothing_was_done(told, there, monkeypatch):
    story = mirror_that_fails_in_its_removal(told, monkeypatch, 20)
    before = story.sent()
    status = fails_in_its_second_request(story, monkeypatch)
    assert status["status"] == "failed"
    assert len(before - story.sent()) == 2
    assert "Nothing was sent." not in status["error"]["message"]


def test_notice_of_an_approved_run_that_brevo_mostly_rejects_says_what_was_sent(told, there, monkeypatch):
    monkeypatch.setattr("local.brevo_sandbox.applying.is_email", lambda text: text.startswith("person0@"))
    story = told({"type": "webhook"}, max_rejected=0.5)
    run_id = start_plan(story)
    story.work(hours=1)
    approve(story.app, find_run(story.app, run_id), "ana")
    story.work()
    error = story.status(run_id)["error"]
    assert error["code"] == "guard_rejected_by_brevo"
    there.received.clear()
    story.tell()
    [notice] = [each.json for each in there.received if each.json["type"] == "export.guard"]
    assert "Nothing was sent" not in notice["data"]["text"]
    assert "Brevo rejected 3 of the 4 contacts" in notice["data"]["text"]
    assert "plan" not in notice["data"]["advice"]
    assert notice["data"]["customers_affected"] == 4 - len(story.sent())
