"""Where an export's segment files are, and how they are written."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from shared.config.base import Column, Model, Switch
from shared.config.date_format import DateForm

CONTAINER_NAME = r"^[a-z0-9](-?[a-z0-9]){2,62}$"
# A word has something beside blanks, which are taken off its ends: all of White_Space in Unicode.
_NOT_BLANK = r"[^\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]"
NullWord = Annotated[
    str,
    StringConstraints(min_length=1, max_length=100, strip_whitespace=True),
    Field(json_schema_extra={"pattern": _NOT_BLANK}),
]


class Condition(Model):
    """A column, and the words of which a row must have one there."""

    # `is` is a keyword of Python's.
    model_config = ConfigDict(serialize_by_alias=True)

    column: Column
    words: list[NullWord] = Field(
        alias="is", min_length=1, max_length=50, description="Compared without regard to case and blanks at the ends."
    )


def _one_or_several(value: Any) -> Any:
    return [value] if isinstance(value, dict) else value


_MOST_CONDITIONS = 10
_Conditions = Annotated[
    list[Condition],
    BeforeValidator(
        _one_or_several,
        json_schema_input_type=Condition | Annotated[list[Condition], Field(max_length=_MOST_CONDITIONS)],
    ),
]


class Source(Model):
    """Where Customer Insights writes: a container and the folder of one of its exports."""

    container: Annotated[str, StringConstraints(pattern=CONTAINER_NAME)]
    folder: Annotated[str, StringConstraints(min_length=1, max_length=500)] = Field(
        description='The export\'s folder, of any depth; "/" is the container itself.'
    )
    delimiter: Literal[",", ";", "\t", "|"] | None = Field(
        default=None, description="The files' delimiter; what model.json says, else a comma."
    )
    escape: Literal['"', "\\"] = Field(
        default='"', description="What stands before a quote inside a quoted cell: a second quote, or a backslash."
    )
    gaps_allowed: Switch = Field(
        default=False, description="The files' numbers have gaps by design: none is taken for a missing file."
    )
    only: _Conditions = Field(
        default=[],
        max_length=_MOST_CONDITIONS,
        description="Only rows that fit are sent, such as those of customers who agreed; with several, all must fit.",
    )
    date_format: DateForm | None = Field(
        default=None, description="How the files write dates, such as M/d/yyyy h:mm:ss tt; ISO dates need none."
    )
    null_words: list[NullWord] = Field(
        default=["NULL", "\\N"], max_length=50, description="Cells that mean empty, in exactly these letters."
    )

    @model_validator(mode="after")
    def _plain_folder(self) -> Self:
        parts = [] if self.folder == "/" else self.folder.strip("/").split("/")
        if any(part == "" or part.endswith(".") for part in parts) or "\\" in self.folder:
            raise ValueError("folder must be a plain path such as CustomerInsights_abcd1234/BlobExport")
        return self
