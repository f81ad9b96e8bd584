"""What an export of contacts may ask for. Source: https://developers.brevo.com/reference/request-contact-export"""

from dataclasses import dataclass
from typing import Any, Literal, get_args

from local.brevo_sandbox.answers import ApiError
from local.brevo_sandbox.common_fields import check_flags, invalid, notify_url_of
from local.brevo_sandbox.state import Account

Action = Literal["allContacts", "subscribed", "unsubscribed", "unsubscribedPerList"]

_METADATA = ("_listIds", "ADDED_TIME", "MODIFIED_TIME")
_STATUSES = ("email_marketing", "sms_marketing")
_FLAGS = ("disableNotification", "exportMandatoryAttributes", "exportDateInUTC")


@dataclass(frozen=True, slots=True)
class ExportOrder:
    """An accepted export: whose contacts, and which columns beside the address."""

    action: Action
    list_id: int
    attributes: tuple[str, ...]
    metadata: tuple[str, ...]
    statuses: tuple[str, ...]
    notify_url: str
    disable_notification: bool


def check_export(document: dict[str, Any], account: Account) -> ExportOrder:
    """Read the body of `POST /contacts/export`. Raises: ApiError 400."""
    check_flags(document, _FLAGS)
    notify_url = notify_url_of(document)
    action, list_id = _filter(document.get("customContactFilter"), account)
    attributes = _texts(document, "exportAttributes")
    mandatory = document.get("exportMandatoryAttributes", True)
    if not mandatory and not attributes:
        raise ApiError(400, "missing_parameter", "exportAttributes is missing")
    metadata = _some_of(_METADATA, document, "exportMetadata")
    return ExportOrder(
        action=action,
        list_id=list_id,
        attributes=_known(attributes, account),
        metadata=tuple(dict.fromkeys([*(_METADATA[1:] if mandatory else ()), *metadata])),
        statuses=_some_of(_STATUSES, document, "exportSubscriptionStatus"),
        notify_url=notify_url,
        disable_notification=document.get("disableNotification", False),
    )


def _filter(wanted: object, account: Account) -> tuple[Action, int]:
    if not isinstance(wanted, dict):
        raise ApiError(400, "missing_parameter", "customContactFilter is missing")
    if "actionForContacts" not in wanted:
        if {"actionForEmailCampaigns", "actionForSmsCampaigns"} & set(wanted):
            raise invalid("exports by campaign are not available in the sandbox")
        raise ApiError(400, "missing_parameter", "actionForContacts is missing")
    action = wanted["actionForContacts"]
    if action not in get_args(Action):
        raise invalid("Invalid actionForContacts")
    if "listId" not in wanted:
        if "segmentId" in wanted:
            raise invalid("segmentId does not exist")
        raise ApiError(400, "missing_parameter", "listId or segmentId is missing")
    if type(wanted["listId"]) is not int or wanted["listId"] not in account.lists:
        raise invalid("listId does not exist")
    return action, wanted["listId"]


def _known(wanted: tuple[str, ...], account: Account) -> tuple[str, ...]:
    # The vendor's own example asks for "fname" and "email" in small letters.
    known = {attribute.name for attribute in account.attributes} | {"EMAIL"}
    names = [name.upper() for name in wanted]
    for name in names:
        if name not in known:
            raise invalid("exportAttributes has an attribute that does not exist")
    return tuple(name for name in dict.fromkeys(names) if name != "EMAIL")


def _some_of(known: tuple[str, ...], document: dict[str, Any], name: str) -> tuple[str, ...]:
    wanted = _texts(document, name)
    if not set(wanted) <= set(known):
        raise invalid(f"{name} should be some of {', '.join(known)}")
    return tuple(dict.fromkeys(wanted))


def _texts(document: dict[str, Any], name: str) -> tuple[str, ...]:
    wanted = document.get(name) or []
    if not isinstance(wanted, list) or not all(isinstance(each, str) for each in wanted):
        raise invalid(f"{name} should be an array of texts")
    return tuple(wanted)
