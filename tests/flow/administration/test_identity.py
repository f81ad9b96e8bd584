"""Exports that tell contacts apart by customers' ids are saved only where a probe has shown that imports take them."""

import pytest

from shared.administration import exports
from shared.administration.items import InvalidInput
from shared.brevo.probed import PROBE
from shared.storage.tables import Row
from tests.flow.administration.people import ADMINISTRATOR, the_export


def save(office, **changes):
    export = the_export(office, id="new", identify_by="customer_id", **changes)
    return exports.save_export(office.app, ADMINISTRATOR, export, None)


@pytest.mark.parametrize(
    ("answers", "words"), [(None, "segment-export probe brevo-eu"), ({"ext_id": "not_taken"}, "do not take EXT_ID")]
)
def test_export_by_customer_is_not_saved_before_a_probe_has_shown_that_it_works(office, answers, words):
    if answers:
        office.app.storage.accounts.put(Row(office.account, PROBE, answers))
    with pytest.raises(InvalidInput) as caught:
        save(office)
    (problem,) = caught.value.problems
    assert problem.startswith("identify_by: ")
    assert words in problem


def test_export_by_customer_is_saved_where_a_probe_has_answered(office):
    office.app.storage.accounts.put(Row(office.account, PROBE, {"ext_id": "field"}))
    assert save(office).item.identify_by == "customer_id"


def test_export_by_customer_needs_the_customers_id_in_the_file(office):
    office.app.storage.accounts.put(Row(office.account, PROBE, {"ext_id": "field"}))
    office.segment("EMail,FirstName\nana@example.com,Ana\n")
    with pytest.raises(InvalidInput) as caught:
        save(office)
    assert [problem.partition(": ")[0] for problem in caught.value.problems] == ["identify_by"]
    assert "CustomerId" in caught.value.problems[0]
