"""What azd's hooks do: the settings checked before anything is made, and the rest after the code is deployed."""

import importlib.util
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shared.config.document import parse_document

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


def load(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / f"infra/scripts/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


hook = load("post_deploy")
before = load("check_settings")
NOW = datetime(2026, 11, 24, 11, 30, tzinfo=UTC)


class Az:
    """Stands in for the CLI: notes each command, and the content of each file it is given."""

    def __init__(self, is_there="false", failing=()):
        self.commands, self.files, self.is_there, self.failing = [], [], is_there, dict(failing)

    def __call__(self, arguments):
        self.commands.append(" ".join(arguments))
        if "--file" in arguments:
            self.files.append(Path(arguments[arguments.index("--file") + 1]).read_text(encoding="utf-8"))
        if errors := self.failing.get(arguments[0]):
            raise errors.pop()
        return self.is_there if "exists" in arguments else ""

    def ran(self, words):
        return [command for command in self.commands if command.startswith(words)]


def test_first_deployment_writes_a_configuration_that_is_valid_and_sends_nothing(capsys):
    az = Az()
    assert hook.main(ENV, az) == 0
    document = parse_document(az.files[0].encode(), "first")
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
    assert az.ran("rest --method post")[0].count("/configreferences/appsettings/refresh") == 1


def test_without_a_key_the_vault_is_left_alone_and_the_command_is_told(capsys):
    az = Az()
    assert hook.main(ENV, az) == 0
    assert az.ran("keyvault") == []
    assert "az keyvault secret set --vault-name kv-x" in capsys.readouterr().out


def test_subscription_is_deployed_beside_the_segments_and_names_the_app():
    az = Az()
    hook.main(ENV, az)
    (command,) = az.ran("deployment group create")
    assert "--resource-group rg-ci" in command
    assert "functionAppId=/subscriptions/sub/resourceGroups/rg-x/providers/Microsoft.Web/sites/func-x" in command
    assert Path(hook.TEMPLATE).is_file()


def test_role_that_is_not_believed_yet_is_waited_for(monkeypatch):
    monkeypatch.setattr(hook, "ROLE_WAIT_SECONDS", 0.0)
    refused = hook.refusal(["storage"], "ERROR: \nYou do not have the required permissions needed")
    az = Az(failing={"storage": [refused, refused]})
    assert hook.main(ENV, az) == 0
    assert len(az.ran("storage blob exists")) == 3


@pytest.mark.parametrize(
    "told", ["ERROR: no such account", "AuthorizationFailure Forbidden: may be blocked by network rules", ""]
)
def test_step_that_fails_for_good_is_told_and_the_others_are_still_taken(told, capsys):
    az = Az(failing={"storage": [hook.refusal(["storage", "blob", "exists"], told)]})
    assert hook.main(ENV, az) == 1
    assert len(az.ran("storage blob exists")) == 1
    assert len(az.ran("deployment group create")) == 1
    assert "write_configuration failed: az storage blob exists" in capsys.readouterr().err


def test_run_outside_azd_says_how_to_run_it(capsys):
    assert hook.main({}, Az()) == 1
    assert "azd hooks run postdeploy" in capsys.readouterr().err


def test_app_roles_are_the_three_of_the_configuration():
    roles = json.loads((ROOT / "infra/app-roles.json").read_text())
    assert [role["value"] for role in roles] == ["administrator", "contributor", "viewer"]
    assert len({role["id"] for role in roles}) == 3


@pytest.mark.parametrize("schedule", ["", "0 */5 * * * *"])
def test_schedule_that_is_right_lets_the_deployment_go_on_and_shows_its_next_times(schedule, capsys):
    assert before.main({"EXPORT_SCHEDULE": schedule}, NOW) == 0
    assert "Next: 2026-11-24 11:35:00, 2026-11-24 11:40:00, 2026-11-24 11:45:00 UTC." in capsys.readouterr().out


def test_schedule_in_doubt_shows_which_days_are_meant(capsys):
    assert before.main({"EXPORT_SCHEDULE": "0 0 9 1-7 * MON"}, NOW) == 0
    assert "and also the weekday. Next: 2026-12-07 09:00:00" in capsys.readouterr().out


def test_schedule_that_is_wrong_stops_the_deployment_before_anything_is_made():
    """As azd runs it: with the standard library alone."""
    command = [sys.executable, "-I", "-S", str(ROOT / "infra/scripts/check_settings.py")]
    env = {**os.environ, "EXPORT_SCHEDULE": "*/5 * * * *"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "The setting EXPORT_SCHEDULE takes six fields" in done.stderr
    assert "azd env set EXPORT_SCHEDULE '0 */5 * * * *'" in done.stderr
    hooks = (ROOT / "azure.yaml").read_text(encoding="utf-8").split("hooks:")[1]
    assert "check_settings.py" in hooks.split("preprovision:")[1].split("postdeploy:")[0]
