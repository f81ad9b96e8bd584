"""The one secret of the app, and the keys that are derived from it: one for each purpose, so that none opens another.

Where it is lost or changed, what was made with it cannot be compared any more; nothing else depends on it.
"""

import base64
import binascii
import secrets
from collections.abc import Mapping
from typing import Literal

from shared.errors import ConfigurationError
from shared.settings import read_secret

Purpose = Literal["leavers", "excluded", "ledger", "forms"]

SECRET_BYTES = 32
KEY_BYTES = 16
_ADVICE = (
    "Put the earlier one back, if there was one. Else put 32 random bytes in Base64 into it, such as "
    "`openssl rand -base64 32` gives, and never change them."
)


def derived_key(purpose: Purpose, environment: Mapping[str, str] | None = None) -> bytes:
    """The key for this purpose, KEY_BYTES long (HKDF with SHA-256, RFC 5869). Raises as `app_secret` does."""
    # Imported here: only runs that compare digests need the library.
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(SHA256(), KEY_BYTES, None, purpose.encode()).derive(app_secret(environment))


def app_secret(environment: Mapping[str, str] | None = None) -> bytes:
    """The secret of the setting APP_SECRET, read at each call.

    Raises ConfigurationError where it is missing, is a Key Vault reference that did not resolve, or is malformed.
    """
    try:
        text = read_secret("APP_SECRET", "app's secret", environment)
    except ConfigurationError as error:
        if error.code == "setting_missing":
            raise ConfigurationError("app_secret_missing", "The setting APP_SECRET is not set.", _ADVICE) from None
        raise
    try:
        secret = base64.b64decode(text, validate=True)
    except binascii.Error:
        secret = b""
    if len(secret) != SECRET_BYTES:
        raise ConfigurationError(
            "app_secret_invalid", f"The setting APP_SECRET is not {SECRET_BYTES} bytes in Base64.", _ADVICE
        )
    return secret


def new_secret() -> str:
    """A new secret, as the setting holds it."""
    return base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
