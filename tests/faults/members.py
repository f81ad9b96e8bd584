"""A list whose members a story's export and others change: who is in it, and what changes that."""

from collections.abc import Iterable
from typing import Any

from shared.access import Caller
from tests.faults.conftest import Story

LIST = 12
ADMINISTRATOR = Caller("function key", "administrator")


def address(number: int) -> str:
    return f"person{number:02}@example.com"


def refresh(story: Story, numbers: Iterable[int]) -> None:
    rows = "".join(f"C-{n},{address(n)},Name{n}\n" for n in numbers)
    story.segment(f"CustomerId,EMail,FirstName\n{rows}")


def run(story: Story) -> dict[str, Any]:
    status = story.run(accept=True)
    assert status["status"] == "succeeded", status["error"]
    return status


def put_by_others(story: Story, numbers: Iterable[int], **more: Any) -> None:
    story.sandbox.seed(contacts=[{"email": address(n), "lists": [LIST], **more} for n in numbers])


def numbers(story: Story) -> set[int]:
    return {int(email[6:8]) for email in story.sent()}
