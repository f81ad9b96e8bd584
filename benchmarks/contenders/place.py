"""Where the contenders' segment and list are: what a script of a user's would have at its top."""

import os
from collections.abc import Iterator

from azure.storage.blob import ContainerClient

CONTAINER = "segments"
FOLDER = "CustomerInsights_abcd1234/BlobExport/HighValueSegment/"  # pragma: allowlist secret
LIST_ID = 12
COUNTRY = "RO"
# Some 7 MB of JSON: an import takes at most 10 MB.
CONTACTS_A_REQUEST = 50_000


def files() -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each of the segment's files, downloaded one after the other."""
    with ContainerClient.from_connection_string(os.environ["SEGMENT_STORAGE"], CONTAINER) as container:
        for blob in sorted(container.list_blobs(name_starts_with=FOLDER), key=lambda found: str(found.name)):
            yield blob.name, container.download_blob(blob.name).readall()
