"""An open run that another release has written keeps nobody from hearing of the others of its account."""

from shared.runs.run_ids import run_address
from shared.runs.store import OPEN
from shared.storage.forms import FORM, FORMS
from tests.faults.notices.received import FAILED, MISSING_LIST, titles


def test_end_of_a_run_is_told_beside_an_open_run_of_another_release(told, there):
    story = told(**MISSING_LIST)
    other = "a-other-20261124T050000-abcdef"
    rows = story.kept.tables.setdefault("runs", {})
    rows[OPEN, other] = ({"key_setting": story.account, FORM: FORMS["runs"]}, 'W/"0"')
    rows[run_address(other)] = ({"run_id": other, FORM: 99}, 'W/"1"')
    assert story.run()["status"] == "failed"
    story.tell()
    assert titles(there) == [FAILED]
    assert [run_id for run_id, _ in story.app.store.open_runs()] == [other]
