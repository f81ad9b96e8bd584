"""A contact whose customer has another id by now, where another customer's row has its address too."""

import pytest

from tests.flow.customers import contact, rows, state_of


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("former", ["C-old", "C-older;C-old"])
def test_contact_stays_that_of_the_customer_whose_former_id_it_has(by_customer, order, former):
    """Another row with its address would make it another customer's, and lose this one as a duplicate."""
    number = contact(by_customer, "ana@example.com", "C-old")
    people = ["C-2 ana@example.com", f"C-1 ana@example.com {former}"]
    by_customer.segment(rows(*people[::order], previous=True))
    status = by_customer.run()
    assert state_of(by_customer, number) == ("C-1", "ana@example.com", False), status
    assert (status["contacts_new"], status["contacts_left_out"]) == (1, {"address_of_another": 1})
