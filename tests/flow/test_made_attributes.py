"""Attributes that the account lacks are made once something is sent to it, and by nothing that only looks."""

import pytest

from shared.administration.running import verify_export
from shared.brevo.client import BrevoClient
from tests.flow.administration.people import ADMINISTRATOR
from tests.flow.holding import approved, held_by_guard, plan, planned
from tests.flow.trials import people


def made(flow):
    return "NEW" in {each.name for each in flow.sandbox.account.attributes}


def start_with_text(flow):
    """Starts a run of two people in which the attribute is a text."""
    fields = {"NEW": {"field": "FirstName", "type": "text"}}
    flow.change(mapping={"email": "EMail", "attributes": fields}, create_missing_attributes=True)
    flow.segment(people(2))
    return flow.start()


@pytest.fixture
def making(flow):
    flow.change(mapping={"email": "EMail", "attributes": {"NEW": "FirstName"}}, create_missing_attributes=True)
    return flow


def test_plan_makes_none_until_it_is_approved(making):
    status = planned(making)
    assert (status["status"], made(making)) == ("held", False)
    approved(making, status["run_id"])
    assert (making.finish(status["run_id"])["status"], made(making)) == ("succeeded", True)


def test_run_that_a_guard_holds_makes_none(making):
    assert (held_by_guard(making)["status"], made(making)) == ("held", False)


def test_verification_changes_nothing(making):
    making.segment(people(2))
    start = verify_export(making.app, ADMINISTRATOR, making.export_id, "http")
    assert (making.finish(start.run_id)["status"], made(making)) == ("succeeded", False)


@pytest.mark.parametrize(("kind", "code"), [("text", ""), ("float", "attribute_type")])
def test_attribute_that_somebody_has_made_meanwhile_is_taken_where_it_fits(making, monkeypatch, kind, code):
    """Another export's run, or a colleague."""
    start, attributes = start_with_text(making), BrevoClient.attributes

    def made_meanwhile(self):
        found = attributes(self)
        if not made(making):
            self.create_attribute("NEW", kind)
        return found

    monkeypatch.setattr(BrevoClient, "attributes", made_meanwhile)
    status = making.finish(start.run_id)
    assert (status["error"] or {"code": ""})["code"] == code
    assert bool(making.sent()) == (not code)


def test_plan_of_attributes_that_none_can_make_fails_at_once(making):
    fields = {"TIER": {"field": "FirstName", "type": "category"}}
    making.change(mapping={"email": "EMail", "attributes": fields}, create_missing_attributes=True)
    making.segment(people(2))
    assert making.finish(plan(making).run_id)["error"]["code"] == "attributes_missing"


@pytest.mark.parametrize("kind", ["reset-after", "500-after"])
def test_attribute_is_made_once_where_the_answer_is_lost(making, kind):
    """The second try is refused, since the first has made it."""
    making.segment(people(2))
    making.sandbox.fail_next("POST /contacts/attributes/{attributeCategory}/{attributeName}", kind, 1)
    status = making.finish(making.start().run_id)
    assert (status["status"], made(making), len(making.sent())) == ("succeeded", True, 2), status["error"]


@pytest.mark.parametrize(("kind", "code"), [("text", ""), ("float", "attribute_type")])
def test_attribute_that_another_run_makes_in_the_same_moment_is_taken_where_it_fits(making, monkeypatch, kind, code):
    """Two exports of one account run at the same time: both see that it lacks the attribute."""
    start, create = start_with_text(making), BrevoClient.create_attribute

    def made_just_before(self, name, wanted):
        if not made(making):
            create(self, name, kind)
        create(self, name, wanted)

    monkeypatch.setattr(BrevoClient, "create_attribute", made_just_before)
    status = making.finish(start.run_id)
    assert (status["error"] or {"code": ""})["code"] == code
    assert bool(making.sent()) == (not code)


def test_requests_that_make_attributes_are_counted(making):
    making.segment(people(2))
    before = len(making.sandbox.log.entries())
    run_id = making.finish(making.start().run_id)["run_id"]
    assert making.app.store.load(run_id).counts.requests == len(making.sandbox.log.entries()) - before
