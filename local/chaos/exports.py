"""An export with invented customers, what must become of them, and the Brevo account that it goes to."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from local.brevo_sandbox import BrevoSandbox
from local.sample_data import Expected, SegmentPlan, make_export
from local.sample_people import seeded

_BLOCKED, _PHONES_TAKEN = 4, 3
_CUSTOMERS_APART = 100_000


@dataclass(frozen=True)
class ExportUnderTest:
    """An export, its list, and what its sample data says must end up there."""

    id: str
    account: str
    list_id: int
    container: str
    segments: tuple[str, ...]
    expected: Expected
    members: dict[str, dict[str, str]]
    numbers_taken: frozenset[str]
    files: Mapping[str, bytes]

    def blob_names(self) -> list[str]:
        """The segment files, without model.json."""
        return [name for name in self.files if not name.endswith("model.json")]


@dataclass
class Account:
    """A Brevo account and what stood in it before anything ran."""

    name: str
    sandbox: BrevoSandbox
    imports_at_once: int
    strangers: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    blocked: set[str] = field(default_factory=set)


def make_export_under_test(
    account: Account, export_id: str, number: int, *, rows: int, flaws: float, seed: int
) -> ExportUnderTest:
    """Two overlapping segments with customers of the export's own.

    Some of its customers are in Brevo already and have unsubscribed; some have a phone number that a stranger has
    there, so that they reach the list without it.
    """
    step = rows - rows // 5
    first = number * _CUSTOMERS_APART
    plans = [
        SegmentPlan(
            name=f"Segment{letter}",
            rows=rows // 2,
            seed=seed,
            flaws=flaws,
            first_customer=first + place * step // 2,
            partitions=2,
        )
        for place, letter in enumerate("AB")
    ]
    made = make_export(*plans)
    members, taken = _seed(account, 100 + number, made.expected, seed)
    return ExportUnderTest(
        id=export_id,
        account=account.name,
        list_id=100 + number,
        container=export_id,
        segments=tuple(plan.name for plan in plans),
        expected=made.expected,
        members=members,
        numbers_taken=taken,
        files=made.files,
    )


def note_strangers(account: Account, exports: Sequence[ExportUnderTest], more: Iterable[str] = ()) -> None:
    """Writes down every contact that no export names, and who has unsubscribed."""
    account.blocked = set(account.sandbox.account.blocked)
    ours = {email for export in exports for email in export.members} | set(more)
    account.strangers |= {
        contact.email: stranger_facts(account.sandbox, contact)
        for contact in account.sandbox.account.snapshot()
        if contact.email not in ours
    }


def stranger_facts(sandbox: BrevoSandbox, contact: Any) -> tuple[Any, ...]:
    """All that must stay as it is of a contact that no export names."""
    account = sandbox.account
    return (
        tuple(sorted(account.attributes_of(contact).items())),
        tuple(account.lists_of(contact)),
        contact.email_blocked,
        contact.sms_blocked,
    )


def _seed(
    account: Account, list_id: int, expected: Expected, seed: int
) -> tuple[dict[str, dict[str, str]], frozenset[str]]:
    rng = seeded(seed, "seed", list_id)
    emails = sorted(expected.contacts)
    with_phone = [email for email in emails if "SMS" in expected.contacts[email]]
    taken = rng.sample(with_phone, min(_PHONES_TAKEN, len(with_phone)))
    unsubscribed = rng.sample(sorted(set(emails) - set(taken)), min(_BLOCKED, len(emails) - len(taken)))
    account.sandbox.seed(
        lists=[{"id": list_id, "name": f"List {list_id}"}],
        contacts=[
            *(
                {"email": email, "attributes": {"COUNTRY": "Atlantis"}, "lists": [13], "emailBlacklisted": True}
                for email in unsubscribed
            ),
            *(
                {
                    "email": f"stranger{list_id}.{place}@example.net",
                    "attributes": {"SMS": expected.contacts[email]["SMS"], "CITY": "Elsewhere"},
                    "lists": [13],
                }
                for place, email in enumerate(taken)
            ),
        ],
    )
    members = {email: dict(expected.contacts[email]) for email in emails}
    for email, member in members.items():
        if "SMS" in member:
            member["SMS"] = member["SMS"].lstrip("+")
        if email in taken:
            del member["SMS"]
    for email in unsubscribed:
        members[email]["COUNTRY"] = "Atlantis"
    return members, frozenset(taken)
