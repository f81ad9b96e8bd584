"""Runs and the like, which are made and copied by the hundred in each history: here in a fraction of the time.

A frozen dataclass sets each of its fields by a call. A twin of the class has the same fields and is not frozen, so that
its own are set at once; then it becomes an instance of the class itself.
"""

from collections.abc import Callable
from dataclasses import Field, field, fields, make_dataclass
from operator import attrgetter
from typing import Any, NamedTuple


class _Form(NamedTuple):
    """How instances of a class are made: by its twin, from the values of all these fields."""

    twin: Callable[..., Any]
    names: tuple[str, ...]
    values_of: Callable[[Any], tuple[Any, ...]]


_forms: dict[type[Any], _Form] = {}


def _form(cls: type[Any]) -> _Form:
    if cls not in _forms:
        _forms[cls] = _made_form(cls)
    return _forms[cls]


def _made_form(cls: type[Any]) -> _Form:
    parts = fields(cls)
    names = tuple(part.name for part in parts)
    twin = cls if _is_checked(cls) else make_dataclass(cls.__name__, map(_like, parts), slots="__slots__" in vars(cls))
    return _Form(twin, names, attrgetter(*names))


def _is_checked(cls: type[Any]) -> bool:
    """True for a class that does more than to set its fields, as Pydantic's do, which is to stay so here."""
    return hasattr(cls, "__post_init__") or hasattr(cls, "__pydantic_validator__")


def _like(part: "Field[Any]") -> tuple[str, Any, Any]:
    default: Any = field(default=part.default, default_factory=part.default_factory)
    return part.name, Any, default


def maker(cls: type[Any]) -> Callable[..., Any]:
    """What makes instances from the values of their first fields, in order."""
    twin = _form(cls).twin

    def new(*values: Any) -> Any:
        made = twin(*values)
        made.__class__ = cls
        return made

    return new


def make(cls: type[Any], **values: Any) -> Any:
    """An instance with these values, as the class itself makes it."""
    new = _form(cls).twin(**values)
    if new.__class__ is not cls:
        new.__class__ = cls
    return new


def replace(model: Any, **changes: Any) -> Any:
    """As that of `dataclasses`, where all fields are given to the constructor."""
    cls = model.__class__
    twin, names, values_of = _form(cls)
    if twin is cls:
        return cls(**dict(zip(names, values_of(model), strict=True)) | changes)
    new = twin(*values_of(model))
    for name, value in changes.items():
        setattr(new, name, value)
    new.__class__ = cls
    return new
