"""The vendor's endpoints for attributes and the account; each docstring names the page it follows."""

import re
from typing import Any

from local.brevo_sandbox.answers import Answer, ApiError, Request
from local.brevo_sandbox.faults import FaultKind
from local.brevo_sandbox.routing import route
from local.brevo_sandbox.seeding import attribute_of
from local.brevo_sandbox.state import Attribute
from local.brevo_sandbox.world import World

_CATEGORIES = ("normal", "transactional", "category", "calculated", "global")
_TYPES = ("text", "date", "float", "boolean", "id", "category", "multiple-choice", "user")
_NAME = re.compile(r"[A-Za-z_]\w{0,49}", re.ASCII)


@route("GET", "/contacts/attributes")
def get_attributes(world: World, _request: Request, _: FaultKind | None) -> Answer:
    """https://developers.brevo.com/reference/get-attributes"""
    return Answer.json({"attributes": [_attribute(each) for each in list(world.account.attributes)]})


@route("POST", "/contacts/attributes/{attributeCategory}/{attributeName}")
def create_attribute(world: World, request: Request, _: FaultKind | None) -> Answer:
    """https://developers.brevo.com/reference/create-attribute"""
    document = request.document()
    category, name = request.parameters["attributeCategory"], request.parameters["attributeName"]
    if category not in _CATEGORIES or not _NAME.fullmatch(name):
        raise ApiError(400, "invalid_parameter", "Invalid attribute category or name")
    kind = document.get("type")
    if category == "normal" and kind is None:
        raise ApiError(400, "missing_parameter", "type is missing")
    if kind is not None and kind not in _TYPES:
        raise ApiError(400, "invalid_parameter", "Invalid attribute type")
    _check_options(document)
    if not world.account.add_attribute(attribute_of(name, document | {"category": category})):
        raise ApiError(400, "duplicate_parameter", "Attribute name must be unique")
    return Answer.json({}, 201)


def _check_options(document: dict[str, Any]) -> None:
    enumeration = document.get("enumeration") or []
    options = document.get("multiCategoryOptions") or []
    if not isinstance(enumeration, list) or not isinstance(options, list):
        raise ApiError(400, "invalid_parameter", "Invalid attribute options")
    labels = [each.get("label") if isinstance(each, dict) else None for each in enumeration]
    if any(isinstance(each, dict) and type(each.get("value")) is not int for each in enumeration):
        raise ApiError(400, "invalid_parameter", "Invalid attribute options")
    if not all(isinstance(label, str) and len(label) <= 200 for label in [*labels, *options]):
        raise ApiError(400, "invalid_parameter", "Attribute options should have at most 200 characters")


def _attribute(each: Attribute) -> dict[str, Any]:
    document: dict[str, Any] = {"name": each.name, "category": each.category}
    if each.category in ("calculated", "global"):
        document["calculatedValue"] = each.formula
    else:
        document["type"] = each.type
    if each.enumeration:
        document["enumeration"] = [_option(value, label) for value, label in each.enumeration]
    if each.options:
        document["multiCategoryOptions"] = list(each.options)
    return document


def _option(value: str, label: str) -> dict[str, Any]:
    # `value` is 0 where the option's value is no number; https://developers.brevo.com/changelog/2026/5/1
    number = value.removeprefix("-")
    return {"value": int(value) if number.isascii() and number.isdigit() else 0, "valueStr": value, "label": label}


@route("GET", "/account")
def get_account(world: World, _request: Request, _: FaultKind | None) -> Answer:
    """https://developers.brevo.com/reference/get-account"""
    owner = {"email": "owner@example.com", "firstName": "Sandbox", "lastName": "Owner"}
    return Answer.json(
        owner
        | {
            "organization_id": "5fa2b8c123456789abcdef01",
            "user_id": 1234567,
            "enterprise": False,
            "companyName": "Sandbox Company",
            "address": {
                "city": "Leeds",
                "country": "United Kingdom",
                "street": "1 Test Street",
                "zipCode": "LS1",
            },
            "dateTimePreferences": {
                "timezone": "Europe/London",
                "timeFormat": "24",
                "dateFormat": world.settings.date_format,
            },
            "plan": [
                {"type": "subscription", "creditsType": "sendLimit", "credits": 40_000},
                {"type": "sms", "creditsType": "sendLimit", "credits": 0},
            ],
            "planVerticals": [],
            "relay": {
                "enabled": True,
                "data": {"userName": "owner@example.com", "relay": "smtp-relay.example.com", "port": 587},
            },
            "marketingAutomation": {"enabled": False},
        }
    )
