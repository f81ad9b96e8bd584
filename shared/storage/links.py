"""Links that open one blob to anyone who has them: shared access signatures, read-only and for some hours.

With the app's identity they are signed by a key that storage gives to it, which its role Storage Blob Data Owner or
Contributor allows: https://learn.microsoft.com/azure/storage/blobs/storage-blob-user-delegation-sas-create-python
"""

from datetime import datetime, timedelta
from typing import Any

from azure.storage.blob import BlobClient, BlobSasPermissions, BlobServiceClient, generate_blob_sas

from shared.errors import ConfigurationError

# The key begins a little before now: clocks differ.
_CLOCKS_DIFFER = timedelta(minutes=5)
# Of a key that storage gives to an identity.
_LONGEST = timedelta(days=7)


def link_to(blob: BlobClient, service: BlobServiceClient, now: datetime, hours: float) -> str:
    """The blob's address with a signature. Raises ConfigurationError, and as the SDK does."""
    until = now + min(timedelta(hours=hours), _LONGEST - _CLOCKS_DIFFER)
    signature = generate_blob_sas(
        str(blob.account_name),
        blob.container_name,
        blob.blob_name,
        permission=BlobSasPermissions(read=True),
        expiry=until,
        # The emulator of one machine has no encryption.
        protocol="https" if service.url.startswith("https:") else None,
        **_key(service, now, until),
    )
    return f"{blob.url}?{signature}"


def _key(service: BlobServiceClient, now: datetime, until: datetime) -> dict[str, Any]:
    credential = service.credential
    if hasattr(credential, "account_key"):
        return {"account_key": credential.account_key}
    if hasattr(credential, "get_token"):
        return {"user_delegation_key": service.get_user_delegation_key(now - _CLOCKS_DIFFER, until)}
    raise ConfigurationError(
        "link_impossible",
        "The app's storage is opened by a signature in AzureWebJobsStorage, which cannot sign a link to a file.",
        "Give the app an identity with a role on the storage, or a connection string with the account's key.",
    )
