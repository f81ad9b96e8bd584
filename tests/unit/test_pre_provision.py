"""What azd's hook does before the resources are made."""

import re
from pathlib import Path

import pytest

from tests.unit.hooks import load

ROOT = Path(__file__).parents[2]
WITH_NETWORK = {"VNET_ENABLED": "true", "AZURE_SUBSCRIPTION_ID": "sub"}


hook = load("pre_provision")


class Az:
    """Stands in for the CLI: notes each command, and answers why it failed."""

    def __init__(self, reason=""):
        self.commands, self.reason = [], reason

    def __call__(self, arguments):
        self.commands.append(" ".join(arguments))
        return self.reason


def test_provider_is_registered_and_waited_for_before_a_deployment_with_a_network(capsys):
    az = Az()
    assert hook.main(WITH_NETWORK, az) == 0
    assert az.commands == ["provider register --namespace Microsoft.App --wait --subscription sub"]
    assert "Microsoft.App: registered" in capsys.readouterr().out


@pytest.mark.parametrize("value", [{}, {"VNET_ENABLED": "false"}, {"VNET_ENABLED": ""}])
def test_nothing_is_registered_without_a_network(value, capsys):
    az = Az()
    assert hook.main({"AZURE_SUBSCRIPTION_ID": "sub", **value}, az) == 0
    assert az.commands == []
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("env", "reason"),
    [
        (WITH_NETWORK, "ERROR: (AuthorizationFailed) You may not do this"),
        ({"VNET_ENABLED": "True"}, "no subscription is chosen yet"),
    ],
)
def test_refusal_does_not_stop_the_deployment_and_shows_the_command(env, reason, capsys):
    assert hook.main(env, Az(reason)) == 0
    errors = capsys.readouterr().err
    assert reason in errors
    assert "az provider register --namespace Microsoft.App --wait" in errors


def test_reason_is_the_line_of_the_cli_that_says_it(monkeypatch, tmp_path):
    program = tmp_path / "az"
    program.write_text("#!/bin/sh\necho 'WARNING: slow' >&2\necho 'ERROR: not allowed' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert hook.az(["provider", "register"]) == "ERROR: not allowed"
    program.write_text("#!/bin/sh\nexit 0\n")
    assert hook.az(["provider", "register"]) == ""
    program.unlink()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "not installed" in hook.az(["provider", "register"])


def test_azd_calls_it_before_the_resources_are_made_on_each_system():
    hooks = (ROOT / "azure.yaml").read_text(encoding="utf-8").split("\n  preprovision:")[1].split("\n  postdeploy:")[0]
    assert len(re.findall(r"python3? infra/scripts/pre_provision\.py", hooks)) == 2
