"""The app's secret, and the keys that are derived from it."""

import base64

import pytest

from shared.app_secret import KEY_BYTES, app_secret, derived_key, new_secret
from shared.errors import ConfigurationError

SECRET = {"APP_SECRET": base64.b64encode(bytes(range(32))).decode()}


def test_key_is_that_of_rfc_5869():
    # openssl kdf -keylen 16 -kdfopt digest:SHA256 -kdfopt hexkey:0001…1f -kdfopt info:leavers HKDF
    assert derived_key("leavers", SECRET).hex() == "b5fb3b7bdc1230e607f72c284ee9fa7d"
    assert KEY_BYTES == 16


def test_another_secret_gives_another_key():
    assert derived_key("leavers", SECRET) != derived_key("leavers", {"APP_SECRET": new_secret()})


def test_new_secret_can_be_read_and_is_never_the_same():
    first, second = new_secret(), new_secret()
    assert first != second
    assert len(app_secret({"APP_SECRET": first})) == 32


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("", "app_secret_missing"),
        ("  ", "app_secret_missing"),
        ("short", "app_secret_invalid"),
        (base64.b64encode(bytes(31)).decode(), "app_secret_invalid"),
        (base64.b64encode(bytes(33)).decode(), "app_secret_invalid"),
        ("é" * 44, "key_invalid"),
        ("@Microsoft.KeyVault(SecretUri=https://kv.vault.azure.net/secrets/app-secret)", "key_vault_reference"),
    ],
)
def test_secret_that_cannot_be_one_is_told_by_its_setting_and_not_repeated(value, code):
    with pytest.raises(ConfigurationError) as caught:
        app_secret({"APP_SECRET": value})
    assert caught.value.code == code
    assert "APP_SECRET" in str(caught.value)
    assert not value.strip() or value not in str(caught.value)
