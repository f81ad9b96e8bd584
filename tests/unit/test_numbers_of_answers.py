"""Numbers in Brevo's answers: those of what was asked for, in whatever form, and no others."""

from typing import Any

import pytest

from shared.brevo.client import BrevoClient
from shared.brevo.contact_export import ExportProcess, look_up_export
from shared.brevo.single_contacts import find_single
from shared.errors import PermanentError, TransientError


class Answering:
    """A session that gets one answer after the other, the last one again and again; an error is raised."""

    def __init__(self, *answers: Any) -> None:
        self._answers = list(answers)

    def call(self, *_: Any, **__: Any) -> Any:
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def client(*answers: Any) -> BrevoClient:
    return BrevoClient(Answering(*answers))  # type: ignore[arg-type]


FULL_PAGES = [{"processes": [{"id": n, "name": "X", "status": "completed"} for n in range(99, 49, -1)]}] * 4


@pytest.mark.parametrize(
    "ask",
    [
        lambda brevo: brevo.list_size(13),
        lambda brevo: brevo.list_name(13),
        lambda brevo: look_up_export(brevo.session, 13),
        lambda brevo: find_single(brevo.session, "13", "contact_id"),
    ],
    ids=["a list's size", "a list's name", "an export", "a contact"],
)
def test_answer_about_another_one_is_not_taken_for_the_one_that_was_asked_for(ask):
    of_another = {"id": 12, "name": "VIP", "uniqueSubscribers": 5, "status": "completed", "export_url": "https://x"}
    with pytest.raises(TransientError, match="not about what was asked for"):
        ask(client(of_another))
    ask(client(of_another | {"id": 13}))
    ask(client(of_another | {"id": "13"}))


def test_import_that_is_looked_up_alone_is_not_confirmed_by_another_one():
    with pytest.raises(TransientError, match="not about what was asked for"):
        client(*FULL_PAGES, {"id": 12, "status": "completed"}).imports({13})
    assert client(*FULL_PAGES, {"id": 13, "status": "completed"}).imports({13}).wanted[13].state == "completed"


@pytest.mark.parametrize("info", [[], "none", 5, None])
@pytest.mark.parametrize("number", [78, "78"])
def test_import_is_found_whatever_form_its_entry_has(number, info):
    answer = {"processes": [{"id": True, "status": "queued"}, {"id": number, "status": "completed", "info": info}]}
    found = client(answer).imports({78}).wanted
    assert (found[78].state, found[78].reports) == ("completed", None)


@pytest.mark.parametrize("number", [0, -5, 1e30, 2**63, None, "x", 1.5])
def test_process_that_has_no_such_number_is_not_waited_for(number):
    with pytest.raises(TransientError, match="processId"):
        client({"processId": number}).import_contacts(b"{}")


def test_process_that_brevo_refuses_to_show_is_open():
    refusal = PermanentError("brevo_refused", "Brevo refused the request with status 400 (invalid_parameter).")
    assert look_up_export(Answering(refusal), 13) == ExportProcess("open")  # type: ignore[arg-type]
    assert client(*FULL_PAGES, refusal).imports({13}).wanted == {}


def test_page_behind_all_processes_may_leave_them_out_and_no_other_page_may():
    page = FULL_PAGES[0]
    found = client(page, {"count": 50}).imports({13}, until_open=True)
    assert (found.wanted, found.any_open) == ({}, False)
    for lacking in ({"count": 51}, {"count": 0}, {}):
        with pytest.raises(TransientError, match=r"lacks what it should have \(processes\)"):
            client(page, lacking).imports({13})
