"""An open run of another release that has a slot of the account: runs of this release go on beside it."""

from dataclasses import asdict

from shared.runs.delivered import may_be_delivered
from shared.runs.run_ids import run_address
from shared.runs.slot_rows import Slot
from shared.runs.store import OPEN
from shared.storage.blobs import Blob
from shared.storage.forms import FORM, FORMS
from shared.sync.stored import Address
from tests.faults.conftest import Story

OTHER = "a-other-20261124T050000-abcdef"


def with_other(story: Story, batch: int = 1) -> None:
    rows = story.kept.tables.setdefault("runs", {})
    rows[OPEN, OTHER] = ({"key_setting": story.account, FORM: FORMS["runs"]}, 'W/"0"')
    rows[run_address(OTHER)] = ({"run_id": OTHER, FORM: 99}, 'W/"1"')
    slot = {**asdict(Slot(OTHER, batch)), FORM: FORMS["accounts"]}
    story.kept.tables.setdefault("accounts", {})[story.account, "slot-0"] = (slot, 'W/"2"')


def test_run_takes_a_slot_that_is_free_beside_it(story: Story) -> None:
    wanted = story.people(3)
    story.connection["imports_at_once"] = 2
    story.save()
    with_other(story)
    assert story.run()["status"] == "succeeded"
    assert story.sent() == wanted
    assert story.kept.tables["accounts"][story.account, "slot-0"][0]["run"] == OTHER


def test_run_waits_where_it_has_the_only_slot_since_its_import_may_be_open(story: Story) -> None:
    story.people(3)
    story.save()
    with_other(story)
    run_id = story.start().run_id
    story.work(hours=1)
    status = story.status(run_id)
    assert (status["status"], story.imports()) == ("delivering", 0)
    assert status["waiting"].startswith(f"1 import of the run waits for a free import slot, which {OTHER} has.")
    assert [event["kind"] for event in status["story"]] == ["queued"]  # and nobody had to drive it on
    assert story.errors == []


def test_what_it_intends_counts_as_delivered(story: Story) -> None:
    """Else no other export of its list could say whom it may take out, and each would wait for that release."""
    with_other(story)
    name = Address(story.account, 12, "a-other").intention(OTHER, "abcd")
    assert may_be_delivered(story.app, Blob(name, "", 0, story.kept.clock.now()))
