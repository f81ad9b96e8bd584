"""An answer as JSON, the same for the API and the terminal, and how it is described."""

import json
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import ConfigDict

# Without it, pydantic describes a field that has a default as one that may be missing from an answer.
ALL_FIELDS_SENT: "ConfigDict" = {"json_schema_serialization_defaults_required": True}


def json_text(answer: Any, indent: int | None = None) -> str:
    """The JSON text of plain values, dataclasses and models, however nested."""
    return json.dumps(answer, indent=indent, ensure_ascii=False, default=_plain)


def _plain(value: Any) -> Any:
    from pydantic import BaseModel  # slow to load, and loaded already where there is a model

    if is_dataclass(value):
        return {part.name: getattr(value, part.name) for part in fields(value)}
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else str(value)
