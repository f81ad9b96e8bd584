"""The plan as the Brevo account decides it: the types and options of its attributes."""

from collections.abc import Mapping

from shared.brevo.attributes import AccountAttribute
from shared.brevo.checks import Checked, check_account, settle
from shared.brevo.client import BrevoClient
from shared.config.models import Export
from shared.mapping.plan import Plan, check_size


def decided(plan: Plan, export: Export, brevo: BrevoClient, *, must_answer: bool) -> tuple[Plan, Checked]:
    """The plan of a run, once the account is checked; missing attributes are in it that are to be made.

    `must_answer`: it is to be known which account it is. Raises as `check_account` does, and ConfigurationError for
    more attributes to make than can be sent.
    """
    if export.create_missing_attributes:
        check_size(plan)
    checked = check_account(brevo, export, plan.types, must_answer=must_answer)
    return _with(plan, checked.attributes), checked


def decided_by(plan: Plan, export: Export, account: Mapping[str, AccountAttribute]) -> Plan:
    """The plan that a run would have in an account with these attributes. Raises as `check_account` does."""
    return _with(plan, settle(account, export, plan.types).attributes)


def _with(plan: Plan, attributes: Mapping[str, AccountAttribute]) -> Plan:
    return plan.with_types(
        {
            name: (attribute.kind, attribute.options)
            for name, attribute in attributes.items()
            if attribute.kind != "read_only" and attribute.kind != "unknown"
        }
    )
