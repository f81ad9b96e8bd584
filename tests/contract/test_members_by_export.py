"""The members of a list as our client exports them, or reads them by pages: numbers, who is blocked, customers' ids."""

from typing import Any

import pytest

from local.brevo_sandbox import BrevoSandbox
from shared.brevo.contact_export import ExportedContact, Who, look_up_export, read_export, request_export
from shared.brevo.list_members import list_members
from shared.brevo.session import BrevoSession
from shared.errors import ConfigurationError, PermanentError

ADA, BEN = "ada.brook@example.com", "ben.frost@example.com"
CARA, BLOCKED = "cara.stone@example.com", "blocked.person@example.com"
ROUTE = "POST /contacts/export"


def exported(session: BrevoSession, sandbox: BrevoSandbox, who: Who = "allContacts") -> list[ExportedContact]:
    number = request_export(session, 13, who)
    sandbox.wait_until_idle()
    return list(read_export(look_up_export(session, number).url, session.base_url))


@pytest.mark.parametrize("number", ["CONTACT ID", "CONTACT_ID", "ID", "none"])
@pytest.mark.parametrize("spelling", ["upper", "lower", "title"])
@pytest.mark.parametrize("delimiter", [";", ","])
def test_all_that_is_needed_of_a_member_is_in_one_export(
    session: BrevoSession, sandbox: BrevoSandbox, number: Any, spelling: Any, delimiter: Any
):
    sandbox.change(export_contact_number=number, export_header=spelling, export_delimiter=delimiter)
    sandbox.seed(contacts=[{"email": BEN, "attributes": {"EXT_ID": "C-2"}}])
    numbers = [0] * 4 if number == "none" else [1, 2, 3, 4]
    assert exported(session, sandbox) == [
        (ADA, numbers[0], False, ""),
        (BEN, numbers[1], False, "C-2"),
        (CARA, numbers[2], False, ""),
        (BLOCKED, numbers[3], True, ""),
    ]
    assert sandbox.log.count(ROUTE) == 1


def test_account_without_the_attribute_ext_id_says_who_is_blocked(session: BrevoSession, sandbox: BrevoSandbox):
    account = sandbox.account
    account.attributes = [each for each in account.attributes if each.name != "EXT_ID"]
    assert [(each.blocked, each.ext_id) for each in exported(session, sandbox)] == [
        (False, ""), (False, ""), (False, ""), (True, "")
    ]  # fmt: skip
    assert sandbox.log.count(ROUTE) == 2


def test_who_left_is_exported_with_the_usual_columns(session: BrevoSession, sandbox: BrevoSandbox):
    sandbox.change_contact(BEN, leaves=[13])
    assert exported(session, sandbox, "unsubscribedPerList") == [(BEN, 2, None, "")]
    assert sandbox.log.count(ROUTE) == 1


@pytest.mark.parametrize(
    ("outcome", "error", "requests"), [("refused_403", ConfigurationError, 1), ("refused_400", PermanentError, 2)]
)
def test_account_that_refuses_exports_is_an_error(
    session: BrevoSession, sandbox: BrevoSandbox, outcome: Any, error: type[Exception], requests: int
):
    sandbox.change(export_outcome=outcome)
    with pytest.raises(error):
        request_export(session, 13, "allContacts")
    assert sandbox.log.count(ROUTE) == requests


@pytest.mark.parametrize("count", [0, 1, 500, 1_001])
def test_members_by_pages_are_those_of_the_export(session: BrevoSession, sandbox: BrevoSandbox, count: int):
    sandbox.seed(contacts=[
        {"email": f"a{number}@example.net", "attributes": {"EXT_ID": f"C-{number}"}, "lists": [13]}
        for number in range(count)
    ])  # fmt: skip
    assert list(list_members(session, 13)) == exported(session, sandbox)


def test_list_that_is_gone_has_no_pages(session: BrevoSession):
    with pytest.raises(ConfigurationError, match="Brevo has no list 999"):
        list(list_members(session, 999))
