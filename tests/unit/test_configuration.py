"""A wrong configuration is refused, each fault in one line with the path to its field."""

# ruff: noqa: E501 - a table reads best with a case a line

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from shared.config.document import DocumentError, parse_document

GOOD = json.loads((Path(__file__).parents[2] / "config" / "exports.json").read_text())
EXPORT, CONNECTION = ("exports", 0), ("connections", 0)


def problems(data: bytes | str) -> list[str]:
    with pytest.raises(DocumentError) as caught:
        parse_document(data.encode() if isinstance(data, str) else data, "exports.json")
    for problem in caught.value.problems:
        assert problem.startswith("exports.json: ")
        assert "\n" not in problem
    return [problem.removeprefix("exports.json: ") for problem in caught.value.problems]


def changed(path: tuple[Any, ...], value: Any) -> str:
    """The good document with one value put somewhere."""
    document = copy.deepcopy(GOOD)
    place = document
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    return json.dumps(document)


def without(*path: Any) -> str:
    document = copy.deepcopy(GOOD)
    place = document
    for part in path[:-1]:
        place = place[part]
    del place[path[-1]]
    return json.dumps(document)


def test_document_in_the_repository_is_right():
    document = parse_document(json.dumps(GOOD).encode(), "exports.json")
    assert document.exports[0].max_shrink == 0.5
    assert document.exports[0].mapping.phone_attribute == "SMS"


def test_byte_order_mark_is_no_fault():
    assert parse_document(b"\xef\xbb\xbf" + json.dumps(GOOD).encode(), "x").exports[0].list_id == 12


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        (("conections",), [], "conections: is not a known key; remove it or correct its name (did you mean connections?)"),
        ((*EXPORT, "listid"), 12, "exports[0].listid: is not a known key; remove it or correct its name (did you mean list_id?)"),
        ((*EXPORT, "mapping", "mobile"), "T", "exports[0].mapping.mobile: is not a known key; remove it or correct its name"),
        ((*CONNECTION, "api_key", "value"), "x", "connections[0].api_key.value: is not a known key; remove it or correct its name"),
        ((*CONNECTION, "api_key"), "0123456789abcdef", 'connections[0].api_key: holds a raw key; write {"setting": "NAME"} and put the key into that setting'),
        ((*EXPORT, "list_id"), "12", "exports[0].list_id: must be a whole number, such as 12, without quotes"),
        ((*EXPORT, "list_id"), 12.0, "exports[0].list_id: must be a whole number, such as 12, without quotes"),
        ((*EXPORT, "list_id"), True, "exports[0].list_id: must be a whole number, such as 12, without quotes"),
        ((*EXPORT, "list_id"), 0, "exports[0].list_id: must be 1 or more"),
        ((*EXPORT, "default_country"), "ro", "exports[0].default_country: is not a country code of two letters, such as RO"),
        ((*EXPORT, "default_country"), "XX", "exports[0].default_country: is not a country code of two letters, such as RO"),
        ((*EXPORT, "default_country"), "Romania", "exports[0].default_country: is not a country code of two letters, such as RO"),
        ((*EXPORT, "segments"), ["A", "A"], "exports[0].segments: names a segment twice"),
        ((*EXPORT, "sync_mode"), "some", "exports[0].sync_mode: must be 'full', 'changes_only', 'mirror' or 'mirror_exact'"),
        ((*EXPORT, "max_rejected"), 50, "exports[0].max_rejected: must be 1 or less"),
        ((*EXPORT, "mapping", "attributes"), {"FIRSTNAME": "X"}, "exports[0].mapping: attribute FIRSTNAME is mapped twice"),
        ((*EXPORT, "mapping", "attributes"), {"firstname": "X"}, "exports[0].mapping: attribute FIRSTNAME is mapped twice"),
        ((*EXPORT, "mapping", "attributes"), {"Email": "X"}, 'exports[0].mapping: attribute EMAIL is the address itself; map it with "email"'),
        ((*EXPORT, "mapping", "last_name"), {"field": "L", "attribute": "FIRSTNAME"}, "exports[0].mapping: attribute FIRSTNAME is mapped twice"),
        ((*EXPORT, "mapping", "phone"), {"field": "T", "type": "number"}, "exports[0].mapping.phone: takes no type: names and phone numbers are text"),
        ((*EXPORT, "connection"), "brevo-us", "document: export high-value uses the connection brevo-us, which is not there (did you mean brevo-eu?)"),
        ((*EXPORT, "source", "folder"), "../other", "exports[0].source: folder must be a plain path such as CustomerInsights_abcd1234/BlobExport"),
        ((*EXPORT, "source", "folder"), "a//b", "exports[0].source: folder must be a plain path such as CustomerInsights_abcd1234/BlobExport"),
        ((*EXPORT, "source", "delimiter"), "::", "exports[0].source.delimiter: must be ',', ';', '\\t' or '|'"),
        ((*EXPORT, "create_missing_attributes"), "perhaps", "exports[0].create_missing_attributes: must be true or false, without quotes"),
        ((*CONNECTION, "available_to"), ["boss"], "connections[0].available_to[0]: must be 'administrator', 'contributor' or 'viewer'"),
        ((*CONNECTION, "consent"), {"agreed_by": "x", "agreed_on": "yesterday"}, "connections[0].consent.agreed_on: must be a date such as 2026-11-24, in quotes"),
        ((*CONNECTION, "consent"), {"agreed_by": " ", "agreed_on": "2026-11-24"}, "connections[0].consent.agreed_by: takes a name that can be seen"),
        ((*CONNECTION, "consent"), {"agreed_by": "\u200b\u2800", "agreed_on": "2026-11-24"}, "connections[0].consent.agreed_by: takes a name that can be seen"),
        ((*CONNECTION, "imports_at_once"), 0, "connections[0].imports_at_once: must be 1 or more"),
    ],
    ids=lambda value: ".".join(map(str, value)) if isinstance(value, tuple) else None,
)  # fmt: skip
def test_fault_is_told_in_one_line_with_its_path(path, value, expected):
    assert problems(changed(path, value)) == [expected]


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ((*EXPORT, "mapping", "attributes"), {"CITY": {"field": "C", "attribute": "X"}}, "exports[0].mapping.attributes.CITY: takes no attribute: its key is the attribute's name already"),
        ((*EXPORT, "schedule"), {"cron": "61 * * * *"}, "exports[0].schedule: cron line '61 * * * *' cannot be read"),
        ((*EXPORT, "schedule"), {"cron": "* * * * * *"}, "exports[0].schedule: cron takes five fields: minute hour day month weekday"),
        ((*EXPORT, "schedule"), {"cron": "0 0 30 2 *"}, "exports[0].schedule: cron line '0 0 30 2 *' cannot be read"),
        ((*EXPORT, "schedule"), {"cron": "0 5 * * *", "time_zone": "Bucharest"}, "exports[0].schedule: time_zone 'Bucharest' is not known; use a name such as Europe/Bucharest"),
        ((*EXPORT, "schedule"), {"cron": "0 5 * * *", "time_zone": "localtime"}, "exports[0].schedule: time_zone 'localtime' is not known; use a name such as Europe/Bucharest"),
        ((*EXPORT, "schedule"), {"cron": "0 5 * * *", "time_zone": "right/UTC"}, "exports[0].schedule: time_zone 'right/UTC' is not known; use a name such as Europe/Bucharest"),
        ((*EXPORT, "schedule"), {"cron": "0 5 * * *", "time_zone": "../../etc/passwd"}, "exports[0].schedule: time_zone '../../etc/passwd' is not known; use a name such as Europe/Bucharest"),
    ],
)  # fmt: skip
def test_fault_within_one_of_two_forms_is_told_in_one_line(path, value, expected):
    assert problems(changed(path, value)) == [expected]


@pytest.mark.parametrize("value", ["sometimes", 5, {"time_zone": "UTC"}], ids=repr)
def test_every_line_about_a_wrong_schedule_has_its_path(value):
    assert all(line.startswith("exports[0].schedule") for line in problems(changed((*EXPORT, "schedule"), value)))


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ((*EXPORT, "list_id"), "exports[0].list_id: is missing; add it"),
        ((*EXPORT, "connection"), "exports[0].connection: is missing; add it"),
        ((*EXPORT, "mapping", "email"), "exports[0].mapping.email: is missing; add it"),
        ((*EXPORT, "source", "folder"), "exports[0].source.folder: is missing; add it"),
        ((*CONNECTION, "api_key"), "connections[0].api_key: is missing; add it"),
        ((*CONNECTION, "id"), "connections[0].id: is missing; add it"),
    ],
)
def test_missing_field_is_told_with_its_path(path, line):
    assert problems(without(*path)) == [line]


@pytest.mark.parametrize("kind", ["exports", "connections"])
def test_id_that_is_there_twice_is_named(kind):
    document = copy.deepcopy(GOOD)
    document[kind] *= 2
    singular = kind.removesuffix("s")
    assert problems(json.dumps(document)) == [f"document: {singular} {document[kind][0]['id']} is there twice"]


@pytest.mark.parametrize("name", ["", "A", "-a", "a-", "a" * 51, "a/b", "a_b", "ä", 7, None], ids=repr)
@pytest.mark.parametrize("part", [EXPORT, CONNECTION], ids=["export", "connection"])
def test_id_that_is_not_safe_in_a_path_is_refused(part, name):
    assert any(line.startswith(f"{part[0]}[0].id: ") for line in problems(changed((*part, "id"), name)))


@pytest.mark.parametrize("name", ["Gold", "a", "Gold.v2", ".hidden", "VIP - RO_2", "x" * 100])
def test_segment_whose_name_can_stand_in_a_path_is_taken(name):
    assert parse_document(changed((*EXPORT, "segments"), [name]).encode(), "x").exports[0].segments == [name]


@pytest.mark.parametrize(
    "name", [".", "..", "...", "Gold.", " ", " Gold", "Gold ", "a/b", "a\\b", "ä", "", "a\n", "x" * 101]
)
def test_segment_whose_name_would_lead_elsewhere_or_nowhere_is_refused_in_words(name):
    assert problems(changed((*EXPORT, "segments"), [name])) == [
        "exports[0].segments[0]: takes letters, digits, blanks, hyphens, dots and underscores, at most 100, "
        "with no blank at either end and no dot at the end"
    ]


@pytest.mark.parametrize("folder", ["a.", "a/b./c", "a/...", "/..", "a\\b"])
def test_folder_with_a_part_that_cannot_stand_in_a_path_is_refused(folder):
    assert problems(changed((*EXPORT, "source", "folder"), folder)) == [
        "exports[0].source: folder must be a plain path such as CustomerInsights_abcd1234/BlobExport"
    ]


@pytest.mark.parametrize(
    "path",
    [(*EXPORT, "display_name"), (*CONNECTION, "api_key"), (*CONNECTION, "api_key", "setting"), (*EXPORT, "note"), ("xkeysib-0a",)],
    ids=lambda path: str(path[-1]),
)  # fmt: skip
def test_raw_brevo_key_is_refused_wherever_it_stands_and_not_repeated(path):
    key = "xkeysib-" + "0a" * 32 + "-AbCdEfGh"
    lines = problems(changed(path, key))
    assert lines == ["document: holds a raw Brevo key; put it into a setting and name the setting"]


def test_raw_key_is_not_repeated_in_the_line_that_refuses_it():
    assert "0123456789abcdef" not in str(problems(changed((*CONNECTION, "api_key"), "0123456789abcdef")))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "line 1: is not JSON (Expecting value)"),
        ("   \n\n", "line 3: is not JSON (Expecting value)"),
        ('{\n "exports": [],\n}', "line 2: is not JSON (Illegal trailing comma before end of object)"),
        ('{"exports": []} trailing', "line 1: is not JSON (Extra data)"),
        ('{"exports": [], "exports": []}', "the key 'exports' is there twice"),
        ('{"exports": [{"id": "a", "id": "b"}]}', "the key 'id' is there twice"),
        (json.dumps(GOOD).encode("utf-16"), "is not UTF-8 text"),
        (b'{"exports": "\xe9"}', "is not UTF-8 text"),
        ("[" * 100_000, "is nested too deeply"),
        ('{"a":' * 100_000, "is nested too deeply"),
        ("[]", "document: must be an object: {…}"),
        ("null", "document: must be an object: {…}"),
        ('{"exports": {}}', "exports: must be a list: […]"),
        ('{"exports": [7]}', "exports[0]: must be an object: {…}"),
    ],
    ids=lambda value: repr(value[:20]),
)
def test_what_is_no_document_is_told_with_its_line(text, line):
    assert problems(text) == [line]


def test_every_fault_has_a_line_of_its_own():
    document = copy.deepcopy(GOOD)
    document["exports"][0]["list_id"] = "12"
    document["exports"][0]["default_country"] = "XX"
    document["connections"][0]["colour"] = "red"
    found = problems(json.dumps(document))
    assert [line.split(":")[0] for line in found] == [
        "connections[0].colour",
        "exports[0].list_id",
        "exports[0].default_country",
    ]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1", "1.5"])
def test_share_that_is_no_share_is_refused(number):
    text = json.dumps(GOOD).replace('"sync_mode"', f'"max_shrink": {number}, "sync_mode"')
    assert [line.split(":")[0] for line in problems(text)] == ["exports[0].max_shrink"]


@pytest.mark.parametrize(
    ("exclude", "line"),
    [
        ({"list_ids": [GOOD["exports"][0]["list_id"]]}, f"exports[0]: exclude.list_ids names the export's own list {GOOD['exports'][0]['list_id']}"),
        ({"segments": [GOOD["exports"][0]["segments"][0]]}, f"exports[0]: exclude.segments names the export's own segment {GOOD['exports'][0]['segments'][0]}"),
        ({"segments": ["Staff", "Staff"]}, "exports[0].exclude: names a segment or list twice"),
        ({"list_ids": [77, 77]}, "exports[0].exclude: names a segment or list twice"),
        ({"list_ids": list(range(100, 121))}, "exports[0].exclude.list_ids: must have 20 entries or fewer"),
        ({"segments": [f"S{n}" for n in range(21)]}, "exports[0].exclude.segments: must have 20 entries or fewer"),
        ({"list_ids": ["77"]}, "exports[0].exclude.list_ids[0]: must be a whole number, such as 12, without quotes"),
        ({"list_ids": [0]}, "exports[0].exclude.list_ids[0]: must be 1 or more"),
        ({"lists": [77]}, "exports[0].exclude.lists: is not a known key; remove it or correct its name (did you mean list_ids?)"),
    ],
)  # fmt: skip
def test_exclusion_that_cannot_be_is_told_in_one_line(exclude, line):
    document = copy.deepcopy(GOOD)
    document["exports"][0]["exclude"] = exclude
    assert problems(json.dumps(document)) == [line]


@pytest.mark.parametrize("false", ["Yes", "yes", " YES "])
def test_one_word_for_true_and_false_is_refused_since_an_opt_out_would_be_lost(false):
    document = copy.deepcopy(GOOD)
    document["connections"][0]["boolean_words"] = {"true": "Yes", "false": false}
    assert problems(json.dumps(document)) == [
        "connections[0].boolean_words: has one word for true and false, so a no would be sent as a yes"
    ]


def test_word_of_blanks_for_false_is_refused_since_brevo_would_keep_the_yes_that_it_has():
    document = copy.deepcopy(GOOD)
    document["connections"][0]["boolean_words"] = {"true": "Yes", "false": " "}
    assert problems(json.dumps(document)) == ["connections[0].boolean_words.false: takes a name that can be seen"]


TEAM = {"id": "team", "type": "teams", "url": {"setting": "TEAMS_WEBHOOK_URL"}}


def told(**changes: Any) -> str:
    return json.dumps(GOOD | {"notifications": [TEAM | changes]})


def test_notification_is_for_every_event_of_every_export_unless_it_says_otherwise():
    (found,) = parse_document(told().encode(), "x").notifications
    assert found.on == ["failed", "guard", "held", "expired", "rejections", "recovered"]
    assert (found.exports, found.rejected_share) == ("all", 0.05)
    assert parse_document(json.dumps(GOOD).encode(), "x").notifications == []


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"url": "https://a.example/?sig=0123456789abcdef"}, 'notifications[0].url: holds a raw address; write {"setting": "NAME"} and put the address into that setting'),
        ({"type": "webhook", "secret": "whsec_0123456789abcdef"}, 'notifications[0].secret: holds a raw secret; write {"setting": "NAME"} and put the secret into that setting'),
        ({"type": "webhook"}, 'notifications[0]: a webhook takes a secret: {"setting": "NAME"} of the setting that holds it'),
        ({"secret": {"setting": "S"}}, "notifications[0]: teams takes no secret: only a webhook's messages are signed"),
        ({"type": "mail"}, "notifications[0].type: must be 'teams', 'slack' or 'webhook'"),
        ({"on": ["success"]}, "notifications[0].on[0]: must be 'failed', 'guard', 'held', 'expired', 'rejections' or 'recovered'"),
        ({"on": []}, "notifications[0].on: must have 1 entry or more"),
        ({"on": ["failed", "failed"]}, "notifications[0]: on and exports name each event and export once"),
        ({"rejected_share": 5}, "notifications[0].rejected_share: must be 1 or less"),
        ({"exports": "some"}, "notifications[0].exports: must be 'all'"),
        ({"exports": ["A B"]}, "notifications[0].exports[0]: takes small letters, digits and hyphens, at most 50, with no hyphen at either end"),
        ({"exports": ["gone"]}, "document: notification team is for the export gone, which is not there"),
        ({"to": "ana"}, "notifications[0].to: is not a known key; remove it or correct its name"),
    ],
)  # fmt: skip
def test_wrong_notification_is_told_in_one_line_and_its_secret_not_repeated(changes, line):
    assert problems(told(**changes)) == [line]
    assert "0123456789abcdef" not in line


def test_notification_that_is_there_twice_is_named():
    assert problems(json.dumps(GOOD | {"notifications": [TEAM, TEAM]})) == [
        "document: notification team is there twice"
    ]


OWN_SETTINGS = [
    "AzureWebJobsStorage", "azurewebjobsstorage__accountName", "SEGMENT_STORAGE", "SEGMENT_STORAGE__blobServiceUri",
    "WEBSITE_CONTENTAZUREFILECONNECTIONSTRING", "WEBSITES_PORT", "FUNCTIONS_EXTENSION_VERSION", "AZURE_CLIENT_SECRET",
    "APPLICATIONINSIGHTS_CONNECTION_STRING", "APPINSIGHTS_INSTRUMENTATIONKEY", "IDENTITY_HEADER", "MSI_SECRET",
    "OTEL_EXPORTER_OTLP_HEADERS", "SQLCONNSTR_Main", "CUSTOMCONNSTR_X", "SNAPSHOT_QUIET_SECONDS", "EXPORT_CONFIG",
    "EXPORT_SCHEDULE", "BREVO_BASE_URL", "PUBLIC_URL", "APP_SECRET", "WEBHOOK_SECRET", "HTTPS_PROXY",
    "SCM_DO_BUILD_DURING_DEPLOYMENT", "APPSETTING_AzureWebJobsStorage", "appsetting_APP_SECRET",
    "MICROSOFT_PROVIDER_AUTHENTICATION_SECRET", "DEPLOYMENT_STORAGE_CONNECTION_STRING", "CONTAINER_ENCRYPTION_KEY",
    "AzureWebEncryptionKey", "MACHINEKEY_DecryptionKey", "AzureFunctionsJobHost__logging",
]  # fmt: skip
NO_OWN = "is a setting of the app, of storage or of the platform; name one that is there for this alone"


@pytest.mark.parametrize("name", OWN_SETTINGS)
def test_setting_of_the_app_or_platform_is_no_secret_to_be_sent_anywhere(name):
    key = json.dumps(GOOD | {"connections": [GOOD["connections"][0] | {"api_key": {"setting": name}}]})
    assert problems(key) == [f"connections[0].api_key.setting: {NO_OWN}"]
    assert problems(told(url={"setting": name})) == [f"notifications[0].url.setting: {NO_OWN}"]
    assert problems(told(type="webhook", secret={"setting": name})) == [f"notifications[0].secret.setting: {NO_OWN}"]


@pytest.mark.parametrize("name", ["BREVO_API_KEY", "BREVO_BASE_URL_KEY", "MSIX", "KEY", "TEAMS_WEBHOOK_URL"])
def test_any_other_setting_may_hold_a_key(name):
    document = GOOD | {"connections": [GOOD["connections"][0] | {"api_key": {"setting": name}}]}
    assert parse_document(json.dumps(document).encode(), "c").connections[0].api_key.setting == name
