"""Storage by an identity: one that gets no token just now is waited for, one without a role is for a person."""

from types import SimpleNamespace

import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import CredentialUnavailableError

from shared.errors import ConfigurationError, TransientError
from shared.storage.failures import storage_failures


def refused(status: int) -> ClientAuthenticationError:
    return ClientAuthenticationError(response=SimpleNamespace(status_code=status, reason="", headers={}))


@pytest.mark.parametrize(
    "error",
    [
        # What DefaultAzureCredential raises where the platform's endpoint of identities answers with 500.
        ClientAuthenticationError("DefaultAzureCredential failed to retrieve a token from the included credentials."),
        CredentialUnavailableError("no identity"),
        *map(refused, (400, 429, 500, 503)),
    ],
)
def test_identity_that_gets_no_token_is_waited_for(error):
    """Else a run would fail, and a notice be given up, where the platform has nothing to say for a moment."""
    with pytest.raises(TransientError) as caught, storage_failures("table runs"):
        raise error
    assert caught.value.code == "storage_not_signed_in"
    assert "table runs" in caught.value.message
    assert "az login" in caught.value.advice


@pytest.mark.parametrize("status", [401, 403])
def test_storage_that_refuses_the_identity_is_for_a_person(status):
    with pytest.raises(ConfigurationError) as caught, storage_failures("table runs"):
        raise refused(status)
    assert caught.value.code == "storage_denied"
