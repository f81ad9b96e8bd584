"""Signs a webhook's message as Standard Webhooks says, so that its receiver knows that it is ours and not an old one.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md (version 1.0.0)
"""

import base64
import binascii
import hashlib
import hmac

from shared.errors import ConfigurationError

_PREFIX = "whsec_"
_SHORTEST_BYTES, _LONGEST_BYTES = 24, 64


def signed_headers(secret: str, setting: str, message_id: str, body: bytes, at: float) -> dict[str, str]:
    """The three headers. `at`: POSIX seconds of this try; `message_id` stays the same in each, and has no full stop.

    Raises ConfigurationError, which names the setting, where the secret is none.
    """
    timestamp = str(int(at))
    signed = b".".join((message_id.encode(), timestamp.encode(), body))
    digest = hmac.new(_key(secret, setting), signed, hashlib.sha256).digest()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def _key(secret: str, setting: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        key = b""
    if not secret.startswith(_PREFIX) or not _SHORTEST_BYTES <= len(key) <= _LONGEST_BYTES:
        raise ConfigurationError(
            "notify_secret",
            f"The setting {setting} holds no signing secret.",
            f"Put {_PREFIX} and the Base64 of {_SHORTEST_BYTES} to {_LONGEST_BYTES} random bytes there, and give the"
            " same to the receiver.",
        )
    return key
