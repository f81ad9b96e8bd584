"""What is checked with Brevo before the first byte goes out: the key, the list, the attributes, the contract."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.brevo.answers import NotThere
from shared.brevo.attributes import AccountAttribute, fault_of, made_as
from shared.brevo.client import Account, BrevoClient
from shared.brevo.contact_export import request_nothing
from shared.config.mapping import AttributeType
from shared.config.models import Export
from shared.errors import ConfigurationError, ExportError, PermanentError, TransientError, did_you_mean


@dataclass(frozen=True, slots=True)
class Settled:
    """The attributes that are sent, those of them that are to be made first, with Brevo's type, and those left out."""

    attributes: Mapping[str, AccountAttribute]
    to_make: Mapping[str, str]
    left_out: list[str]


@dataclass(frozen=True, slots=True)
class Checked:
    """The mapped attributes as the account has them, those left out that it lacks, its allowance, the list's name.

    `to_make` are those of them that it does not have yet, with Brevo's type. `account_id` tells it from other accounts;
    empty where Brevo does not say. `key_mark` is that of the key that opened it.
    """

    attributes: Mapping[str, AccountAttribute]
    to_make: Mapping[str, str]
    left_out: list[str]
    allowance: str
    list_name: str
    account_id: str
    key_mark: str


def check_account(
    brevo: BrevoClient, export: Export, types: Mapping[str, AttributeType | None], *, must_answer: bool = False
) -> Checked:
    """Checks the key and the list, then the attributes, since an unknown one would be ignored without a word.

    Changes nothing: `make_missing` does. `types` has the type of each attribute as the mapping gives it, None where it
    gives none. Raises ConfigurationError: wrong key, blocked address, list missing, attributes missing, of another type
    or not to be written. `must_answer`: as `account_of` has it.
    """
    list_name = check_list(brevo, export.list_id)
    settled = settle(brevo.attributes(), export, types)
    account = account_of(brevo, must_answer=must_answer)
    allowance = allowance_text(account)
    mark = brevo.session.key_mark
    return Checked(settled.attributes, settled.to_make, settled.left_out, allowance, list_name, account.id, mark)


def make_missing(brevo: BrevoClient, checked: Checked) -> None:
    """Makes the attributes that the account lacked when it was checked, before anything is sent that has them.

    Raises TransientError where somebody has made one of another type meanwhile: its values were judged by this one.
    """
    there = brevo.attributes() if checked.to_make else {}
    for name, kind in checked.to_make.items():
        found = there.get(name) or _make(brevo, name, kind)
        if found and found.kind != checked.attributes[name].kind:
            raise TransientError(
                "attributes_changed", f"Somebody has made Brevo's attribute {name} meanwhile.", "It is tried again."
            )


def _make(brevo: BrevoClient, name: str, kind: str) -> AccountAttribute | None:
    """Makes the attribute; gives it where it is there by now, by another run or a try whose answer was lost."""
    try:
        brevo.create_attribute(name, kind)
    except PermanentError:
        if found := brevo.attributes().get(name):
            return found
        raise
    return None


def settle(
    account: Mapping[str, AccountAttribute], export: Export, types: Mapping[str, AttributeType | None]
) -> Settled:
    """What becomes of the mapped attributes in this account. Raises ConfigurationError as `check_account` does."""
    for name, given in types.items():
        if fault := fault_of(name, given, account.get(name)):
            raise fault
    known = {name: account[name] for name in types if name in account}
    missing = [name for name in types if name not in account]
    if missing and export.create_missing_attributes:
        made = {name: made_as(name, types[name]) for name in missing}
        new = {name: attribute for name, (attribute, _) in made.items()}
        return Settled(known | new, {name: kind for name, (_, kind) in made.items()}, [])
    if missing and not export.leave_out_missing_attributes:
        missing_text = [name + did_you_mean(name, account) for name in missing]
        raise ConfigurationError(
            "attributes_missing",
            f"The Brevo account lacks these attributes: {', '.join(missing_text)[:1000]}.",
            "Make them in Brevo, or set create_missing_attributes or leave_out_missing_attributes in the export.",
        )
    return Settled(known, {}, missing)


def check_list(brevo: BrevoClient, list_id: int) -> str:
    """The list's name. Raises ConfigurationError where there is none."""
    try:
        return brevo.list_name(list_id)
    except NotThere:
        raise ConfigurationError(
            "list_missing", f"Brevo has no list {list_id}.", "Correct list_id in the export, or make the list in Brevo."
        ) from None


def check_excluded_list(brevo: BrevoClient, list_id: int) -> str:
    """The list's name. Raises ConfigurationError where the account has no such list."""
    try:
        return brevo.list_name(list_id)
    except NotThere:
        raise ConfigurationError(
            "exclude_missing",
            f"Brevo has no list {list_id}, which is excluded.",
            "Correct exclude.list_ids in the export.",
        ) from None


def check_members_askable(brevo: BrevoClient) -> None:
    """Raises ConfigurationError where the account exports no contacts."""
    if message := why_no_export(brevo):
        raise ConfigurationError(
            "exclude_unknown",
            f"Brevo does not export contacts, so no run can ask who is in an excluded list: {message}",
            "Let the account and its key export contacts, or take the lists out of exclude.list_ids in the export, "
            "which sends their members.",
        )


def why_no_export(brevo: BrevoClient) -> str:
    """What Brevo says where the account exports no contacts; else empty. No contact is exported for this."""
    try:
        request_nothing(brevo.session)
    except PermanentError:
        return ""  # of the request, which names no list
    except ConfigurationError as error:
        return error.message
    return ""


def account_of(brevo: BrevoClient, *, must_answer: bool = False) -> Account:
    """The account; one that shows nothing where Brevo does not answer, for whatever reason.

    With `must_answer` raises TransientError where it does not answer just then: what is done depends on the account.
    """
    try:
        return brevo.account()
    except ExportError as error:
        if must_answer and isinstance(error, TransientError):
            raise
        return Account("", [])


def allowance_text(account: Account) -> str:
    """The contract's allowance in words; empty where the account shows none.

    Credits count e-mails to send, not contacts: they are shown, and never stop a run.
    """
    return ", ".join(f"{line.plan}: {line.credits:,.0f} left" for line in account.allowances)[:500]
