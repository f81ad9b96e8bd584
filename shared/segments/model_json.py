"""What `model.json` says of the tables beside it (Common Data Model).

Source: https://learn.microsoft.com/common-data-model/model-json
"""

import json
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.errors import ConfigurationError
from shared.storage.blobs import Blobs
from shared.storage.failures import NotFound


class _Attribute(BaseModel):
    name: str


class _FileFormat(BaseModel):
    columnHeaders: bool | None = None  # noqa: N815 - the file's own names
    delimiter: str | None = None


class _Partition(BaseModel):
    location: str | None = None
    fileFormatSettings: _FileFormat | None = None  # noqa: N815


class _Entity(BaseModel):
    model_config = ConfigDict(extra="ignore")
    name: str
    attributes: list[_Attribute] = []
    partitions: list[_Partition] = []
    annotations: list[dict[str, Any]] = []


class _Model(BaseModel):
    entities: list[_Entity] = Field(default=[])


@dataclass(frozen=True, slots=True)
class Table:
    """One table of an export, as model.json describes it. Unknown things are None."""

    name: str
    columns: tuple[str, ...]
    has_header: bool | None
    delimiter: str | None


def read_model_json(blobs: Blobs, container: str, folder: str) -> dict[str, Table] | None:
    """The tables by name, or None where there is no model.json. Raises ConfigurationError for a broken one."""
    name = f"{folder.strip('/')}/model.json"
    try:
        data = blobs.read(container, name)
    except NotFound:
        return None
    try:
        model = _Model.model_validate(json.loads(data.decode("utf-8-sig")))
    except (ValueError, ValidationError, RecursionError) as error:
        raise ConfigurationError(
            "model_json_invalid",
            f"{container}/{name} cannot be read as a Common Data Model.",
            "Let Customer Insights export again, or remove the file where the segments have header rows.",
        ) from error
    return {entity.name: _table(entity) for entity in model.entities}


def _table(entity: _Entity) -> Table:
    formats = [partition.fileFormatSettings for partition in entity.partitions if partition.fileFormatSettings]
    first = formats[0] if formats else _FileFormat()
    return Table(
        name=entity.name,
        columns=tuple(attribute.name for attribute in entity.attributes),
        has_header=first.columnHeaders,
        delimiter=first.delimiter,
    )
