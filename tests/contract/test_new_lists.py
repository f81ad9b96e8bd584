"""A list that our client makes: in the app's folder, else in the first one, else in a folder that it makes."""

import pytest

from shared.brevo.new_list import FOLDER, make_list
from shared.errors import TransientError

ROUTE = "POST /contacts/lists"


def folder_of(sandbox, number):
    return sandbox.account.folders[sandbox.account.lists[number].folder_id]


def test_list_is_made_in_the_first_folder(session, sandbox):
    sandbox.seed(folders=[{"id": 7, "name": "Another"}])
    number = make_list(session, "Gold customers")
    assert sandbox.account.lists[number].name == "Gold customers"
    assert folder_of(sandbox, number) == "Your first folder"


def test_list_is_made_in_the_folder_of_the_app_wherever_that_stands(session, sandbox):
    sandbox.seed(folders=[*({"id": n, "name": f"Folder {n}"} for n in range(2, 60)), {"id": 60, "name": FOLDER}])
    assert folder_of(sandbox, make_list(session, "Gold")) == FOLDER


def test_folder_is_made_where_the_account_has_none(session, sandbox):
    sandbox.account.folders.clear()
    assert folder_of(sandbox, make_list(session, "Gold")) == FOLDER
    assert list(sandbox.account.folders.values()) == [FOLDER]


def test_list_whose_answer_is_lost_is_not_made_a_second_time_by_itself(session, sandbox):
    sandbox.fail_next(ROUTE, "reset-after")
    with pytest.raises(TransientError):
        make_list(session, "Gold")
    assert [each.name for each in sandbox.account.lists.values()].count("Gold") == 1
