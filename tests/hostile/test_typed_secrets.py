"""Whatever is typed in the wrong place: no error that leaves a function, with all its causes, holds a word of it.

The host logs an error as the traceback module formats it, and so do these tests.
"""

import copy
import json
import sys
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import azure.functions as func
import pytest
from azure.core.exceptions import HttpResponseError, ServiceRequestError

import export_trigger.blueprint  # noqa: F401 - registers the routes
from blob_export import blueprint as blob_trigger
from export_trigger import entry
from export_trigger.entry import ENDPOINTS
from export_worker import blueprint as queue_trigger
from shared.administration.items import parse_item, parse_json, parse_strictly
from shared.app import App
from shared.config.document import parse_document, read_document, ready_export
from shared.config.models import Connection, Document, Export
from shared.errors import ExportError
from shared.runs.store import RunStore
from shared.settings import read_secret, read_settings
from shared.storage.account import open_storage
from shared.storage.failures import storage_failures
from shared.timer_schedule import TimerSchedule
from simulation.storage import Kept
from tests.memory_line import Line, VirtualClock
from tests.sizes import thinned
from timer_export import blueprint as timer_trigger

REPOSITORY = Path(__file__).resolve().parents[2]

# Each with the part that must appear nowhere.
SECRETS = {
    "Brevo key": "xkeysib-" + "0a1b2c3d" * 8 + "-AbCdEfGhIjKlMnOp",
    "signing secret": "whsec_" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo=",
    "Slack address": "https://hooks.slack.example/services/T000/B000/abcdefgh",
    "e-mail address": "ana.pop@example.com",
    "phone number": "+40 722 123 456",
    "connection string": "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo=",
    "link with a signature": "https://a.blob.core.windows.net/config/e.json?sv=2026&sig=QUJDREVGR0hJSktM",
}
DOCUMENT: dict[str, Any] = {
    "connections": [
        {
            "id": "brevo-eu",
            "display_name": "Brevo",
            "api_key": {"setting": "KEY"},
            "available_to": ["administrator"],
            "consent": {"agreed_by": "Admin", "agreed_on": "2026-11-01"},
            "date_format": "YYYY-MM-DD",
            "boolean_words": {"true": "Yes", "false": "No"},
        }
    ],
    "exports": [
        {
            "id": "gold",
            "display_name": "Gold",
            "connection": "brevo-eu",
            "list_id": 12,
            "source": {"container": "segments", "folder": "a/b", "date_format": "d.M.yyyy", "null_words": ["NULL"]},
            "segments": ["Gold"],
            "mapping": {
                "email": "EMail",
                "first_name": "FirstName",
                "attributes": {"BIRTHDAY": {"field": "B", "type": "date", "time_zone": "Europe/Bucharest"}},
            },
            "default_country": "RO",
            "schedule": {"cron": "0 5 * * *", "time_zone": "Europe/Bucharest"},
        }
    ],
    "notifications": [
        {
            "id": "team",
            "type": "webhook",
            "url": {"setting": "URL"},
            "secret": {"setting": "SECRET"},
            "on": ["failed"],
            "exports": ["gold"],
        }
    ],
}


@pytest.fixture(params=SECRETS)
def secret(request: pytest.FixtureRequest) -> str:
    return SECRETS[request.param]


# These put a secret into hundreds of places: by `make test` two of unlike form, by `make test-full` each of the others.
anywhere = pytest.mark.parametrize(
    "secret",
    [name if name in ("Brevo key", "phone number") else pytest.param(name, marks=pytest.mark.full) for name in SECRETS],
    indirect=True,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something is typed: each value, whole branches too."""
    if path:
        yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield from places(each, (*path, key))


def typed(document: Any, secret: str) -> Iterator[Any]:
    """The document with the secret in each place in turn: as the value, as another key beside it, as its list's."""
    for path in places(document):
        for put in (_as_value, _as_key, _in_the_stead_of_a_key, _in_a_list):
            changed = copy.deepcopy(document)
            inside = changed
            for key in path[:-1]:
                inside = inside[key]
            put(inside, path[-1], secret)
            yield changed


def _as_value(inside: Any, key: Any, secret: str) -> None:
    inside[key] = secret


def _as_key(inside: Any, key: Any, secret: str) -> None:
    if isinstance(inside, dict):
        inside[secret] = inside[key]


def _in_the_stead_of_a_key(inside: Any, key: Any, secret: str) -> None:
    if isinstance(inside, dict):
        inside[secret] = inside.pop(key)


def _in_a_list(inside: Any, key: Any, secret: str) -> None:
    inside[key] = [secret, {secret: secret}]


def check(act: Callable[[], object], secret: str) -> None:
    """Whatever it raises holds nothing of the secret, as the host would log it."""
    try:
        act()
    except Exception as error:  # noqa: BLE001 - every kind of error is looked at
        logged = "".join(traceback.format_exception(error))
        assert secret not in logged
        assert secret not in f"{error!r} {getattr(error, 'problems', '')} {getattr(error, 'advice', '')}"
        for word in secret.split():
            assert len(word) < 6 or word not in logged


@anywhere
def test_document_with_a_secret_anywhere(secret: str) -> None:
    for document in typed(DOCUMENT, secret):
        check(lambda document=document: parse_document(json.dumps(document).encode(), "config/e.json"), secret)
    for text in (secret, f'{{"{secret}": 1, "{secret}": 2}}', f'{{"a": {secret}}}', f'["{secret}"', f'"{secret}"'):
        check(lambda text=text: parse_document(text.encode(), "config/e.json"), secret)


def test_document_that_the_checks_take_is_one_that_holds_no_raw_key() -> None:
    accepted = 0
    for document in typed(DOCUMENT, SECRETS["Brevo key"]):
        try:
            parse_document(json.dumps(document).encode(), "e")
        except ExportError:
            continue
        accepted += SECRETS["Brevo key"] in json.dumps(document)
    assert not accepted


@anywhere
def test_connection_or_export_that_is_sent_with_a_secret_anywhere(secret: str) -> None:
    for model, whole in ((Connection, DOCUMENT["connections"][0]), (Export, DOCUMENT["exports"][0])):
        for item in typed(whole, secret):
            check(lambda item=item, model=model, whole=whole: parse_item(model, item, whole["id"]), secret)
            check(lambda item=item, model=model: parse_strictly(model, item), secret)
    check(lambda: parse_json(secret.encode()), secret)
    check(lambda: parse_item(Export, {}, secret), secret)


def test_id_that_is_a_secret_is_not_repeated(secret: str) -> None:
    document = parse_document(json.dumps(DOCUMENT).encode(), "e")
    check(lambda: ready_export(document, secret), secret)


@pytest.mark.parametrize(
    "name",
    thinned(
        [
            "AzureWebJobsStorage",
            "AzureWebJobsStorage__blobServiceUri",
            "AzureWebJobsStorage__accountName",
            "SEGMENT_STORAGE",
            "SEGMENT_STORAGE__blobServiceUri",
            "EXPORT_CONFIG",
            "BREVO_BASE_URL",
            "SNAPSHOT_QUIET_SECONDS",
            "SNAPSHOT_COMPLETE_HOURS",
            "PUBLIC_URL",
        ],
        3,
    ),
)
def test_setting_that_holds_the_secret_of_another(name: str, secret: str) -> None:
    # A full-width character in a host's name makes urlsplit quote it.
    for value in (secret, f"{secret} ", f"https://{secret}", f"https://[{secret}", f"https://{secret}.\u2100.example"):
        check(lambda value=value: read_settings({name: value}), value)
        check(lambda value=value: _opened({name: value}), secret)


def _opened(environment: dict[str, str]) -> Document:
    settings = read_settings(environment)
    open_storage(settings)
    blobs: Any = Kept(VirtualClock()).storage(Line()).app_blobs
    return read_document(settings.export_config, blobs)


def test_setting_with_a_secret_that_is_none(secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for value in (f"{secret} x", f"{secret}\u00e9", f"@Microsoft.KeyVault({secret})"):
        monkeypatch.setenv("KEY", value)
        check(lambda: read_secret("KEY"), secret)
    check(lambda: TimerSchedule.parse(secret, datetime.now(UTC)), secret)
    check(lambda: TimerSchedule.parse(f"0 0 0 1 1 {secret.replace(' ', '')}", datetime.now(UTC)), secret)


@pytest.mark.parametrize("kind", [ValueError, HttpResponseError, ServiceRequestError, KeyError, AttributeError])
def test_failure_of_storage_that_quotes_the_secret(kind: type[Exception], secret: str) -> None:
    def fails() -> None:
        with storage_failures("table runs"):
            raise kind(secret)

    if issubclass(kind, ValueError | HttpResponseError | ServiceRequestError):
        check(fails, secret)
    check(lambda: _called(queue_trigger.export_worker, fails), secret)


# Functions


def _called(function: Any, open_app: Callable[[], object], argument: Any = None) -> Any:
    """Calls the function as the host does, over this app."""
    called = function._function.get_user_function()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys.modules[called.__module__], "open_worker_app", open_app)
        return called(argument or SimpleNamespace(get_body=lambda: b"{}"))


@pytest.fixture
def broken(secret: str) -> Callable[[], App]:
    """An app whose configuration has the secret where the key's setting belongs."""
    storage = Kept(VirtualClock()).storage(Line())
    document = copy.deepcopy(DOCUMENT)
    document["connections"][0]["api_key"] = secret
    document["connections"][0]["consent"] = {"agreed_by": secret, "agreed_on": secret}
    document["notifications"][0]["url"] = secret
    storage.app_blobs.write("config", "e.json", json.dumps(document).encode())
    settings = read_settings({"EXPORT_CONFIG": "config/e.json"})
    return lambda: App(settings, storage, RunStore(storage))


def test_functions_over_a_configuration_with_a_secret(
    broken: Callable[[], App], secret: str, caplog: pytest.LogCaptureFixture
) -> None:
    subject = "/blobServices/default/containers/segments/blobs/a/b/Gold/2026/11/24/0500/Gold_1.csv"
    event = SimpleNamespace(event_type="Microsoft.Storage.BlobCreated", subject=subject)
    check(lambda: _called(timer_trigger.timer_export, broken), secret)
    check(lambda: _called(blob_trigger.blob_export, broken, event), secret)
    assert secret not in caplog.text


def test_functions_whose_parts_break_with_the_secret(
    secret: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def breaks(*_: object) -> None:
        try:
            raise ValueError(secret)
        except ValueError as error:
            raise KeyError(secret) from error

    for function in (
        timer_trigger.timer_export,
        queue_trigger.export_worker,
        queue_trigger.export_poison,
        queue_trigger.export_notices,
        queue_trigger.export_notices_poison,
    ):
        check(lambda function=function: _called(function, breaks), secret)
        with pytest.raises(Exception, match="KeyError at"):
            _called(function, breaks)
    assert secret not in caplog.text


def test_messages_and_events_that_are_secrets(
    broken: Callable[[], App], secret: str, caplog: pytest.LogCaptureFixture
) -> None:
    for text in (secret, json.dumps({"run": secret, "step": "stage"}), json.dumps({secret: secret})):
        message = SimpleNamespace(get_body=lambda text=text: text.encode())
        for function in (queue_trigger.export_worker, queue_trigger.export_poison):
            check(lambda function=function, message=message: _called(function, broken, message), secret)
        for function in (queue_trigger.export_notices, queue_trigger.export_notices_poison):
            check(lambda function=function, message=message: _called(function, broken, message), secret)
    for subject in (secret, f"/blobServices/default/containers/{secret}/blobs/{secret}.csv"):
        event = SimpleNamespace(event_type="Microsoft.Storage.BlobCreated", subject=subject)
        check(lambda event=event: _called(blob_trigger.blob_export, broken, event), secret)
    assert secret not in caplog.text


@pytest.mark.parametrize("name", [each.name for each in ENDPOINTS if each.name != "import_finished"])
def test_answer_of_the_api_over_a_configuration_with_a_secret(
    name: str, broken: Callable[[], App], secret: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(entry, "open_app", broken)
    endpoint = next(each for each in ENDPOINTS if each.name == name)
    function = next(
        each.build(auth_level=None).get_user_function()
        for each in entry.blueprint._function_builders
        if each._function.get_user_function().__name__ == name
    )
    for body in (json.dumps({"export": secret}), secret, json.dumps({secret: secret})):
        request = func.HttpRequest(
            endpoint.method, f"https://app.example.com/api/{endpoint.route}", body=body.encode(), params={},
            headers={}, route_params={"id": secret},
        )  # fmt: skip
        answer = function(request)
        assert secret not in answer.get_body().decode()
        assert json.dumps(secret)[1:-1] not in answer.get_body().decode()
    assert secret not in caplog.text
