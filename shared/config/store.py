"""Changes the one document: each change by ETag, with the version before it kept beside the document.

The version before is written first, then the document, only where it still is as it was read. The second
of two people reads the newer document and applies their own change to that, so that nobody's change is lost.
"""

import json
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from shared.at_once import at_once
from shared.config.document import (
    LARGEST_BYTES,
    blob_address,
    parse_document,
    plain_json,
    read_newest,
    too_large,
    validated,
)
from shared.config.models import Document
from shared.errors import ConfigurationError, ExportError
from shared.settings import is_local_file
from shared.storage.blob_changes import change_blob
from shared.storage.blobs import Blobs
from shared.storage.clock import Clock
from shared.storage.failures import BusyError, NotFound

KEPT_VERSIONS = 50


@dataclass(frozen=True, slots=True)
class Version:
    """What the document was before a change: who changed it, when, and what they did."""

    changed_at: str
    changed_by: str
    what: str
    blob: str

    @property
    def id(self) -> str:
        """What the version is called: the name of its blob, without folder and ending."""
        return self.blob.rpartition("/")[2].removesuffix(".json")


class DocumentStore:
    """The document at a local path, which is read only, or at `container/blob`."""

    def __init__(self, location: str, blobs: Blobs, clock: Clock) -> None:
        self._location = location
        self._blobs = blobs
        self._clock = clock

    def read(self) -> Document:
        """The document as it is now; an empty one where there is no blob yet. Raises DocumentError."""
        try:
            return read_newest(self._location, self._blobs)
        except NotFound:
            return Document()

    def read_bytes(self) -> bytes | None:
        """The document's bytes, whatever they are; None where there is no blob yet."""
        if is_local_file(self._location):
            return Path(self._location).read_bytes()
        try:
            found = self._blobs.read_new(*blob_address(self._location), None, LARGEST_BYTES)
        except NotFound:
            return None
        return found[0] if found else None

    def parsed(self, data: bytes | None) -> Document:
        """The document that these bytes are; an empty one for None. Raises DocumentError and ConfigurationError."""
        return Document() if data is None else parse_document(data, self._location)

    def change(self, who: str, what: str, change: Callable[[Document], Document]) -> Document:
        """Saves what `change` makes of the document; it sees it again where somebody else was faster.

        Raises what `change` raises, DocumentError where the document or the result is wrong, ConfigurationError for a
        local file.
        """
        return self.replace(who, what, lambda data: change(self.parsed(data)))

    def replace(self, who: str, what: str, change: Callable[[bytes | None], Document]) -> Document:
        """As `change`, but also where the document cannot be read: `change` gets its bytes, whatever they are."""
        self.require_writable()
        container, name = blob_address(self._location)
        after, kept = Document(), ""

        def changed(data: bytes | None) -> bytes:
            nonlocal after, kept
            self._drop(kept)  # of a try that came too late
            kept = ""
            after = _checked(change(data), self._location)
            new = _written(after)
            if len(new) > LARGEST_BYTES:
                raise too_large(self._location)
            kept = "" if data is None else self._keep(who, what, data)
            return new

        try:
            change_blob(self._blobs, container, name, changed)
        except BusyError:
            self._drop(kept)
            raise
        with suppress(ExportError):  # the change is saved, and the next one deletes them too
            self._forget_old()
        return after

    def require_writable(self) -> None:
        """Raises ConfigurationError where the document is a local file."""
        if is_local_file(self._location):
            raise ConfigurationError(
                "configuration_read_only",
                f"The configuration is the local file {self._location}, which is read only here.",
                "Change the file where it is kept, such as in git, or set EXPORT_CONFIG to container/blob.",
            )

    def history(self, most: int | None = None) -> list[Version]:
        """The versions before, newest first, or so many of them; the last 50 are kept. Each is read for it."""
        if is_local_file(self._location):
            return []
        container, _ = blob_address(self._location)
        return at_once(partial(self._version, container), self._kept()[::-1][:most])

    def version(self, version_id: str) -> Document | None:
        """The document as it was; None where no version has this id. Raises DocumentError where it is not valid now."""
        if is_local_file(self._location) or f"{self._folder()}{version_id}.json" not in self._kept():
            return None
        container, _ = blob_address(self._location)
        try:
            found = json.loads(self._blobs.read(container, f"{self._folder()}{version_id}.json"))
        except NotFound:  # deleted since it was listed
            return None
        return validated(found["document"], f"version {version_id}")

    def rewrite_history(self, change: Callable[[bytes], bytes]) -> int:
        """Changes the versions before as `change` says; tells how many of them it has changed."""
        if is_local_file(self._location):
            return 0
        container, _ = blob_address(self._location)
        rewritten = 0
        for name in self._kept():
            rewritten += change_blob(self._blobs, container, name, lambda data: _new_or_none(data, change))
        return rewritten

    def history_before(self, time: datetime) -> list[tuple[str, str]]:
        """Container and blob of each version that a change before this time has left."""
        if is_local_file(self._location):
            return []
        container, _ = blob_address(self._location)
        return [(container, name) for name in self._kept() if name.removeprefix(self._folder()) < _stamp(time)]

    def _version(self, container: str, blob: str) -> Version:
        found = json.loads(self._blobs.read(container, blob))
        return Version(found["changed_at"], found["changed_by"], found["what"], blob)

    def _keep(self, who: str, what: str, data: bytes) -> str:
        container, _ = blob_address(self._location)
        now = self._clock.now()
        name = f"{self._folder()}{_stamp(now)}-{secrets.token_hex(3)}.json"
        version = {
            "changed_at": now.isoformat(timespec="milliseconds"),
            "changed_by": who,
            "what": what,
            "document": _kept_form(data),
        }
        self._blobs.write(container, name, json.dumps(version, indent=2, ensure_ascii=False).encode())
        return name

    def _drop(self, kept: str) -> None:
        """Deletes the version before a change that was not made."""
        if kept:
            self._blobs.delete(blob_address(self._location)[0], kept)

    def _kept(self) -> list[str]:
        container, _ = blob_address(self._location)
        return [blob.name for blob in self._blobs.listing_if_there(container, self._folder())]

    def _forget_old(self) -> None:
        container, _ = blob_address(self._location)
        for name in self._kept()[:-KEPT_VERSIONS]:
            self._blobs.delete(container, name)

    def _folder(self) -> str:
        """`config/exports.json` keeps its history in `config/history/exports/`."""
        _, name = blob_address(self._location)
        folder, _, file = name.rpartition("/")
        return f"{folder}/history/{file.removesuffix('.json')}/".lstrip("/")


def _kept_form(data: bytes) -> Any:
    """The document's JSON; what is no JSON as its text, so that what a restore has replaced can still be seen."""
    try:
        return plain_json(data[:LARGEST_BYTES])
    except ValueError:
        return data[:LARGEST_BYTES].decode("utf-8-sig", errors="replace")


def _new_or_none(data: bytes | None, change: Callable[[bytes], bytes]) -> bytes | None:
    """The new bytes; None where there is nothing to change, or where the blob was deleted since it was listed."""
    new = None if data is None else change(data)
    return None if new == data else new


def _checked(document: Document, where: str) -> Document:
    """The models' own checks once more: a copy with a changed part has not been through them."""
    return validated(plain(document), where)


def plain(document: Document) -> dict[str, Any]:
    """The document's JSON, without the defaults that nobody wrote."""
    return document.model_dump(mode="json", exclude_unset=True)


def _written(document: Document) -> bytes:
    return (json.dumps(plain(document), indent=2, ensure_ascii=False) + "\n").encode()


def _stamp(now: datetime) -> str:
    return f"{now:%Y%m%dT%H%M%S.%f}"
