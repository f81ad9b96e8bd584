"""What a probe refuses before it has written anything."""

import pytest

from shared.brevo.client import BrevoClient
from shared.errors import ConfigurationError, TransientError
from shared.operating.probe import ProbeOrder
from shared.operating.probe_contacts import Addresses
from tests.flow.probing import DOMAIN, LIST, SIX, prober_of

PROBED = "probe"


@pytest.fixture
def prober(flow):
    return prober_of(flow)


def refused(prober, code, **order):
    """A probe that is refused before anything is written; its error."""
    before = prober.contacts()
    with pytest.raises((ConfigurationError, TransientError)) as caught:
        prober.probe(**order)
    assert caught.value.code == code
    assert prober.contacts() == before
    assert not prober.flow.sandbox.imports.records()
    assert prober.flow.sandbox.log.count("POST /contacts") == 0
    assert prober.flow.sandbox.log.count("DELETE /contacts/{identifier}") == 0
    assert prober.flow.app.storage.accounts.get(prober.flow.account, PROBED) is None
    return caught.value


# What it refuses


@pytest.mark.parametrize("number", range(1, 7))
def test_address_of_a_contact_that_was_there_before_is_refused_and_left_alone(prober, number):
    prober.flow.sandbox.seed(contacts=[{"email": SIX[number - 1], "attributes": {"CITY": "Iasi"}}])
    error = refused(prober, "probe_address_taken")
    assert f"Address {number} of" in error.message
    assert "@" not in str(error)
    assert "Iasi" not in str(error)


def test_list_with_other_members_is_refused(prober):
    prober.flow.sandbox.seed(contacts=[{"email": "ana@example.net", "lists": [LIST]}])
    assert "no probe has made" in str(refused(prober, "probe_list_not_empty"))


def test_list_of_an_export_is_refused(prober):
    assert prober.flow.export_id in str(refused(prober, "probe_list_in_use", list_id=12))


def test_list_that_is_not_there_is_refused(prober):
    refused(prober, "list_missing", list_id=4711)


def test_account_with_an_open_run_is_refused(prober):
    prober.flow.segment("CustomerId,EMail,FirstName\n1,ana@example.net,Ana\n")
    prober.flow.start()
    refused(prober, "probe_account_busy")


def test_account_of_which_brevo_does_not_say_just_now_which_it_is_is_not_probed(prober, monkeypatch):
    """Else its answers would be believed of the account of every later key."""

    def away(_):
        raise TransientError("brevo_failing", "Brevo answers with status 500.")

    monkeypatch.setattr(BrevoClient, "account", away)
    refused(prober, "brevo_failing")


def test_account_without_a_text_attribute_is_refused(prober):
    account = prober.flow.sandbox.account
    account.attributes[:] = [each for each in account.attributes if each.type != "text" or each.name == "EXT_ID"]
    refused(prober, "probe_no_attribute")


@pytest.mark.parametrize(
    ("given", "domain", "word"),
    [
        ([], "", "there are 0"),
        (SIX[:5], "", "there are 5"),
        ([*SIX[:5], SIX[0].upper()], "", "twice"),
        (["ana"], DOMAIN, "--address number 1"),
        (["ana@example"], DOMAIN, "--address number 1"),
        (["ana@example.net", "a b@example.net"], DOMAIN, "--address number 2"),
        ([], "example", "--domain"),
        ([], "ana@example.org", "--domain"),
        ([], "example.org/path", "--domain"),
        ([], "-", "--domain"),
    ],
)
def test_addresses_that_cannot_be_used_are_refused_without_showing_them(given, domain, word):
    with pytest.raises(ConfigurationError) as caught:
        Addresses.of(given, domain)
    assert caught.value.code == "probe_addresses"
    assert word in caught.value.message
    assert "@" not in caught.value.message


def test_given_addresses_come_first_and_none_is_shown():
    addresses = Addresses.of([" Me@Example.net "], f"@{DOMAIN}")
    assert addresses.six == ("me@example.net", *SIX[1:])
    assert "@" not in repr(ProbeOrder("brevo-eu", LIST, addresses))
    assert len(set(addresses.many(50)) | set(addresses.many(50))) == 100
