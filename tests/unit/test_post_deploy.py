"""What azd's hook does after the code is deployed."""

import json
from pathlib import Path

import pytest

from local.serve_marks import marks
from shared.app_secret import app_secret
from shared.config.document import parse_document
from tests.receiver import receiver
from tests.unit.hooks import load

ROOT = Path(__file__).parents[2]
ENV = {
    "AZURE_SUBSCRIPTION_ID": "sub",
    "AZURE_RESOURCE_GROUP": "rg-x",
    "AZURE_FUNCTION_APP_NAME": "func-x",
    "AZURE_FUNCTION_APP_URL": "https://func-x.azurewebsites.net",
    "AZURE_STORAGE_ACCOUNT_NAME": "stx",
    "AZURE_KEY_VAULT_NAME": "kv-x",
    "AZURE_CONFIG_BLOB": "config/exports.json",
    "AZURE_SEGMENT_ACCOUNT_NAME": "stseg",
    "AZURE_SEGMENT_RESOURCE_GROUP": "rg-ci",
    "AZURE_SEGMENT_CONTAINERS": "segments",
    "AZURE_SYSTEM_TOPIC_NAME": "evgt-x",
    "AZURE_OUTBOUND_IP_ADDRESS": "",
}


SIGN_IN = {**ENV, "AUTH_CLIENT_ID": "0a1b"}


hook = load("post_deploy")


@pytest.fixture(autouse=True)
def waits(monkeypatch):
    """The seconds that were waited, without waiting; the app answers at once."""
    found = []
    monkeypatch.setattr(hook.time, "sleep", found.append)
    monkeypatch.setattr(hook, "answers", lambda url: True)
    return found


class Az:
    """Stands in for the CLI: notes each command, and the content of each file it is given."""

    def __init__(self, is_there="false", failing=(), functions="", secrets="0"):
        self.commands, self.files, self.is_there, self.failing = [], [], is_there, dict(failing)
        self.functions, self.secrets = functions, secrets

    def __call__(self, arguments):
        self.commands.append(" ".join(arguments))
        if "--file" in arguments:
            self.files.append(Path(arguments[arguments.index("--file") + 1]).read_text(encoding="utf-8"))
        if errors := self.failing.get(arguments[0]):
            raise errors.pop()
        if "value[].name" in arguments:
            return self.functions
        if arguments[:3] == ["keyvault", "secret", "list"]:
            return self.secrets
        return self.is_there if "exists" in arguments else ""

    def ran(self, words):
        return [command for command in self.commands if command.startswith(words)]


def test_first_deployment_writes_a_configuration_that_is_valid_and_sends_nothing(capsys):
    az = Az()
    assert hook.main(ENV, az) == 0
    document = parse_document(az.files[-1].encode(), "first")
    assert document.exports == []
    assert document.connections[0].consent is None
    assert "--overwrite false" in az.ran("storage blob upload")[0]
    assert "https://func-x.azurewebsites.net/api/health" in capsys.readouterr().out


def test_configuration_that_is_there_is_left_alone():
    az = Az(is_there="true")
    assert hook.main(ENV, az) == 0
    assert az.ran("storage blob upload") == []


def test_key_goes_into_the_vault_by_a_file_and_appears_in_no_command_and_no_output(capsys):
    az = Az()
    assert hook.main({**ENV, "BREVO_API_KEY": " sandbox-key "}, az) == 0
    assert az.files[0] == "sandbox-key"
    assert not any("sandbox-key" in command for command in az.commands)
    assert "sandbox-key" not in "".join(capsys.readouterr())


def test_key_of_the_brevo_sandbox_never_replaces_the_one_in_the_vault(capsys):
    key = {"BREVO_API_KEY": "the-sandbox-key"}
    az = Az(secrets="1")
    assert hook.main(ENV | key | marks(key), az) == 1
    said = capsys.readouterr()
    assert "kv-x was left alone" in said.err
    assert "Open another terminal" in said.err
    assert "the-sandbox-key" not in f"{said} {az.commands}"
    assert az.ran("keyvault secret set") == []


@pytest.mark.parametrize("there", ["0", "1"])
def test_app_looks_at_its_secrets_again_each_time_once_all_are_there(there):
    """A person may have put one there; and where this failed the last time, the secret itself is left alone now."""
    az = Az(secrets=there)
    assert hook.main({**SIGN_IN, "BREVO_API_KEY": "sandbox-key"}, az) == 0
    (refresh,) = az.ran("rest --method post")
    assert "/configreferences/appsettings/refresh" in refresh
    stored = az.ran("keyvault secret set")
    assert len(stored) == (3 if there == "0" else 1)
    assert az.commands.index(refresh) > max(map(az.commands.index, stored))


def test_app_that_cannot_be_made_to_look_at_its_secrets_is_a_failed_step_and_looks_the_next_time(capsys):
    refused = hook.refusal(["rest", "--method", "post"], "ERROR: (TooManyRequests) later")
    az = Az(failing={"rest": [refused]})
    assert hook.main(ENV, az) == 1
    assert "refresh_references failed: az rest --method post" in capsys.readouterr().err
    az = Az(secrets="1", is_there="true")
    assert hook.main(ENV, az) == 0
    assert len(az.ran("rest --method post")) == 1


def test_without_a_key_the_vault_is_left_alone_and_a_command_is_shown_that_keeps_it_out_of_histories(capsys):
    az = Az()
    assert hook.main(ENV, az) == 0
    assert [command for command in az.ran("keyvault secret set") if "brevo-api-key" in command] == []
    printed = capsys.readouterr().out
    command = next(line.strip() for line in printed.splitlines() if "BREVO_API_KEY &&" in line)
    assert command in (Path(__file__).parents[2] / "docs" / "operate.md").read_text()
    assert "--value" not in printed.replace("--query value", "")


SIGN_IN = {**ENV, "AUTH_CLIENT_ID": "0a1b"}


def test_webhook_gets_a_secret_of_its_own_where_people_sign_in_and_no_host_key_is_printed(capsys):
    az = Az()
    assert hook.main(SIGN_IN, az) == 0
    secret = az.files[0]
    assert len(secret) >= 40
    command, _ = az.ran("keyvault secret set")
    assert "--vault-name kv-x --name webhook-secret" in command
    printed = "".join(capsys.readouterr())
    assert secret not in "".join(az.commands) + printed
    assert "az keyvault secret show --vault-name kv-x --name webhook-secret" in printed
    assert "az functionapp function keys list -g rg-x -n func-x --function-name webhook" in printed
    assert "az functionapp keys list" not in printed


def test_secret_of_the_webhook_that_is_there_is_never_replaced():
    az = Az(secrets="1")
    assert hook.main(SIGN_IN, az) == 0
    assert az.ran("keyvault secret set") == []


def test_app_gets_a_secret_of_its_own_that_is_printed_nowhere(capsys):
    az = Az()
    assert hook.main(ENV, az) == 0
    secret = az.files[0]
    assert len(app_secret({"APP_SECRET": secret})) == 32
    (command,) = az.ran("keyvault secret set")
    assert "--vault-name kv-x --name app-secret" in command
    assert secret not in "".join(az.commands) + "".join(capsys.readouterr())


def test_secret_of_the_app_that_is_there_is_never_replaced():
    az = Az(secrets="1")
    assert hook.main(ENV, az) == 0
    assert az.ran("keyvault secret set") == []


def test_webhook_needs_no_secret_where_nobody_signs_in(capsys):
    az = Az()
    assert hook.main(ENV, az) == 0
    assert [command for command in az.ran("keyvault") if "webhook-secret" in command] == []
    printed = capsys.readouterr().out
    assert "az functionapp keys list -g rg-x -n func-x" in printed
    assert "webhook-secret" not in printed


def test_subscription_is_deployed_beside_the_segments_and_names_the_app():
    az = Az()
    hook.main(ENV, az)
    (command,) = az.ran("deployment group create")
    assert "--resource-group rg-ci" in command
    assert "functionAppId=/subscriptions/sub/resourceGroups/rg-x/providers/Microsoft.Web/sites/func-x" in command
    assert Path(hook.TEMPLATE).is_file()


def test_role_that_is_not_believed_yet_is_waited_for():
    refused = hook.refusal(["storage"], "ERROR: \nYou do not have the required permissions needed")
    az = Az(failing={"storage": [refused, refused]})
    assert hook.main(ENV, az) == 0
    assert len(az.ran("storage blob exists")) == 3


DEPLOYMENT_FAILED = 'ERROR: {"code": "DeploymentFailed", "details": [{"code": "%s", "message": "%s"}]}'


@pytest.mark.parametrize(
    "output",
    [
        DEPLOYMENT_FAILED % ("Endpoint validation", "Destination endpoint not found. Resource should pre-exist."),
        DEPLOYMENT_FAILED % ("Url validation", "The attempt to validate the provided endpoint failed."),
        DEPLOYMENT_FAILED % ("InvalidRequest", "Invalid event subscription request: Supplied URL is invalid."),
        "ERROR: (DeploymentActive) The deployment with resource id ... is still active.",
    ],
)
def test_subscription_is_tried_again_where_event_grid_does_not_know_the_function_yet(output, waits):
    refused = hook.refusal(["deployment", "group", "create"], output)
    az = Az(failing={"deployment": [refused, refused, refused]})
    assert hook.main(ENV, az) == 0
    assert len(az.ran("deployment group create")) == 4
    assert waits == [hook.WAIT_SECONDS] * 3


@pytest.mark.parametrize("output", ["ERROR: (InvalidTemplate) The template is not valid", "ERROR: no topic"])
def test_subscription_that_is_refused_for_another_reason_is_not_tried_again(output, waits, capsys):
    az = Az(failing={"deployment": [hook.refusal(["deployment", "group", "create"], output)]})
    assert hook.main(ENV, az) == 1
    assert waits == []
    assert "subscribe failed: az deployment group create" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("step", "output"),
    [
        ("storage", "ERROR: \nThe request may be blocked by network rules of storage account."),
        ("storage", "ERROR: AuthorizationFailure Forbidden: may be blocked by network rules"),
        ("keyvault", "ERROR: (Forbidden) Public network access is disabled and request is not from a trusted service"),
        ("keyvault", "ERROR: (Forbidden) Client address is not authorized.\nInner error: ForbiddenByFirewall"),
        ("keyvault", 'ERROR: (Forbidden) Closed.\nInner error: {"code": "ForbiddenByConnection"}'),
    ],
)
def test_firewall_is_not_waited_for_and_the_message_says_how_to_open_it(step, output, waits, capsys):
    az = Az(failing={step: [hook.refusal([step], output)]})
    assert hook.main({**ENV, "BREVO_API_KEY": "sandbox-key"}, az) == 1
    assert waits == []
    assert "azd env set DEPLOYER_IP_ADDRESS" in capsys.readouterr().err
    assert len(az.ran("deployment group create")) == 1


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("WARNING: preview\nERROR: \n\nno such account", "no such account"),
        ("WARNING: preview\nERROR: (NotFound) no vault\nCode: NotFound", "(NotFound) no vault"),
        ("no such command", "no such command"),
        ("", "no reason given"),
    ],
)
def test_step_that_fails_for_good_gives_its_reason_and_the_others_are_still_taken(output, reason, waits, capsys):
    az = Az(failing={"storage": [hook.refusal(["storage", "blob", "exists"], output)]})
    assert hook.main(ENV, az) == 1
    assert waits == []
    assert len(az.ran("storage blob exists")) == 1
    assert len(az.ran("deployment group create")) == 1
    assert f"write_configuration failed: az storage blob exists: {reason}\n" in capsys.readouterr().err


def test_subscription_waits_until_the_app_answers(monkeypatch, waits):
    state = iter([False, False, True])
    urls = []
    monkeypatch.setattr(hook, "answers", lambda url: urls.append(url) or next(state))
    az = Az()
    assert hook.main(ENV, az) == 0
    assert urls == ["https://func-x.azurewebsites.net/api/health"] * 3
    assert waits == [hook.WAIT_SECONDS] * 2
    assert len(az.ran("deployment group create")) == 1


def test_app_that_shows_no_functions_is_not_subscribed_and_the_message_says_what_to_do(monkeypatch, capsys):
    monkeypatch.setattr(hook, "answers", lambda url: False)
    az = Az()
    assert hook.main(ENV, az) == 1
    assert az.ran("deployment group create") == []
    error = capsys.readouterr().err
    assert "the app shows no functions" in error
    assert "Log stream" in error
    assert "azd package" in error


def test_app_that_this_machine_cannot_reach_is_subscribed_where_its_functions_are_there(monkeypatch):
    monkeypatch.setattr(hook, "answers", lambda url: False)
    az = Az(functions="func-x/blob_export\nfunc-x/timer_export")
    assert hook.main(ENV, az) == 0
    assert len(az.ran("deployment group create")) == 1


@pytest.mark.parametrize("answer", [200, 404, 503, "close"])
def test_app_is_up_when_it_answers_with_200(answer, monkeypatch):
    monkeypatch.undo()
    with receiver() as app:
        app.answers.append(answer)
        assert hook.answers(f"{app.url}/api/health") is (answer == 200)
    assert not hook.answers(f"{app.url}/api/health")


def test_run_outside_azd_says_how_to_run_it(capsys):
    assert hook.main({}, Az()) == 1
    assert "azd hooks run postdeploy" in capsys.readouterr().err


def test_app_roles_are_the_three_of_the_configuration():
    roles = json.loads((ROOT / "infra/app-roles.json").read_text())
    assert [role["value"] for role in roles] == ["administrator", "contributor", "viewer"]
    assert len({role["id"] for role in roles}) == 3
