"""What is checked with Brevo before the first byte goes out: the key, the list, the attributes, the contract."""

from dataclasses import dataclass

from shared.brevo.answers import NotThere
from shared.brevo.client import BrevoClient
from shared.config.document import ReadyExport
from shared.config.models import AttributeType
from shared.errors import ConfigurationError, ExportError
from shared.mapping.plan import Plan

_BREVO_TYPE: dict[AttributeType | str, str] = {
    "text": "text",
    "phone": "text",
    "date": "date",
    "number": "float",
    "boolean": "boolean",
}


@dataclass(frozen=True, slots=True)
class Checked:
    """The plan as the account can take it, what was left out of it, and the contract's allowance in words."""

    plan: Plan
    left_out: list[str]
    allowance: str


def check_account(brevo: BrevoClient, ready: ReadyExport, plan: Plan) -> Checked:
    """Checks the key and the list, then the attributes, since an unknown one would be ignored without a word.

    Raises ConfigurationError: wrong key, blocked address, list missing, attributes missing.
    """
    check_list(brevo, ready.export.list_id)
    known = brevo.attributes()
    missing = [field for field in plan.fields if field.attribute not in known]
    left_out: list[str] = []
    if missing and ready.export.create_missing_attributes:
        for field in missing:
            brevo.create_attribute(field.attribute, _BREVO_TYPE[field.type])
    elif missing and ready.export.leave_out_missing_attributes:
        left_out = [field.attribute for field in missing]
        plan = plan.without(set(left_out))
    elif missing:
        raise ConfigurationError(
            "attributes_missing",
            f"The Brevo account lacks these attributes: {', '.join(field.attribute for field in missing)[:1000]}.",
            "Make them in Brevo, or set create_missing_attributes or leave_out_missing_attributes in the export.",
        )
    return Checked(plan, left_out, allowance(brevo))


def check_list(brevo: BrevoClient, list_id: int) -> str:
    """The list's name. Raises ConfigurationError where there is none."""
    try:
        return brevo.list_name(list_id)
    except NotThere as error:
        raise ConfigurationError(
            "list_missing", f"Brevo has no list {list_id}.", "Correct list_id in the export, or make the list in Brevo."
        ) from error


def allowance(brevo: BrevoClient) -> str:
    """The contract's allowance in words; empty where the account shows none, for whatever reason.

    Credits count e-mails to send, not contacts: they are shown, and never stop a run.
    """
    try:
        lines = brevo.allowance()
    except ExportError:
        return ""
    return ", ".join(f"{line.plan}: {line.credits:,.0f} {line.credits_type}".strip() for line in lines)[:500]
