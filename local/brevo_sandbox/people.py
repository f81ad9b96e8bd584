"""What people and their editors do to contacts beside all imports: join or leave a list, be blocked, be renamed.

A simulation does it between two exports; the vendor's counterparts are an unsubscription page and the account's UI.
"""

from typing import Any

from local.brevo_sandbox.settings import SandboxSettings
from local.brevo_sandbox.state import Account, is_email


def change_contacts(account: Account, changes: list[dict[str, Any]], settings: SandboxSettings) -> None:
    """Change contacts that exist, one after the other.

    Shape: `[{"email", "joins": [12], "leaves": [12], "removedFrom": [12], "emailBlacklisted", "smsBlacklisted",
    "newEmail"}]`; `leaves` names the lists that the contact unsubscribes from, whether it is in them or not, `joins`
    and `removedFrom` those that a colleague or a form puts it into, or that a colleague takes it out of.
    Raises: KeyError for an unknown contact or list, ValueError for a wrong or taken address.
    """
    with account.lock:
        for change in changes:
            contact = account.contacts[change["email"].strip().lower()]
            for number in change.get("joins", []):
                account.lists[number].join(contact)
            for number in change.get("leaves", []):
                account.lists[number].leave(contact)
            for number in change.get("removedFrom", []):
                account.lists[number].members.pop(contact.id, None)
            account.block(contact, email=change.get("emailBlacklisted"), sms=change.get("smsBlacklisted"))
            if "newEmail" in change:
                email = change["newEmail"].strip().lower()
                if not is_email(email):
                    raise ValueError("newEmail is no e-mail address")
                account.change_address(contact, email, lifts_block=settings.new_address_lifts_block)
