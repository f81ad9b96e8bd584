"""The account's contacts are read whole, although others come and go while its pages are read."""

import random
from functools import partial

import pytest

from shared.brevo import contact_pages
from shared.brevo.account_contacts import PAGE, account_contacts
from shared.errors import ConfigurationError, TransientError
from tests.unit import paging

Pages = partial(paging.Pages, "/contacts", 1_000)


def read(pages):
    return [contact.number for contact in account_contacts(pages)]


@pytest.mark.parametrize("count", [0, 1, PAGE - 1, PAGE, PAGE + 1, 2 * PAGE - 1, 2 * PAGE, 5 * PAGE + 7])
def test_each_contact_is_read_once(count):
    pages = Pages(range(1, count + 1))
    assert read(pages) == list(range(1, count + 1))
    assert pages.calls <= count // (PAGE - 1) + 2


@pytest.mark.parametrize("most", [1, 5, 700, 1_800])
def test_nobody_is_skipped_where_contacts_are_deleted_and_made_between_two_pages(most):
    chance = random.Random(most)
    first = list(range(1, 8_001))
    made = 8_001

    def between(pages):
        nonlocal made
        if pages.calls > 60:
            return
        gone = chance.randrange(most + 1)
        start = chance.randrange(len(pages.numbers) // 2)
        del pages.numbers[start : start + gone]
        pages.numbers += range(made, made + 10)
        made += 10

    pages = Pages(first, between)
    found = read(pages)
    assert set(pages.numbers) & set(first) <= set(found)


def test_what_a_contact_has_is_read_in_each_form_of_its_id():
    def contact(**more):
        return {"id": 1, "email": " A@x.org ", "emailBlacklisted": True, "listUnsubscribed": [12], **more}

    for more in ({"ext_id": "C-1"}, {"extId": "C-1"}, {"attributes": {"EXT_ID": "C-1"}}):
        (found,) = account_contacts(Pages([], contacts=[contact(**more)], count=1))
        assert (found.number, found.email, found.ext_id, found.blocked, found.left) == (
            1,
            "A@x.org",
            "C-1",
            True,
            (12,),
        )
    numbers = {"SMS": "+40 722", "WHATSAPP": "40723", "LANDLINE_NUMBER": None}
    (found,) = account_contacts(Pages([], contacts=[contact(attributes=numbers, email=None)], count=1))
    assert (found.email, found.ext_id, found.phones) == ("", "", {"SMS": "40722", "WHATSAPP": "40723"})


@pytest.mark.parametrize(
    "shown",
    [
        {"count": 3_000},
        {"count": None},
        {"contacts": [{"id": 1, "email": "a@x.org"}]},
        {"contacts": [{"email": "a@x.org", "emailBlacklisted": False}]},
        {"contacts": "none"},
    ],
)
def test_answer_that_does_not_show_everybody_is_tried_again(shown):
    with pytest.raises(TransientError) as caught:
        read(Pages(range(1, 1_501), **shown))
    assert caught.value.code == "brevo_garbled"


def test_account_that_takes_too_long_is_refused(monkeypatch):
    monkeypatch.setattr(contact_pages, "LONGEST_SECONDS", -1.0)
    with pytest.raises(ConfigurationError, match="identify_by") as caught:
        read(Pages(range(1, 2_500)))
    assert caught.value.code == "account_too_large"
