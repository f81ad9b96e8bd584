"""Reads the configuration document, and says what is wrong with it line by line."""

import hashlib
import json
import re
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from shared.config.faults import field_problems
from shared.config.models import Connection, Document, Export
from shared.config.source import CONTAINER_NAME
from shared.errors import ConfigurationError, shown
from shared.settings import is_local_file
from shared.storage.blobs import Blobs
from shared.storage.failures import NotFound
from shared.storage.versions import Version, Versions

# Some 10,000 exports. What is made of so many bytes takes a process of 300 MB no further, whatever they hold.
LARGEST_BYTES = 4_000_000
_MOST_KEYS = 500  # in one object: twice what a mapping may have
_MOST_KEYS_IN_ALL = 250_000
_LONGEST_TEXT = 4_000
# Of an export or its connection: what can change without changing what is sent.
_NOT_SENT_BY = {"display_name", "schedule", "hold_hours", "available_to", "consent"}
_PARTS: dict[str, type[BaseModel]] = {"connections": Connection, "exports": Export}


class DocumentError(ConfigurationError):
    """The document cannot be used. `problems` has one line for each fault, with the path to its field."""

    def __init__(self, where: str, problems: list[str]) -> None:
        listed = "; ".join(problems)[:_LONGEST_TEXT]
        super().__init__("configuration_invalid", f"{where}: {listed}.", "Correct the configuration.")
        self.faults = tuple(problems)
        self.problems = [f"{where}: {problem}" for problem in problems]


@dataclass(frozen=True, slots=True)
class ReadyExport:
    """An export with its connection, both as the document has them now."""

    export: Export
    connection: Connection

    @property
    def key_setting(self) -> str:
        """What stands for the Brevo account: the setting with its key, since limits are an account's."""
        return self.connection.api_key.setting

    @property
    def asks_who_left(self) -> bool:
        """True where Brevo is asked before a run who left the list, and those are left out."""
        return self.connection.leavers == "asked" and not self.export.put_back_leavers

    @property
    def digest(self) -> str:
        """The same while nothing has changed that decides what a run sends, and how; names and schedules do not.

        Nor does a release that reads a document in the same way as the one that has held a run.
        """
        connection = self.connection.model_copy(update={"date_format": self.connection.dates_sent_as})
        parts = self.export.model_dump_json(exclude=_NOT_SENT_BY), connection.model_dump_json(exclude=_NOT_SENT_BY)
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Parsed:
    """A version of the document, or what is wrong with it."""

    document: Document | None
    problems: tuple[str, ...] = ()


# The version before stays in use while a newer one is parsed.
_versions: Versions[Parsed] = Versions(LARGEST_BYTES)


def read_document(location: str, blobs: Blobs) -> Document:
    """The document at a local path, or at `container/blob`. A version is parsed once.

    Raises DocumentError, or ConfigurationError where there is none, or where it is too large.
    """
    try:
        return read_newest(location, blobs)
    except NotFound:
        raise _missing(location) from None


def read_newest(location: str, blobs: Blobs) -> Document:
    """The same, but raises NotFound where there is no blob."""
    version = _newest(location, blobs)
    if version.value.document is None:
        raise DocumentError(location, list(version.value.problems))
    return version.value.document


def _newest(location: str, blobs: Blobs) -> Version[Parsed]:
    known = _versions.get(blobs, location)
    if is_local_file(location):
        data = _local(location)
        etag = hashlib.sha256(data).hexdigest()
        if known and known.etag == etag:
            return known
    else:
        found = blobs.read_new(*blob_address(location), known.etag if known else None, LARGEST_BYTES)
        if found is None and known:
            return known
        data, etag = found or (b"", "")
    version = Version(etag, _parsed(data, location), len(data))
    _versions.keep(blobs, location, version)
    return version


def read_local(location: str) -> Document:
    """The document at a local path, without storage. Raises as `read_document`."""
    return parse_document(_local(location), location)


def _local(location: str) -> bytes:
    path = Path(location)
    if path.stat().st_size > LARGEST_BYTES:
        raise too_large(location)
    return path.read_bytes()


def _parsed(data: bytes, where: str) -> Parsed:
    try:
        return Parsed(parse_document(data, where))
    except DocumentError as error:
        return Parsed(None, error.faults)


def parse_document(data: bytes, where: str) -> Document:
    """Raises DocumentError with a line for each fault, ConfigurationError for one that is too large."""
    if len(data) > LARGEST_BYTES:
        raise too_large(where)
    try:
        raw = plain_json(data)
    except ValueError as error:
        raise DocumentError(where, [str(error)]) from None
    return validated(raw, where)


def readable_part(data: bytes) -> Document:
    """The connections and exports that are in order, of a document that as a whole is not; for its repair alone."""
    try:
        raw = plain_json(data)
    except ValueError:
        return Document()
    parts: dict[str, list[Any]] = {"connections": [], "exports": []}
    for kind, items in parts.items():
        listed = raw.get(kind) if isinstance(raw, dict) else None
        for item in listed if isinstance(listed, list) else []:
            with suppress(ValidationError):
                items.append(_PARTS[kind].model_validate(item))
    return Document.model_construct(connections=parts["connections"], exports=parts["exports"])


def plain_json(data: bytes) -> Any:
    """The value that the JSON text stands for. Raises ValueError saying what is wrong with it."""
    keys = 0

    def counted(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal keys
        keys += len(pairs)
        if keys > _MOST_KEYS_IN_ALL:
            raise ValueError(f"has more than {_MOST_KEYS_IN_ALL:,} keys")
        return _no_key_twice(pairs)

    try:
        return json.loads(data.decode("utf-8-sig"), object_pairs_hook=counted)
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8 text") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"line {error.lineno}: is not JSON ({error.msg})") from None
    except RecursionError:
        raise ValueError("is nested too deeply") from None


def validated(raw: Any, where: str) -> Document:
    """The document that these plain values are. Raises DocumentError with a line for each fault."""
    try:
        return Document.model_validate(raw)
    except ValidationError as error:
        raise DocumentError(where, field_problems(error, Document)) from None


def ready_export(document: Document, export_id: str) -> ReadyExport:
    """The export and its connection, ready to be used.

    Raises ConfigurationError: unknown or detached export, or a connection without consent.
    """
    export = document.export(export_id)
    if export is None:
        raise export_unknown(export_id)
    return make_ready(document, export)


def export_unknown(export_id: str) -> ConfigurationError:
    """The error for an id that no export has. It lists none: the caller may not be permitted to see them."""
    return ConfigurationError(
        "export_unknown",
        f"There is no export {shown(export_id)!r}.",
        "`segment-export exports` and GET /api/exports list them.",
    )


def make_ready(document: Document, export: Export) -> ReadyExport:
    """The same for an export of the document. Raises ConfigurationError where it is detached or lacks consent."""
    connection = document.connection_of(export)
    if connection is None:
        raise ConfigurationError(
            "export_detached", f"The export {export.id} is detached.", "Choose a connection for it."
        )
    if connection.consent is None:
        raise ConfigurationError(
            "consent_missing",
            f"Consent for the connection {connection.id} is missing or was withdrawn.",
            "An administrator records the consent in the connection.",
        )
    return ReadyExport(export, connection)


def too_large(where: str) -> ConfigurationError:
    """The error for a document of more than LARGEST_BYTES."""
    return ConfigurationError(
        "configuration_too_large",
        f"The configuration {_shown_location(where)} is larger than {LARGEST_BYTES:,} bytes.",
        "Remove exports that are not used, or divide them between several apps.",
    )


@lru_cache(maxsize=16)
def blob_address(location: str) -> tuple[str, str]:
    """Container and blob of a document that is no local file. Raises ConfigurationError for what is no address."""
    container, _, name = location.partition("/")
    if not re.fullmatch(CONTAINER_NAME, container) or not name:
        raise _missing(location)
    return container, name


def _shown_location(location: str) -> str:
    """Where the document is, for a line of text. Links, and long words that are no path, may be secrets."""
    is_path = re.fullmatch(r"[^?;=@]+", location) and "://" not in location and re.search(r"[/.]", location)
    return location if is_path or shown(location) == location else "the address in EXPORT_CONFIG"


def _missing(location: str) -> ConfigurationError:
    return ConfigurationError(
        "configuration_missing",
        f"There is no configuration at {_shown_location(location)}.",
        "Set EXPORT_CONFIG to a local path or to container/blob, and put the document there.",
    )


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if len(pairs) > _MOST_KEYS:
        raise ValueError(f"has an object with {len(pairs):,} keys, more than {_MOST_KEYS}")
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {shown(key)!r} is there twice")
        found[key] = value
    return found
