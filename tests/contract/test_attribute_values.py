"""What the account says of its attributes, and what becomes of values that do not fit them."""

from collections.abc import Callable

import pytest
from brevo import Brevo

from local.brevo_sandbox import BrevoSandbox

RunImport = Callable[..., dict]
ANA = "ana@example.com"


@pytest.fixture(autouse=True)
def attributes(sandbox: BrevoSandbox) -> None:
    """One attribute of each kind that the default account lacks."""
    sandbox.seed(
        attributes=[
            {
                "name": "SPEAKS",
                "category": "category",
                "enumeration": [{"value": "en", "label": "English"}, {"value": "-2", "label": "French"}],
            },
            {"name": "ORDERS", "category": "calculated", "value": "COUNT[ORDER_ID]"},
            {"name": "ORDER_ID", "category": "transactional", "type": "id"},
            {"name": "OWNER", "type": "user"},
        ]
    )


def _stored(run_import: RunImport, sandbox: BrevoSandbox, name: str, value: object) -> object:
    run_import({"email": ANA, "attributes": {name: value}})
    return sandbox.members(12)[ANA].get(name)


@pytest.mark.parametrize(
    ("name", "category", "kind"),
    [
        ("FIRSTNAME", "normal", "text"),
        ("BIRTHDAY", "normal", "date"),
        ("LIFETIME_VALUE", "normal", "float"),
        ("NEWSLETTER_OPT_IN", "normal", "boolean"),
        ("INTERESTS", "normal", "multiple-choice"),
        ("OWNER", "normal", "user"),
        ("ORDER_ID", "transactional", "id"),
        ("LOYALTY_TIER", "category", "text"),
        ("ORDERS", "calculated", None),
        ("BLACKLIST", "global", None),
        ("EXT_ID", "normal", "text"),
        ("SMS", "normal", "text"),
        ("WHATSAPP", "normal", "text"),
        ("LANDLINE_NUMBER", "normal", "text"),
    ],
)
def test_official_client_reads_category_and_type_of_an_attribute(brevo: Brevo, name: str, category: str, kind: str):
    (found,) = (each for each in brevo.contacts.get_attributes().attributes if each.name == name)
    assert (found.category, found.type) == (category, kind)


def test_official_client_reads_the_options_of_a_category_with_their_values_as_texts(brevo: Brevo):
    found = {each.name: each for each in brevo.contacts.get_attributes().attributes}
    assert [(each.value, each.value_str, each.label) for each in found["LOYALTY_TIER"].enumeration] == [
        (1, "1", "Bronze"),
        (2, "2", "Silver"),
        (3, "3", "Gold"),
    ]
    assert [(each.value, each.value_str) for each in found["SPEAKS"].enumeration] == [(0, "en"), (-2, "-2")]
    assert found["ORDERS"].calculated_value == "COUNT[ORDER_ID]"
    assert found["FIRSTNAME"].enumeration is None and found["FIRSTNAME"].multi_category_options is None


@pytest.mark.parametrize(
    ("takes", "sent", "stored"),
    [
        ("label_or_value", "English", "English"),
        ("label_or_value", "en", "English"),
        ("label_or_value", -2, "French"),
        ("label_or_value", "german", None),
        ("label_or_value", True, None),
        ("value", "English", None),
        ("value", "en", "English"),
        ("value", "-2", "French"),
    ],
)
def test_category_takes_its_values_and_perhaps_its_labels(
    run_import: RunImport, sandbox: BrevoSandbox, takes: str, sent: object, stored: str | None
):
    sandbox.change(category_takes=takes)
    assert _stored(run_import, sandbox, "SPEAKS", sent) == stored


@pytest.mark.parametrize(("long_text", "kept"), [("dropped", None), ("cut", "é" * 20)])
def test_text_beyond_the_limit_is_dropped_or_cut_where_there_is_one(
    run_import: RunImport, sandbox: BrevoSandbox, long_text: str, kept: str | None
):
    assert _stored(run_import, sandbox, "FIRSTNAME", "é" * 20_000) == "é" * 20_000
    sandbox.change(text_limit=20, long_text=long_text)
    assert _stored(run_import, sandbox, "CITY", "é" * 21) == kept
    assert _stored(run_import, sandbox, "CITY", "e" * 20) == "e" * 20


@pytest.mark.parametrize("name", ["SMS", "WHATSAPP", "LANDLINE_NUMBER"])
@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("+40722000001", "40722000001"),
        ("0040722000001", "40722000001"),
        (40722000001, "40722000001"),
        ("40 722-000.001", "40722000001"),
        ("0722000001", None),
        ("40722000001.0", "407220000010"),
        ("call me", None),
        (True, None),
    ],
)
def test_each_kind_of_number_is_stored_as_digits_with_the_country_code(
    run_import: RunImport, sandbox: BrevoSandbox, name: str, sent: object, stored: str | None
):
    assert _stored(run_import, sandbox, name, sent) == stored


@pytest.mark.parametrize(
    ("name", "value"), [("ORDERS", 3), ("BLACKLIST", 1), ("ORDER_ID", "A-1"), ("MISSING", "x"), ("firstname", "Ana")]
)
def test_attribute_that_an_import_cannot_write_is_ignored_without_a_word(
    run_import: RunImport, sandbox: BrevoSandbox, name: str, value: object
):
    assert _stored(run_import, sandbox, name, value) is None
    assert sandbox.imports.records()[0].ignored_attributes == {name: 1}


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        (["Tea", "Coffee"], ["Tea", "Coffee"]),
        ("Tea,Coffee", ["Tea", "Coffee"]),
        (["Tea", "tea"], ["Tea"]),
        (["Golf"], None),
        ({"Tea": 1}, None),
        (5, None),
    ],
)
def test_multiple_choice_keeps_the_options_that_it_has(
    run_import: RunImport, sandbox: BrevoSandbox, sent: object, stored: list | None
):
    assert _stored(run_import, sandbox, "INTERESTS", sent) == stored


def test_single_contact_loses_a_value_that_does_not_fit_as_an_import_does(brevo: Brevo):
    number = brevo.contacts.create_contact(email=ANA, attributes={"LIFETIME_VALUE": "1,5", "CITY": "Cluj"}).id
    assert brevo.contacts.get_contact_info(number).attributes.model_dump() == {"CITY": "Cluj"}
