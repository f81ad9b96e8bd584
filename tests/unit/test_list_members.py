"""A list's members are read whole by pages, although others come and go while they are read."""

import random
from functools import partial

import pytest

from shared.brevo import contact_pages
from shared.brevo.list_members import PAGE, list_members
from shared.brevo.single_contacts import members
from shared.errors import ConfigurationError, TransientError
from tests.unit import paging

Pages = partial(paging.Pages, "/contacts/lists/13/contacts", 500)


def read(pages):
    return [contact.number for contact in list_members(pages, 13)]


@pytest.mark.parametrize("count", [0, 1, PAGE - 1, PAGE, PAGE + 1, 2 * PAGE - 1, 2 * PAGE, 5 * PAGE + 7])
def test_each_member_is_read_once(count):
    pages, turns = Pages(range(1, count + 1)), []
    assert [each.number for each in list_members(pages, 13, lambda: turns.append(1))] == list(range(1, count + 1))
    assert len(turns) == pages.calls <= count // (PAGE - 1) + 2


@pytest.mark.parametrize("most", [1, 5, 400, 900])
def test_nobody_who_stays_is_skipped_where_members_come_and_go(most):
    chance = random.Random(most)
    first = list(range(2, 8_000, 2))

    def between(pages):
        if pages.calls > 60:
            return
        start = chance.randrange(len(pages.numbers) // 2)
        del pages.numbers[start : start + chance.randrange(most + 1)]
        # Older contacts join among the others, newer ones behind them.
        pages.numbers = sorted({*pages.numbers, *(chance.randrange(1, 9_000) | 1 for _ in range(10))})

    pages = Pages(first, between)
    found = read(pages)
    assert set(pages.numbers) & set(first) <= set(found)


def test_what_a_member_has_is_read_as_from_an_export():
    shown = {"id": 7, "email": " A@x.org ", "emailBlacklisted": True, "attributes": {"EXT_ID": "C-1"}}
    without = {"id": 8, "email": None, "emailBlacklisted": False}
    assert list(list_members(Pages([], contacts=[shown, without], count=2), 13)) == [
        ("A@x.org", 7, True, "C-1"),
        ("", 8, False, ""),
    ]


def test_list_that_shrinks_all_the_time_comes_to_an_end(monkeypatch):
    def between(pages):
        del pages.numbers[: max(1, len(pages.numbers) // 2)]
        pages.numbers += range(pages.calls * 100_000, pages.calls * 100_000 + 5_000)

    monkeypatch.setattr(contact_pages, "LONGEST_SECONDS", 0.2)
    with pytest.raises(ConfigurationError, match=r"^List 13 has [\d,]+ members") as caught:
        read(Pages(range(5_000), between))
    assert caught.value.code == "list_too_large"


@pytest.mark.parametrize(
    "shown",
    [
        {"count": 3_000},
        {"count": None},
        {"contacts": [{"id": 1, "email": "a@x.org"}]},
        {"contacts": "none"},
    ],
)
def test_answer_that_does_not_show_everybody_is_tried_again(shown):
    with pytest.raises(TransientError) as caught:
        read(Pages(range(1, 1_501), **shown))
    assert caught.value.code == "brevo_garbled"


def test_list_that_takes_too_long_is_refused(monkeypatch):
    monkeypatch.setattr(contact_pages, "LONGEST_SECONDS", -1.0)
    assert len(read(Pages(range(PAGE - 1)))) == PAGE - 1
    with pytest.raises(ConfigurationError, match="export contacts"):
        read(Pages(range(PAGE + 1)))


def test_list_that_is_not_there_is_a_fault_of_the_configuration():
    pages = Pages([])
    pages.numbers = None
    with pytest.raises(ConfigurationError) as caught:
        read(pages)
    assert caught.value.code == "list_missing"


def test_member_with_a_number_that_nothing_of_ours_can_hold_is_an_answer_to_ask_for_again():
    shown = {"id": 2**63, "email": "a@x.org", "emailBlacklisted": False}
    with pytest.raises(TransientError, match="lacks what it should have"):
        read(Pages([], contacts=[shown], count=1))


class FirstPage(paging.Pages):
    """A Brevo, or something in between, that does not look at `offset`, and shows 500 at most."""

    def call(self, kind, method, path, *, params=None):
        answer = super().call(kind, method, path, params=params | {"offset": 0})
        return answer | {"contacts": answer["contacts"][: self.most]}


@pytest.mark.parametrize(
    ("most", "read_all"),
    [(PAGE, read), (100, read), (1, read), (PAGE, lambda pages: list(members(pages, 13)))],
    ids=["run", "run, short pages", "run, one a page", "probe"],
)
def test_pages_that_are_all_the_first_one_are_not_taken_for_the_whole(most, read_all):
    pages = FirstPage("/contacts/lists/13/contacts", PAGE, range(1, most + most // 2 + 2))
    pages.most = most
    with pytest.raises(TransientError, match="Brevo shows"):
        read_all(pages)
