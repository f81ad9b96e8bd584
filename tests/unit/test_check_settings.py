"""What azd's hook says of settings before anything is made."""

import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from local.serve_marks import marks
from shared.administration.stored_segments import OWN_CONTAINERS
from shared.config.source import CONTAINER_NAME
from tests.unit.hooks import load

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 11, 24, 11, 30, tzinfo=UTC)


before = load("check_settings")


@pytest.mark.parametrize("schedule", ["", "0 */5 * * * *"])
def test_schedule_that_is_right_lets_the_deployment_go_on_and_shows_its_next_times(schedule, capsys):
    assert before.main({"EXPORT_SCHEDULE": schedule}, NOW) == 0
    assert "Next: 2026-11-24 11:35:00, 2026-11-24 11:40:00, 2026-11-24 11:45:00 UTC." in capsys.readouterr().out


def test_schedule_in_doubt_shows_which_days_are_meant(capsys):
    assert before.main({"EXPORT_SCHEDULE": "0 0 9 1-7 * MON"}, NOW) == 0
    assert "and also the weekday. Next: 2026-12-07 09:00:00" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("schedule", "silent", "words"),
    [
        ("0 0 * * * *", "", ["up to 60 minutes", "60 minutes into each", "azd env set ALERT_TIMER_SILENT_MINUTES 90"]),
        ("0 0 8-17 * * *", "60", ["up to 900 minutes", "azd env set ALERT_TIMER_SILENT_MINUTES 930"]),
        ("0 */5 8-17 * * 1-5", "1440", ["up to 3,725 minutes", "choose an EXPORT_SCHEDULE"]),
        ("0 0 6 * * *", "1440", ["up to 1,440 minutes", "choose an EXPORT_SCHEDULE"]),
        ("0 */5 * * * *", "", []),
        ("0 0 * * * *", "61", []),
        ("0 0 * * * *", "an hour", []),  # the deployment itself says what is wrong
    ],
)
def test_pauses_that_the_alert_on_a_stopped_timer_does_not_allow_are_said_before_a_deployment(
    schedule, silent, words, capsys
):
    assert before.main({"EXPORT_SCHEDULE": schedule, "ALERT_TIMER_SILENT_MINUTES": silent}, NOW) == 0
    said = capsys.readouterr().err
    assert bool(said) == bool(words)
    assert [word for word in words if word not in said] == []


def test_longest_time_of_that_alert_is_the_one_that_its_parameter_takes():
    bicep = (ROOT / "infra/main.bicep").read_text()
    assert re.findall(r"@maxValue\((\d+)\)\nparam alertTimerSilentMinutes", bicep) == [str(before.MOST_SILENT_MINUTES)]


SERVE = {
    "BREVO_API_KEY": "the-sandbox-key",
    "BREVO_BASE_URL": "http://127.0.0.1:9090/v3",
    "EXPORT_SCHEDULE": "*/30 * * * * *",
    "AzureWebJobsStorage": "UseDevelopmentStorage=true",
}


def test_terminal_of_the_playground_deploys_nothing_of_it(capsys):
    assert before.main(SERVE | marks(SERVE), NOW) == 1
    said = capsys.readouterr().err
    assert "its BREVO_API_KEY, BREVO_BASE_URL, EXPORT_SCHEDULE would be deployed" in said
    assert "Open another terminal" in said
    assert "the-sandbox-key" not in said


def test_values_of_azds_environment_in_a_terminal_of_the_playground_are_deployed():
    """azd hands its own values to the hook in place of the terminal's."""
    own = {"BREVO_API_KEY": "", "BREVO_BASE_URL": "https://api.brevo.com/v3", "EXPORT_SCHEDULE": "0 */5 * * * *"}
    assert before.main(SERVE | marks(SERVE) | own, NOW) == 0


def test_hook_knows_each_value_that_a_deployment_takes_of_the_playgrounds_terminal():
    values = re.findall(r"\$\{(\w+)", (ROOT / "infra/main.parameters.json").read_text(encoding="utf-8"))
    serve = re.findall(r'"([A-Z_]+)":', (ROOT / "local/stack.py").read_text(encoding="utf-8"))
    serve += re.findall(r'"([A-Z_]+)":', (ROOT / "local/serve_settings.py").read_text(encoding="utf-8"))
    assert (set(values) & set(serve)) | {"BREVO_API_KEY"} <= set(before.OF_THE_PLAYGROUND)


MANY = ",".join(f"segments{number}" for number in range(21))


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"SEGMENT_STORAGE_ACCOUNT": "stci"}, "azd env set SEGMENT_STORAGE_RESOURCE_GROUP <its resource group>"),
        ({"SEGMENT_STORAGE_ACCOUNT": "stci", "AZURE_RESOURCE_GROUP": "rg-x"}, "nothing says in which resource group"),
        ({"SEGMENT_CONTAINERS": "segments,"}, "SEGMENT_CONTAINERS takes up to 20 names"),
        ({"SEGMENT_CONTAINERS": "Segments"}, "SEGMENT_CONTAINERS takes up to 20 names"),
        ({"SEGMENT_CONTAINERS": "segments, segments"}, "each once"),
        ({"SEGMENT_CONTAINERS": MANY}, "SEGMENT_CONTAINERS takes up to 20 names"),
        ({"EXPORT_CONFIG": "./exports.json"}, "EXPORT_CONFIG takes container/blob"),
        ({"EXPORT_CONFIG": "exports.json"}, "EXPORT_CONFIG takes container/blob"),
        ({"EXPORT_CONFIG": "staged/exports.json"}, "in none of the containers that the app has for itself"),
        ({"BREVO_BASE_URL": "http://127.0.0.1:9090/v3"}, "azd env set BREVO_BASE_URL ''"),
        ({"PUBLIC_URL": "crm.contoso.com"}, "The setting PUBLIC_URL is not an address"),
        ({"SNAPSHOT_QUIET_SECONDS": "two minutes"}, "SNAPSHOT_QUIET_SECONDS must be a number"),
        ({"SECRET_SETTINGS": "TEAMS_WEBHOOK_URL,"}, "SECRET_SETTINGS takes names of settings"),
        ({"SECRET_SETTINGS": "teams-webhook-url"}, "SECRET_SETTINGS takes names of settings"),
        ({"SECRET_SETTINGS": "BREVO_API_KEY"}, "BREVO_API_KEY needs no entry"),
        ({"SECRET_SETTINGS": "A_URL,A_URL"}, "each once"),
        ({"DEPLOYER_IP_ADDRESS": "192.168.1.20"}, "one public IPv4 address"),
        ({"DEPLOYER_IP_ADDRESS": "2001:db8::1"}, "one public IPv4 address"),
        ({"DEPLOYER_IP_ADDRESS": "20.50.2.0/24"}, "one public IPv4 address"),
        ({"VNET_ENABLED": "true", "VNET_ADDRESS_PREFIX": "10.50.0.0/24"}, "two parts of it"),
        ({"VNET_ENABLED": "true", "ENDPOINT_SUBNET_PREFIX": "10.40.0.32/27"}, "do not overlap"),
        ({"VNET_ENABLED": "true", "APP_SUBNET_PREFIX": "10.40.0.1/26"}, "two parts of it"),
        ({"ALERT_EMAIL": "ana@contoso.com, dan@contoso.com"}, "ALERT_EMAIL takes one address"),
    ],
)
def test_value_that_would_fail_a_deployment_half_way_stops_it_before_anything_is_made(env, words, capsys):
    assert before.main(env, NOW) == 1
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    "env",
    [
        {"SEGMENT_STORAGE_ACCOUNT": "stci", "SEGMENT_STORAGE_RESOURCE_GROUP": "rg-ci", "AZURE_ENV_NAME": "crm"},
        {"SEGMENT_CONTAINERS": "segments, archive", "SECRET_SETTINGS": "TEAMS_WEBHOOK_URL, BREVO_API_KEY_EU"},
        {"EXPORT_CONFIG": "config/teams/crm.json", "PUBLIC_URL": "https://crm.contoso.com", "BREVO_BASE_URL": ""},
        {"DEPLOYER_IP_ADDRESS": "20.50.2.7", "SNAPSHOT_COMPLETE_HOURS": "0"},
        {"VNET_ENABLED": "true", "ALERT_EMAIL": "crm-oncall@contoso.com"},
        {"VNET_ADDRESS_PREFIX": "10.50.0.0/24"},
    ],
)
def test_values_that_azure_takes_are_let_through_without_a_word(env, capsys):
    assert before.main(env, NOW) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("env", [{"AZURE_ENV_NAME": "crm"}, {"AZURE_RESOURCE_GROUP": "RG-CRM"}])
def test_segments_in_the_apps_own_resource_group_are_said_to_go_with_it(env, capsys):
    env |= {"SEGMENT_STORAGE_ACCOUNT": "stci", "SEGMENT_STORAGE_RESOURCE_GROUP": "rg-crm"}
    assert before.main(env, NOW) == 0
    assert "deletes the resource group" in capsys.readouterr().err


def test_hook_has_the_networks_addresses_as_the_template_has_them():
    file = (ROOT / "infra/main.parameters.json").read_text(encoding="utf-8")
    assert dict(re.findall(r"\{(\w+_PREFIX)=(.*?)\}", file)) == before.PREFIXES


def test_hook_has_the_rule_for_containers_and_the_apps_own_as_the_code_has_them():
    assert f"^{before._CONTAINER}$" == CONTAINER_NAME
    assert set(before.OWN_CONTAINERS) == {*OWN_CONTAINERS, "app-package"}


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
