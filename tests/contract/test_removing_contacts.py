"""Contacts are taken out of a list by each of their names, whatever Brevo answers, and nobody else is."""

from collections.abc import Iterator
from typing import Any

import pytest
import stamina
from brevo import Brevo

from local.brevo_sandbox import BrevoSandbox
from shared.brevo.removal import Removed, add_contacts, removal_bodies, remove_contacts
from shared.brevo.session import BrevoSession
from shared.errors import ConfigurationError, ExportError, PermanentError, TransientError

ADA, BEN = "ada.brook@example.com", "ben.frost@example.com"
ROUTE = "POST /contacts/lists/{listId}/contacts/remove"
NONE = {"code": "invalid_parameter", "message": "Contact already removed from list and/or does not exist"}


@pytest.fixture(autouse=True)
def no_pauses() -> Iterator[None]:
    stamina.set_testing(True, attempts=4)
    yield
    stamina.set_testing(False)


def body(kind: Any, *values: int | str) -> bytes:
    (one,) = removal_bodies(kind, values)
    return one


class Answering:
    """A session with one answer after the other; an error is raised."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.bodies: list[bytes] = []

    def call(self, kind: str, method: str, path: str, *, body: bytes = b"") -> Any:
        self.bodies.append(body)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.mark.parametrize(
    ("kind", "named"), [("ids", (1, 2)), ("extIds", ("C-1", "C-2")), ("emails", ("Ada.Brook@example.com", BEN))]
)
def test_contacts_are_removed_by_each_kind_of_name(
    session: BrevoSession, sandbox: BrevoSandbox, brevo: Brevo, kind: str, named: tuple
):
    for email, ext_id in ((ADA, "C-1"), (BEN, "C-2")):
        sandbox.seed(contacts=[{"email": email, "attributes": {"EXT_ID": ext_id}}])
    assert remove_contacts(session, 13, body(kind, *named)) == Removed(2, 0)
    left = [each.email for each in brevo.contacts.get_contacts_from_list(13, sort="asc").contacts]
    assert left == ["cara.stone@example.com", "blocked.person@example.com"]
    assert brevo.contacts.get_contact_info(ADA).list_unsubscribed == [], "removed is not unsubscribed"
    assert remove_contacts(session, 13, body(kind, *named)) == Removed(0, 2)


def test_who_is_not_in_the_list_is_counted_apart(session: BrevoSession, sandbox: BrevoSandbox):
    assert remove_contacts(session, 13, body("ids", 1, 99, 2, 100)) == Removed(2, 2)
    assert sandbox.log.count(ROUTE) == 2
    assert remove_contacts(session, 13, body("ids", 3)) == Removed(1, 0)
    assert sandbox.log.count(ROUTE) == 3


@pytest.mark.parametrize("count", [0, 1, 149, 150, 151, 450])
def test_each_contact_is_in_one_body_of_at_most_150(session: BrevoSession, sandbox: BrevoSandbox, count: int):
    sandbox.seed(contacts=[{"email": f"a{number}@example.net", "lists": [12]} for number in range(count)])
    bodies = list(removal_bodies("emails", (f"a{number}@example.net" for number in range(count))))
    assert len(bodies) == -(-count // 150)
    assert sum(remove_contacts(session, 12, each).done for each in bodies) == count
    assert sandbox.members(12) == {}


def test_body_that_names_everybody_or_nobody_is_never_sent():
    wrong = (b'{"all":true}', b'{"ids":[1],"all":true}', b'{"ids":[]}', b"[]", b'{"ids":[%s1]}' % (b"1," * 150))
    for each in wrong:
        session = Answering()
        with pytest.raises(ValueError, match="1 to 150"):
            remove_contacts(session, 12, each)
        assert session.bodies == []


# What can go wrong


@pytest.mark.parametrize("kind", ["500-after", "524-after", "reset-after", "truncated"])
def test_request_whose_answer_was_lost_is_repeated(session: BrevoSession, sandbox: BrevoSandbox, kind: str):
    sandbox.fail_next(ROUTE, kind)
    assert remove_contacts(session, 13, body("ids", 1, 2)) == Removed(0, 2)
    assert set(sandbox.members(13)) == {"cara.stone@example.com", "blocked.person@example.com"}


@pytest.mark.parametrize("kind", ["429", "500", "524", "502", "reset", "html-502", "html-403", "html-200"])
def test_request_that_failed_is_repeated(session: BrevoSession, sandbox: BrevoSandbox, kind: str):
    sandbox.fail_next(ROUTE, kind)
    assert remove_contacts(session, 13, body("ids", 1, 2)) == Removed(2, 0)


@pytest.mark.parametrize("kind", ["429", "524", "reset"])
def test_what_does_not_pass_is_left_to_the_next_try(session: BrevoSession, sandbox: BrevoSandbox, kind: str):
    sandbox.fail_next(ROUTE, kind, times=4)
    with pytest.raises(TransientError):
        remove_contacts(session, 13, body("ids", 1, 2))
    assert remove_contacts(session, 13, body("ids", 1, 2)) == Removed(2, 0)


@pytest.mark.parametrize(
    ("kind", "code"),
    [("401", "brevo_key_refused"), ("401-ip", "brevo_address_blocked"), ("402", "brevo_no_credits"),
     ("403", "brevo_forbidden")],
)  # fmt: skip
def test_account_that_lets_nobody_in_is_a_fault_of_the_configuration(
    session: BrevoSession, sandbox: BrevoSandbox, kind: str, code: str
):
    sandbox.fail_next(ROUTE, kind)
    with pytest.raises(ConfigurationError) as caught:
        remove_contacts(session, 13, body("emails", ADA))
    assert caught.value.code == code
    assert ADA not in str(caught.value)


def test_list_that_is_gone_is_a_fault_of_the_configuration(session: BrevoSession):
    with pytest.raises(ConfigurationError, match="Brevo has no list 999") as caught:
        remove_contacts(session, 999, body("ids", 1))
    assert caught.value.code == "list_missing"


def test_list_that_brevo_still_shows_is_not_said_to_be_gone(session: BrevoSession, sandbox: BrevoSandbox, monkeypatch):
    call = BrevoSession.call

    def answered(self: BrevoSession, kind: Any, method: str, path: str, **more: Any) -> Any:
        return call(self, kind, method, path if method == "GET" else "/contacts/lists/999/contacts/remove", **more)

    monkeypatch.setattr(BrevoSession, "call", answered)
    with pytest.raises(PermanentError) as caught:
        remove_contacts(session, 13, body("ids", 1))
    assert caught.value.code == "brevo_not_found"


@pytest.mark.parametrize(
    "message",
    [
        "Contact already removed from list and/or does not exist",
        "Contacts already removed from list and/or does not exist",
        "Contact is not in the list",
        "contacts do not exist",
    ],
)
def test_refusal_because_none_was_in_the_list_is_as_good_as_done(
    session: BrevoSession, monkeypatch: pytest.MonkeyPatch, message: str
):
    answer(monkeypatch, 400, f'{{"code": "invalid_parameter", "message": "{message}"}}')
    assert remove_contacts(session, 13, body("ids", 1, 2)) == Removed(0, 2)


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, f"Invalid email address {ADA}"),
        (400, "List does not exist"),
        (400, ""),
        (403, "Contact already removed from list and/or does not exist"),
        (405, "Contact already removed from list and/or does not exist"),
    ],
)
def test_any_other_refusal_is_an_error_that_names_nobody(
    session: BrevoSession, monkeypatch: pytest.MonkeyPatch, status: int, message: str
):
    answer(monkeypatch, status, f'{{"code": "invalid_parameter", "message": "{message}"}}')
    with pytest.raises(ExportError) as caught:
        remove_contacts(session, 13, body("emails", ADA))
    assert not isinstance(caught.value, TransientError)
    assert ADA not in str(caught.value)


def answer(monkeypatch: pytest.MonkeyPatch, status: int, text: str) -> None:
    monkeypatch.setattr(BrevoSession, "_send", lambda *_: (status, {}, text.encode()))


@pytest.mark.parametrize(
    ("first", "again"),
    [
        ({"contacts": {"success": [1, 2, 3], "failure": []}}, None),
        ({"contacts": {"success": ["1", "2", "3"]}}, None),
        ({"success": [1, 2, 3], "failure": None}, None),
        ({"contacts": {"success": [3, 1, 2, 7]}}, None),
        ({"contacts": {"failure": []}}, None),
        ({"contacts": {"success": [1, 2], "failure": [3]}}, b'{"ids":[3]}'),
        ({"contacts": {"success": [1], "failure": ["2"]}}, b'{"ids":[2,3]}'),
        ({"contacts": {"failure": ["2"]}}, b'{"ids":[2]}'),
    ],
)
def test_half_a_success_is_made_whole_in_whatever_form_it_comes(first: Any, again: bytes | None):
    session = Answering(first, {"contacts": {"success": [2, 3]}})
    assert remove_contacts(session, 13, body("ids", 1, 2, 3)) == Removed(3, 0)
    assert session.bodies[1:] == ([again] if again else [])


@pytest.mark.parametrize("again", [{"contacts": {"success": [], "failure": [3]}}, {"success": [], "failure": ["3"]}])
def test_who_twice_could_not_be_removed_has_failed(again: Any):
    session = Answering({"contacts": {"success": [1, 2], "failure": [3]}}, again)
    assert remove_contacts(session, 13, body("ids", 1, 2, 3)) == Removed(2, 0, (3,))


def test_success_without_anybody_in_it_is_not_repeated():
    session = Answering({"contacts": {"success": [], "failure": [1, 2]}})
    assert remove_contacts(session, 13, body("ids", 1, 2)) == Removed(0, 0, (1, 2))


# An empty answer, a gateway's, and one of another form: nothing in it says that anybody was removed.
SILENT: list[Any] = [None, {}, [], {"message": "accepted"}, {"contacts": {"success": "all"}}, {"processId": 5}]


@pytest.mark.parametrize("silent", SILENT)
def test_answer_that_names_nobody_is_no_success_and_asked_for_again(silent: Any):
    for change in (lambda: remove_contacts(Answering(silent), 13, body("ids", 1, 2)), lambda: adding(silent)):
        with pytest.raises(TransientError, match="lacks what it should have"):
            change()


def adding(answer: Any) -> list[int]:
    return add_contacts(Answering(answer), 13, [1, 2])


def test_customers_whose_ids_differ_by_case_are_two():
    session = Answering({"contacts": {"success": ["c-1"], "failure": ["C-1"]}}, {"contacts": {"failure": ["C-1"]}})
    assert remove_contacts(session, 13, body("extIds", "c-1", "C-1")) == Removed(1, 0, ("C-1",))


# Put back


def test_contacts_are_added_by_number_and_who_is_in_the_list_stays(
    session: BrevoSession, sandbox: BrevoSandbox, brevo: Brevo
):
    assert add_contacts(session, 12, [1, 2]) == []
    assert add_contacts(session, 12, [1, 2]) == [1, 2], "safe to repeat"
    assert add_contacts(session, 12, [1, 3, 4711]) == [1, 4711]
    assert len(brevo.contacts.get_contacts_from_list(12).contacts) == 3


def test_blocked_contact_that_is_added_stays_blocked(session: BrevoSession, sandbox: BrevoSandbox, brevo: Brevo):
    number = brevo.contacts.get_contact_info("blocked.person@example.com").id
    assert add_contacts(session, 12, [number]) == []
    assert brevo.contacts.get_contact_info("blocked.person@example.com").email_blacklisted


@pytest.mark.parametrize("message", ["Contact already in list and/or does not exist", "Contacts already in the list"])
def test_adding_whom_the_list_has_is_done_whatever_brevo_says(
    session: BrevoSession, monkeypatch: pytest.MonkeyPatch, message: str
):
    answer(monkeypatch, 400, f'{{"code": "invalid_parameter", "message": "{message}"}}')
    assert add_contacts(session, 12, [1]) == [1]
    with pytest.raises(PermanentError):
        remove_contacts(session, 12, body("ids", 1))


def test_what_brevo_says_of_a_removal_is_no_answer_to_an_addition(
    session: BrevoSession, monkeypatch: pytest.MonkeyPatch
):
    answer(monkeypatch, 400, '{"code": "invalid_parameter", "message": "Contact already removed from list"}')
    with pytest.raises(PermanentError):
        add_contacts(session, 12, [1])


def test_adding_to_a_list_that_is_not_there_says_so(session: BrevoSession):
    with pytest.raises(ConfigurationError) as caught:
        add_contacts(session, 4711, [1])
    assert caught.value.code == "list_missing"
