"""A contact whose number another contact at Brevo has is sent once more without it, in one more import at the end."""

import pytest

HEAD = "CustomerId,EMail,FirstName,Telephone\n"
OWNER = {"email": "maria.old@example.com", "attributes": {"SMS": "+40722000111"}, "lists": [13]}


@pytest.fixture
def shared(flow):
    """An export with phones, at an account where somebody has Maria's number under another address."""
    flow.change(mapping={"email": "EMail", "first_name": "FirstName", "phone": "Telephone"})
    flow.sandbox.seed(contacts=[OWNER])
    return flow


def test_contact_whose_number_another_contact_has_reaches_the_list_without_it(shared):
    shared.segment(HEAD + "C-1,maria.new@example.com,Maria,0722 000 111\nC-2,ion@example.com,Ion,0722 000 222\n")
    status = shared.run()
    assert (status["status"], status["notes"]) == ("succeeded", [])
    assert status["contacts_rejected_by_brevo"] == {}
    assert status["warnings"] == {"brevo_duplicate_phone": 1}
    assert (status["contacts_delivered"], status["contacts_confirmed"], status["batches"]) == (2, 2, 2)
    assert shared.sent() == {
        "maria.new@example.com": {"FIRSTNAME": "Maria"},
        "ion@example.com": {"FIRSTNAME": "Ion", "SMS": "+40722000222"},
    }
    [row] = shared.rejects(status["run_id"])
    assert (row["segment"], row["file"], row["line"]) == ("Gold", "Gold_1.csv", "2")
    assert (row["reason"], row["customer_id"], row["outcome"]) == (
        "brevo_duplicate_phone", "C-1", "sent_without_value",
    )  # fmt: skip
    assert len(row["email_sha256"]) == 64
    assert "0722" not in str(status) + shared.rejects_text(status["run_id"])
    assert shared.app.storage.app_blobs.listing_if_there("staged", "") == []
