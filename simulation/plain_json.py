"""JSON by the parts of it that are written in C, without what Python does around them: the same texts and values."""

import json
from collections.abc import Callable
from json import encoder
from typing import Any

_real_loads = json.loads
_scan: Callable[[str, int], tuple[Any, int]] = json.JSONDecoder().scan_once  # type: ignore[attr-defined]


def loads(text: Any, **how: Any) -> Any:
    """As that of `json`, which also says what is wrong."""
    if text.__class__ is str and not how:
        try:
            value, end = _scan(text, 0)
        except (ValueError, StopIteration):
            return _real_loads(text)
        if end == len(text):
            return value
    return _real_loads(text, **how)


def encode_of(how: json.JSONEncoder) -> Callable[[Any], str]:
    """Its method `encode`, for values that do not hold themselves."""
    parts: Any = encoder
    quoted = parts.encode_basestring_ascii if how.ensure_ascii else parts.encode_basestring
    chunks = parts.c_make_encoder(
        *(None, how.default, quoted, how.indent, how.key_separator, how.item_separator),
        *(how.sort_keys, how.skipkeys, how.allow_nan),
    )
    return lambda value: "".join(chunks(value, 0))
