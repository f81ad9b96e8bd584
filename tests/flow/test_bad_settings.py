"""Whatever is wrong with the account at Brevo or with the configuration, the run says so and sends nothing."""

import os
import socket
import subprocess
import time
from pathlib import Path

import pytest
import stamina

from shared.errors import ConfigurationError
from shared.runs.starting import start_on_demand
from tests.flow.gold_file import stage_again
from tests.flow.three_people import ANA, HEAD

# Brevo's side


def test_run_becomes_failed_when_brevo_refuses_the_key(flow, monkeypatch):
    monkeypatch.setenv(flow.account, "a-wrong-key")
    flow.segment(HEAD + ANA)
    flow.run_fails("brevo_key_refused", f"API key of the connection brevo-eu (setting {flow.account}).")


@pytest.mark.parametrize("value", ["", "  "])
def test_key_that_is_not_set_is_told_with_its_setting(flow, monkeypatch, value):
    monkeypatch.setenv(flow.account, value)
    flow.segment(HEAD + ANA)
    flow.run_fails("setting_missing", f"The setting {flow.account} is not set.")


def test_key_vault_reference_that_did_not_resolve_is_told(flow, monkeypatch):
    monkeypatch.setenv(flow.account, "@Microsoft.KeyVault(SecretUri=https://x.vault.azure.net/secrets/brevo)")
    flow.segment(HEAD + ANA)
    status = flow.run_fails("key_vault_reference", f"in the setting {flow.account} did not resolve")
    assert "vault.azure.net" not in str(status)


def test_key_that_no_header_takes_is_a_wrong_key_and_not_tried_again(flow, monkeypatch):
    monkeypatch.setenv(flow.account, "key\u2028with a line separator")
    with stamina.set_testing(True, attempts=1), pytest.raises(ConfigurationError):
        flow.app.brevo(flow.account).list_count()


def test_blocked_ip_address_gets_its_own_advice(flow):
    flow.sandbox.fail_next("GET /contacts/lists/{listId}", "401-ip")
    flow.segment(HEAD + ANA)
    status = flow.run_fails("brevo_address_blocked", "the IP address 203.0.113.7 from", "fixed outbound address")
    assert "key" not in status["error"]["message"]


def test_list_that_brevo_does_not_have_is_named(flow):
    flow.change(list_id=4711)
    flow.segment(HEAD + ANA)
    flow.run_fails("list_missing", "Brevo has no list 4711.", "list_id")


@pytest.mark.parametrize(("kind", "code"), [("402", "brevo_no_credits"), ("403", "brevo_forbidden")])
def test_account_that_may_not_import_is_told_what_to_do(flow, kind, code):
    flow.sandbox.fail_next("POST /contacts/import", kind)
    flow.segment(HEAD + ANA)
    status = flow.run()
    assert (status["status"], status["error"]["code"]) == ("failed", code)
    assert "Nothing was sent." in status["error"]["message"]
    assert status["error"]["advice"]
    assert not flow.sandbox.imports.records()


def test_attributes_that_the_account_lacks_are_named(flow):
    flow.change(
        mapping={
            "email": "EMail",
            "first_name": {"field": "FirstName", "attribute": "PRENOM"},
            "attributes": {"shoe": "CustomerId"},
        }
    )
    flow.segment(HEAD + ANA)
    flow.run_fails("attributes_missing", "lacks these attributes: PRENOM, SHOE.", "create_missing_attributes")


def test_missing_attributes_are_made_where_the_export_says_so(flow):
    flow.change(
        create_missing_attributes=True,
        mapping={
            "email": "EMail",
            "attributes": {
                "SHOE": "Shoe",
                "SINCE": {"field": "Since", "type": "date"},
                "POINTS": {"field": "Points", "type": "number"},
                "VIP": {"field": "Vip", "type": "boolean"},
            },
        },
    )
    flow.segment("EMail,Shoe,Since,Points,Vip\nana@example.com,42,2020-02-29,7.5,yes\n")
    assert flow.run()["status"] == "succeeded"
    types = {each.name: each.type for each in flow.sandbox.account.attributes}
    assert {name: types[name] for name in ("SHOE", "SINCE", "POINTS", "VIP")} == {
        "SHOE": "text",
        "SINCE": "date",
        "POINTS": "float",
        "VIP": "boolean",
    }
    assert flow.sent() == {"ana@example.com": {"SHOE": "42", "SINCE": "2020-02-29", "POINTS": 7.5, "VIP": True}}


def test_missing_attributes_are_left_out_and_told_where_the_export_says_so(flow):
    flow.change(
        leave_out_missing_attributes=True,
        mapping={"email": "EMail", "first_name": "FirstName", "attributes": {"SHOE": "CustomerId"}},
    )
    flow.segment(HEAD + ANA)
    status = flow.run()
    assert status["status"] == "succeeded"
    assert status["notes"] == ["Sent without attributes that the account lacks: SHOE."]
    assert flow.sent() == {"ana@example.com": {"FIRSTNAME": "Ana"}}
    assert not flow.sandbox.imports.records()[0].ignored_attributes


def test_attribute_that_nobody_can_write_is_refused_by_name(flow):
    flow.change(mapping={"email": "EMail", "attributes": {"BLACKLIST": "CustomerId"}})
    flow.segment(HEAD + ANA)
    flow.run_fails("attribute_read_only", "Brevo's attribute BLACKLIST is a global one, which nobody can write.")


# Starting


def test_unknown_export_is_told_with_where_to_see_those_that_are_there(flow):
    flow.add_export("two")
    with pytest.raises(ConfigurationError) as caught:
        start_on_demand(flow.app, "no-such-export", "terminal", "tester")
    assert caught.value.code == "export_unknown"
    assert str(caught.value) == (
        "There is no export 'no-such-export'. `segment-export exports` and GET /api/exports list them."
    )


def test_detached_export_is_not_started(flow):
    flow.change(connection=None)
    with pytest.raises(ConfigurationError, match=r"is detached\. Choose a connection"):
        flow.start()


def test_connection_without_consent_starts_nothing(flow):
    flow.change_connection(consent=None)
    with pytest.raises(ConfigurationError, match="Consent for the connection brevo-eu is missing or was withdrawn"):
        flow.start()


def test_export_that_is_pointed_elsewhere_during_its_run_is_stopped(flow):
    flow.segment(HEAD + ANA)
    started = flow.start()
    flow.change(list_id=13)
    status = flow.finish(started.run_id)
    assert (status["status"], status["error"]["code"]) == ("failed", "export_changed")
    assert flow.nothing_was_sent()


def test_configuration_that_breaks_during_a_run_is_waited_for(flow):
    flow.segment(HEAD + ANA)
    started = flow.start()
    text = flow.config.read_text()
    flow.config.write_text('{"exports": [}')
    assert "line 1: is not JSON" in stage_again(flow, started.run_id)
    flow.config.write_text(text)
    assert flow.finish(started.run_id)["status"] == "succeeded"


@pytest.mark.parametrize("command", [["status"], ["run", "high-value", "--wait"]], ids=" ".join)
def test_terminal_says_in_one_line_that_storage_is_not_reachable(forked, command, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: every connection is refused
        port = taken.getsockname()[1]
        endpoints = "".join(
            f"{kind}Endpoint=http://127.0.0.1:{port}/devstoreaccount1;" for kind in ("Blob", "Queue", "Table")
        )
        environment = os.environ | {
            "AzureWebJobsStorage": "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=a2V5;"
            + endpoints,
            "BREVO_API_KEY": "unused",
        }
        began = time.monotonic()
        done = subprocess.run(
            [*forked, "shared.cli", *command],
            cwd=Path(__file__).parents[2],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert time.monotonic() - began < 40
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("segment-export: Storage did not answer for")
    assert "AzureWebJobsStorage" in done.stderr
