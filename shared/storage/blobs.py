"""Blobs: the app's own and the segments'."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import batched
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import (
    BlobBlock,
    BlobPrefix,
    BlobProperties,
    BlobServiceClient,
    ContainerClient,
    ContentSettings,
)

from shared.errors import TransientError
from shared.storage.failures import APP_SETTING, Conflict, NotFound, storage_failures
from shared.storage.links import link_to

# Each request takes as long as reading a few megabytes. Twice as much at once takes 20 MB more at a worker's peak.
CHUNK_BYTES = 4 * 1024 * 1024
# The most that one request may delete. https://learn.microsoft.com/rest/api/storageservices/blob-batch
DELETED_AT_ONCE = 256
_COPY_LOOKS, _COPY_LOOK_SECONDS = 120, 0.5


@dataclass(frozen=True, slots=True)
class Blob:
    """A blob as a listing shows it. `size_bytes` is what is stored, compressed or not."""

    name: str
    etag: str
    size_bytes: int
    modified: datetime

    @property
    def file(self) -> str:
        """The file's own name, without its folders."""
        return self.name.rsplit("/", 1)[-1]


class Blobs:
    """One storage account's blobs, which `setting` names. Every call raises as `storage_failures` says."""

    def __init__(self, service: BlobServiceClient, setting: str = APP_SETTING) -> None:
        self._service, self._failures = service, partial(storage_failures, setting=setting)
        self._containers: dict[str, ContainerClient] = {}

    def containers(self) -> list[str]:
        """The names of the account's containers, in their order. A role on a single container does not show them."""
        with self._failures("the account's containers"):
            return [container.name for container in self._service.list_containers()]

    def folders(self, container: str, prefix: str) -> list[str]:
        """Names of the folders directly below the prefix, which ends with a slash or is empty."""
        return self.level(container, prefix)[0]

    def files(self, container: str, prefix: str) -> list[Blob]:
        """The blobs directly below the prefix, which ends with a slash or is empty, in the order of their names."""
        return self.level(container, prefix)[1]

    def level(self, container: str, prefix: str) -> tuple[list[str], list[Blob]]:
        """The folders and the blobs directly below the prefix, as `folders` and `files` give them, in one call."""
        with self._failures(f"container {container}"):
            found = list(self._container(container).walk_blobs(name_starts_with=prefix, delimiter="/"))
        folders = [item.name[len(prefix) :].rstrip("/") for item in found if isinstance(item, BlobPrefix)]
        return folders, [_blob(item) for item in found if not isinstance(item, BlobPrefix)]

    def listing(self, container: str, prefix: str) -> list[Blob]:
        """All blobs below the prefix, in the order of their names."""
        with self._failures(f"container {container}"):
            found = self._container(container).list_blobs(name_starts_with=prefix)
            return [_blob(item) for item in found]

    def listing_if_there(self, container: str, prefix: str) -> list[Blob]:
        """Like `listing`, but a container that is not there holds nothing."""
        try:
            return self.listing(container, prefix)
        except NotFound:
            return []

    def chunks(
        self, container: str, name: str, etag: str | None, offset: int = 0, length: int | None = None
    ) -> Iterator[bytes]:
        """The blob's bytes as stored, in chunks of at most CHUNK_BYTES. Raises Conflict where its etag has changed.

        Without an etag it is the blob as it is at the first chunk. `length` bytes from `offset`, which is inside the
        blob; without them all of it. Whatever its Content-Encoding: the SDK would unzip each range as if it were a
        whole file.
        """
        what = f"blob {container}/{name}"
        with self._failures(what):
            blob = self._container(container).get_blob_client(name)
            part: dict[str, Any] = {} if length is None else {"offset": offset, "length": length}
            stream = blob.download_blob(**_unchanged(etag), **part, decompress=False)
            yield from stream.chunks()

    def read(self, container: str, name: str) -> bytes:
        """The whole blob. Raises NotFound."""
        return self.read_with_etag(container, name)[0]

    def read_with_etag(self, container: str, name: str) -> tuple[bytes, str]:
        """The whole blob and its etag. Raises NotFound."""
        with self._failures(f"blob {container}/{name}"):
            stream = self._container(container).download_blob(name)
            return stream.readall(), str(stream.properties.etag)

    def read_new(self, container: str, name: str, known: str | None, most_bytes: int) -> tuple[bytes, str] | None:
        """The blob and its etag; None where its etag is still `known`, which costs one small answer. Raises NotFound.

        Of a larger one no more than a little above `most_bytes` is read: a whole chunk.
        """
        condition: dict[str, Any] = {"etag": known, "match_condition": MatchConditions.IfModified} if known else {}
        with self._failures(f"blob {container}/{name}"):
            try:
                stream = self._container(container).download_blob(name, **condition)
            except HttpResponseError as error:
                if error.status_code == 304:  # which the SDK takes for one of several errors
                    return None
                raise
            data = bytearray()
            for chunk in stream.chunks():
                data += chunk
                if len(data) > most_bytes:
                    break
            return bytes(data), str(stream.properties.etag)

    def write(self, container: str, name: str, data: bytes | BinaryIO) -> None:
        """Writes the blob whole, whatever was there; makes the container when it is missing."""
        self._upload(container, name, data, {"overwrite": True})

    def put_block(self, container: str, name: str, number: int, data: bytes) -> None:
        """Writes a part of a blob, which `commit_blocks` puts together; makes the container when it is missing."""
        blob = self._container(container).get_blob_client(name)
        self._write(container, name, lambda: blob.stage_block(_block_id(number), data))

    def commit_blocks(self, container: str, name: str, count: int, content_type: str) -> None:
        """Makes the blob of its parts, numbered from 0, whatever was there."""
        with self._failures(f"blob {container}/{name}"):
            self._container(container).get_blob_client(name).commit_block_list(
                [BlobBlock(_block_id(number)) for number in range(count)],
                content_settings=ContentSettings(content_type=content_type),
            )

    def link(self, container: str, name: str, now: datetime, hours: float) -> str:
        """An address that opens this blob alone, to read it, for so long: a secret.

        Raises ConfigurationError where the app's storage cannot give one.
        """
        with self._failures(f"a link to container {container}"):
            return link_to(self._container(container).get_blob_client(name), self._service, now, hours)

    @property
    def host(self) -> str:
        """Where the account's blobs are."""
        return urlsplit(self._service.url).hostname or ""

    def write_if(self, container: str, name: str, data: bytes | BinaryIO, etag: str | None) -> None:
        """Writes the blob only where it still is this etag, or is not there yet (None). Raises Conflict."""
        self._upload(container, name, data, {"overwrite": etag is not None, **_unchanged(etag)})

    def copy_if(self, container: str, source: str, name: str, etag: str | None) -> None:
        """Makes the blob of another one of its container, inside of storage, where `write_if` would write it.

        Raises Conflict and NotFound, and TransientError where storage takes longer than a minute.
        https://learn.microsoft.com/rest/api/storageservices/copy-blob
        """
        condition = _unchanged(etag) or {"match_condition": MatchConditions.IfMissing}
        with self._failures(f"blob {container}/{name}"):
            blob = self._container(container).get_blob_client(name)
            copied = blob.start_copy_from_url(self._container(container).get_blob_client(source).url, **condition)
            status: object = copied["copy_status"]
            for _ in range(_COPY_LOOKS):
                if status != "pending":
                    break
                time.sleep(_COPY_LOOK_SECONDS)  # mostly it is done at once
                status = blob.get_blob_properties().copy.status
        if status != "success":
            raise TransientError("storage_copy", f"Storage has not copied {container}/{source}.", "It is tried again.")

    def _upload(self, container: str, name: str, data: bytes | BinaryIO, condition: Mapping[str, Any]) -> None:
        def upload() -> None:
            if not isinstance(data, bytes):
                data.seek(0)
            self._container(container).upload_blob(name, data, **condition)

        self._write(container, name, upload)

    def _write(self, container: str, name: str, act: Callable[[], object]) -> None:
        """Does it once more where the container was missing, and is made."""
        what = f"blob {container}/{name}"
        try:
            with self._failures(what):
                act()
        except NotFound:
            self.create_container(container)
            with self._failures(what):
                act()

    def delete(self, container: str, name: str) -> None:
        """Deletes the blob; none is no fault."""
        with suppress(NotFound), self._failures(f"blob {container}/{name}"):
            self._container(container).delete_blob(name)

    def probe(self, container: str) -> bool:
        """Writes a blob and deletes it; False where the container is not there yet."""
        try:
            with self._failures(f"container {container}"):
                self._container(container).upload_blob("probe", b"", overwrite=True)
        except NotFound:
            return False
        self.delete(container, "probe")
        return True

    def soft_delete_days(self) -> int:
        """How many days the account keeps deleted blobs; 0: not at all.

        An identity needs a role with `blobServices/read`, such as Reader, which the blob data roles lack.
        Source: https://learn.microsoft.com/rest/api/storageservices/get-blob-service-properties
        """
        with self._failures("the blob service's settings"):
            policy = self._service.get_service_properties()["delete_retention_policy"]
        return int(policy.days or 0) if policy and policy.enabled else 0

    def create_container(self, container: str) -> None:
        """Makes the container; one that is there already is no fault."""
        with suppress(Conflict), self._failures(f"container {container}"):
            self._service.create_container(container)

    def delete_below(self, container: str, prefix: str) -> None:
        """Deletes every blob below the prefix; none is no fault."""
        with suppress(NotFound), self._failures(f"container {container}"):
            client = self._container(container)
            for names in batched(list(client.list_blob_names(name_starts_with=prefix)), DELETED_AT_ONCE, strict=False):
                for refused in _delete(client, names):
                    raise HttpResponseError(response=refused)

    def delete_all(self, container: str, names: Sequence[str]) -> int:
        """Deletes these blobs, at most DELETED_AT_ONCE, in one request; none is no fault.

        How many are gone: one that storage holds fast, by a lease or a policy, keeps no other from going.
        """
        refused: list[Any] = []
        with suppress(NotFound), self._failures(f"container {container}"):
            refused = _delete(self._container(container), names)
        return len(names) - len(refused)

    def _container(self, name: str) -> ContainerClient:
        if name not in self._containers:
            self._containers[name] = self._service.get_container_client(name)
        return self._containers[name]


def _delete(client: ContainerClient, names: Sequence[str]) -> list[Any]:
    """The answers about those that are still there."""
    answers = client.delete_blobs(*names, raise_on_any_failure=False)
    return [answer for answer in answers if answer.status_code not in (202, 404)]


def _unchanged(etag: str | None) -> dict[str, Any]:
    """The condition that a blob still is this etag; without one, none."""
    return {"etag": etag, "match_condition": MatchConditions.IfNotModified} if etag is not None else {}


def _block_id(number: int) -> str:
    return f"{number:08}"


def _blob(item: BlobProperties) -> Blob:
    return Blob(item.name, item.etag, item.size, item.last_modified)
