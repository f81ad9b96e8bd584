"""What `model.json` says of the tables beside it (Common Data Model).

Source: https://learn.microsoft.com/common-data-model/model-json
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.errors import ConfigurationError
from shared.storage.blobs import Blobs
from shared.storage.failures import NotFound

_DATE_ANNOTATION, _MOMENT_ANNOTATION = "ci:CustomDateFormat", "ci:CustomTimestampFormat"


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
    attributes: list[_Attribute] = []
    partitions: list[_Partition] = []
    annotations: list[dict[str, Any]] = []


class _Model(BaseModel):
    entities: list[_Entity] = Field(default=[])
    annotations: Any = None


@dataclass(frozen=True, slots=True)
class Table:
    """One table of an export, as model.json describes it. Unknown things are None.

    `date_formats` has the form of each column's dates that an annotation names, by the column's name in small letters.
    """

    name: str
    columns: tuple[str, ...]
    has_header: bool | None
    delimiter: str | None
    date_formats: Mapping[str, str] = field(default_factory=dict)


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
    return {entity.name: _table(entity, model.annotations) for entity in model.entities}


def _table(entity: _Entity, annotations: Any) -> Table:
    formats = [partition.fileFormatSettings for partition in entity.partitions if partition.fileFormatSettings]
    first = formats[0] if formats else _FileFormat()
    return Table(
        name=entity.name,
        columns=tuple(attribute.name for attribute in entity.attributes),
        has_header=first.columnHeaders,
        delimiter=first.delimiter,
        date_formats=_date_formats(entity, annotations),
    )


def _date_formats(entity: _Entity, of_all: Any) -> dict[str, str]:
    """What annotations say of the columns' dates: the attribute's own first, then the table's, then the model's.

    Source: https://learn.microsoft.com/dynamics365/customer-insights/data/common-reasons-ingestion-errors
    """
    found: dict[str, str] = {}
    for attribute in entity.attributes:
        is_moment = (attribute.dataType or "").casefold().startswith("datetime")
        names = (_MOMENT_ANNOTATION, _DATE_ANNOTATION) if is_moment else (_DATE_ANNOTATION, _MOMENT_ANNOTATION)
        levels = [_annotated(annotations) for annotations in (attribute.annotations, entity.annotations, of_all)]
        if form := next((level[name] for level in levels for name in names if level.get(name)), None):
            found[attribute.name.casefold()] = form
    return found


def _annotated(annotations: Any) -> dict[str, str]:
    """Annotations by name. Nothing depends on them but dates, so that what is none is passed over."""
    entries = annotations if isinstance(annotations, list) else []
    return {
        str(entry.get("name")): entry["value"]
        for entry in entries
        if isinstance(entry, dict) and isinstance(entry.get("value"), str)
    }
