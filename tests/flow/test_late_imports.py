"""An import that Brevo does after its deadline, when its run has failed: whom it brings is ours, and leaves again."""

import pytest

from shared.storage.tables import Row
from tests.flow.following import counts, leave_import, numbers, put_by_others, refresh, run


@pytest.fixture(params=["import_overdue", "cancelled"])
def late(request, following):
    """A mirror of four people; an import of six is past its deadline, and Brevo works on it still."""
    following.change(sync_mode="mirror", max_removed=1)
    refresh(following, *range(4))
    run(following)
    if request.param == "cancelled":
        leave_import(following, *range(6))
        following.app.storage.clock.skip(7 * 3600)
    else:
        following.sandbox.fail_next("POST /contacts/import", "import-stuck")
        refresh(following, *range(6))
        assert following.run()["error"]["code"] == "import_overdue"
    return following


def done_late(flow):
    flow.sandbox.imports.release_stuck()
    flow.sandbox.wait_until_idle()


@pytest.mark.parametrize("days", [1, 3])
def test_whom_an_import_brings_after_its_deadline_leaves_the_list_with_the_next_run(late, days):
    for _ in range(days):
        refresh(late, *range(4))
        assert run(late)["contacts_to_remove"] == 0
    done_late(late)
    assert numbers(late) == set(range(6))
    refresh(late, *range(4))
    status = run(late)
    assert (counts(status), status["contacts_removed"]) == ((0, 0, 4, 0), 2)
    assert numbers(late) == set(range(4))


def test_who_comes_by_a_form_once_that_import_has_failed_is_not_ours(late):
    for each in late.sandbox.imports.records():
        each.status = "failed" if each.is_open else each.status
    refresh(late, *range(4))
    run(late)
    put_by_others(late, 4)
    refresh(late, *range(4))
    assert run(late)["contacts_removed"] == 0
    assert numbers(late) == {*range(4), 4}


def test_run_whose_batches_cannot_be_read_stops_no_mirror(late):
    (row,) = [row for row in late.app.storage.batches.rows() if row.values["state"] == "delivered"]
    late.app.storage.batches.put(Row(row.partition, row.key, {"state": "delivered"}))
    refresh(late, *range(5))
    run(late)
    done_late(late)
    refresh(late, *range(4))
    assert run(late)["contacts_removed"] == 2
    assert numbers(late) == set(range(4))
