"""Which files a run takes: as they are stored, all of the newest refresh, in each layout that is documented."""

import gzip
import random

import pytest
from azure.storage.blob import BlobServiceClient, ContentSettings

from shared.storage.blobs import CHUNK_BYTES

HEAD = "CustomerId,EMail,FirstName\n"
MARA = "S-1,mara@example.org,Mara\n"
OLEG = "S-2,oleg@example.org,Oleg\n"
UMA = "S-3,uma@example.org,Uma\n"


def addresses(flow) -> set[str]:
    return {address.partition("@")[0] for address in flow.sent()}


# Bytes as stored


@pytest.mark.parametrize("name", ["Gold_1.csv", "Gold_1.csv.gz"])
@pytest.mark.parametrize("zipped", [True, False])
def test_content_encoding_does_not_change_what_is_read(flow, name, zipped):
    noise = random.Random(11)
    many = "EMail,FirstName,Note\n" + "".join(
        f"p{n}@example.org,P,{noise.randbytes(100).hex()}\n" for n in range(45_000)
    )
    content = gzip.compress(many.encode(), 1, mtime=0) if zipped else (HEAD + MARA).encode()
    assert not zipped or len(content) > CHUNK_BYTES
    rows = 45_000 if zipped else 1
    with BlobServiceClient.from_connection_string(flow.connection_string) as service:
        service.get_container_client(flow.container).upload_blob(
            f"CustomerInsights_abcd1234/BlobExport/Gold/2026/11/24/0500/{name}",
            content,
            content_settings=ContentSettings(content_encoding="gzip", content_type="text/csv"),
        )
    assert flow.run()["rows_read"] == rows
