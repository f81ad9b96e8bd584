"""What `model.json` says of the tables beside it (Common Data Model).

Source: https://learn.microsoft.com/common-data-model/model-json
"""

import codecs
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, ConfigDict, FailFast, ValidationError

from shared.config.faults import fault_sentence
from shared.errors import ConfigurationError, shown
from shared.segments.layouts import DatedPath, below, dated_path, without_gz
from shared.segments.names import visible
from shared.segments.stored import stored_bytes
from shared.storage.blobs import Blob, Blobs
from shared.storage.versions import Version, Versions

_NEVER = datetime.min.replace(tzinfo=UTC)
# Some 60,000 partitions. Parsed they take about eight times as much memory.
MOST_BYTES = 16 * 1024 * 1024
# What so many bytes take depends on how many values they are: nothing but `{},` would take gigabytes.
_MOST_OBJECTS = 250_000
_MOST_VALUES = 1_500_000
# The newest of each folder, since the timer reads it for every export at every turn.
_versions: "Versions[ModelJson]" = Versions(MOST_BYTES)
_DELIMITERS = {",": ",", ";": ";", "|": "|", "\t": "\t", "\\t": "\t", "tab": "\t"}

_DATE_ANNOTATION, _MOMENT_ANNOTATION = "ci:CustomDateFormat", "ci:CustomTimestampFormat"


class ModelTooLargeError(ConfigurationError):
    """The document is larger than what is read."""


class _Attribute(BaseModel):
    name: str
    dataType: str | None = None  # noqa: N815
    annotations: Any = None


class _FileFormat(BaseModel):
    columnHeaders: bool | None = None  # noqa: N815 - the file's own names
    delimiter: str | None = None


class _Partition(BaseModel):
    location: str | None = None
    fileFormatSettings: _FileFormat | None = None  # noqa: N815


class _Entity(BaseModel):
    model_config = ConfigDict(extra="ignore")
    name: str
    attributes: Annotated[list[_Attribute], FailFast()] = []
    partitions: Annotated[list[_Partition], FailFast()] = []
    annotations: Annotated[list[dict[str, Any]], FailFast()] = []


class _Model(BaseModel):
    entities: Annotated[list[_Entity], FailFast()] = []
    annotations: Any = None


@dataclass(frozen=True, slots=True)
class Table:
    """One table of an export, as model.json describes it, with the format of its files. Unknown things are None.

    `date_formats` has for each column the form of its dates that an annotation names; empty where none does.
    """

    name: str
    columns: tuple[str, ...]
    has_header: bool | None
    delimiter: str | None
    date_formats: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ListedFile:
    """A partition that model.json lists: where it is, None where it is in no refresh's folder; and its file's name.

    `delimiter` is as written there.
    """

    path: DatedPath | None
    has_header: bool | None
    delimiter: str | None
    name: str = ""


@dataclass(frozen=True, slots=True)
class ModelJson:
    """The tables of an export by name, the files that are listed for each, and when the document was written.

    Where there is no document the name is empty, and so is all else.
    """

    name: str = ""
    modified: datetime = _NEVER
    tables: dict[str, Table] = field(default_factory=dict)
    files: dict[str, list[ListedFile]] = field(default_factory=dict)

    @property
    def is_there(self) -> bool:
        """False where there is no model.json."""
        return bool(self.name)

    def table_of(self, segment: str) -> str:
        """The table that is called as the segment, or has files in a folder that is; empty where there is none."""
        if segment in self.tables:
            return segment
        return next((table for table, files in self.files.items() if _any_in(segment, files)), "")

    def refreshes(self, table: str) -> dict[str, list[ListedFile]]:
        """The table's listed files by the time of their refresh."""
        by_time: dict[str, list[ListedFile]] = {}
        for file in self.files.get(table, []):
            if file.path is not None:
                by_time.setdefault(file.path.time, []).append(file)
        return by_time

    def flat_file(self, table: str, name: str) -> ListedFile | None:
        """The table's listed file of this name, compressed or not, that is in no refresh's folder."""
        flat = (file for file in self.files.get(table, []) if file.path is None)
        return next((file for file in flat if without_gz(file.name) == without_gz(name)), None)

    def table(self, name: str, file: ListedFile | None, source_delimiter: str | None) -> Table | None:
        """The table with the format of the file, or of its first one; None where the table is not described.

        Raises ConfigurationError for a delimiter that no segment file has, unless the source names its own.
        """
        if name not in self.tables:
            return None
        listed = file or next(iter(self.files[name]), ListedFile(None, None, None))
        delimiter = source_delimiter or (self._delimiter(name, listed.delimiter) if listed.delimiter else None)
        return replace(self.tables[name], has_header=listed.has_header, delimiter=delimiter)

    def _delimiter(self, table: str, written: str) -> str:
        delimiter = _DELIMITERS.get(written.casefold())
        if delimiter is None:
            raise ConfigurationError(
                "model_json_invalid",
                f"{self.name}: the delimiter of the table {table} is {shown(repr(written))}.",
                'It can be a comma, a semicolon, a tab or "|". Set source.delimiter, which replaces it.',
            )
        return delimiter


class ModelJsonError(ConfigurationError):
    """The document cannot be read. `modified` is when it was written: of late, it may be only half there."""

    def __init__(self, message: str, modified: datetime) -> None:
        super().__init__(
            "model_json_invalid",
            message,
            "Let Customer Insights export again, or remove the file where the segments have header rows.",
        )
        self.modified = modified


def _any_in(folder: str, files: list[ListedFile]) -> bool:
    return any(file.path is not None and file.path.folder == folder for file in files)


def read_model_json(blobs: Blobs, container: str, folder: str) -> ModelJson:
    """What model.json says, which is nothing where there is none. A version is read and parsed once.

    Raises ModelJsonError for one that is broken, ConfigurationError for one larger than MOST_BYTES, TransientError for
    one that changes while it is read, NotFound where there is no such container.
    """
    path = f"{below(folder)}model.json"
    blob = next((blob for blob in blobs.listing(container, path) if blob.name == path), None)
    if blob is None:
        return ModelJson()
    name = f"{container}/{path}"
    if blob.size_bytes > MOST_BYTES:
        raise _too_large(name)
    known = _versions.get(blobs, name)
    if known and known.etag == blob.etag:
        return known.value
    model, size_bytes = _read(blobs, container, blob, name)
    _versions.keep(blobs, name, Version(blob.etag, model, size_bytes))
    return model


def _read(blobs: Blobs, container: str, blob: Blob, name: str) -> tuple[ModelJson, int]:
    try:
        data = _beginning(stored_bytes(blobs, container, blob))
        size_bytes = len(data)
        if size_bytes > MOST_BYTES or _has_too_many_values(data):
            raise _too_large(name)
        model = _Model.model_validate_json(data.removeprefix(codecs.BOM_UTF8))
    except ModelTooLargeError:
        raise
    except (ValidationError, ConfigurationError) as error:
        raise ModelJsonError(f"{name} cannot be read as a Common Data Model: {_fault(error)}", blob.modified) from None
    if len(data) > MOST_BYTES:
        raise _too_large(name)
    found = ModelJson(
        name=name,
        modified=blob.modified,
        tables={entity.name: _table(entity, model.annotations) for entity in model.entities},
        files={entity.name: [_listed(partition) for partition in entity.partitions] for entity in model.entities},
    )
    return found, size_bytes


def _has_too_many_values(data: bytearray) -> bool:
    objects = data.count(b"{") + data.count(b"[")
    return objects > _MOST_OBJECTS or objects + data.count(b",") > _MOST_VALUES


def _beginning(chunks: Iterator[bytes]) -> bytearray:
    """All of it, or a little more than MOST_BYTES: it may be a gzip bomb."""
    data = bytearray()
    for chunk in chunks:
        data += chunk
        if len(data) > MOST_BYTES:
            break
    return data


def _fault(error: ValidationError | ConfigurationError) -> str:
    """What is wrong, and where; without the values."""
    if isinstance(error, ConfigurationError):
        return error.message
    first = error.errors(include_input=False, include_url=False)[0]
    field = ".".join(map(str, first["loc"]))
    return f"{field or 'the document'} {fault_sentence(first)}."


def _too_large(name: str) -> ModelTooLargeError:
    return ModelTooLargeError(
        "model_json_too_large",
        f"{name} has more than {MOST_BYTES // 1024 // 1024} MB, or {_MOST_OBJECTS:,} objects and lists.",
        "Export fewer tables together, or remove the file where the segments have header rows.",
    )


def _table(entity: _Entity, annotations: Any) -> Table:
    return Table(
        name=entity.name,
        columns=tuple(visible(attribute.name) for attribute in entity.attributes),
        has_header=None,
        delimiter=None,
        date_formats=_date_formats(entity, annotations),
    )


def _listed(partition: _Partition) -> ListedFile:
    settings = partition.fileFormatSettings or _FileFormat()
    path = _path(partition.location or "")
    return ListedFile(dated_path(path), settings.columnHeaders, settings.delimiter, path.rpartition("/")[2])


def _path(location: str) -> str:
    """The path of a location, empty where it is none.

    Only its end counts: host and container differ where files were copied. Common Data Model has URLs of the Blob or
    the Data Lake endpoint, with or without a port, percent-encoded, some with `?snapshot=`, and paths relative to
    model.json.
    """
    try:
        return unquote(urlsplit(location).path)
    except ValueError:
        return ""


def _date_formats(entity: _Entity, of_all: Any) -> dict[str, str]:
    """What annotations say of the columns' dates: the attribute's own first, then the table's, then the model's.

    Source: https://learn.microsoft.com/dynamics365/customer-insights/data/common-reasons-ingestion-errors
    """
    found: dict[str, str] = {}
    for attribute in entity.attributes:
        is_moment = (attribute.dataType or "").casefold().startswith("datetime")
        names = (_MOMENT_ANNOTATION, _DATE_ANNOTATION) if is_moment else (_DATE_ANNOTATION, _MOMENT_ANNOTATION)
        levels = [_annotated(annotations) for annotations in (attribute.annotations, entity.annotations, of_all)]
        form = next((level[name] for level in levels for name in names if level.get(name)), "")
        found[visible(attribute.name)] = form
    return found


def _annotated(annotations: Any) -> dict[str, str]:
    """Annotations by name. Nothing depends on them but dates, so that what is none is passed over."""
    entries = annotations if isinstance(annotations, list) else []
    return {
        str(entry.get("name")): entry["value"]
        for entry in entries
        if isinstance(entry, dict) and isinstance(entry.get("value"), str)
    }
