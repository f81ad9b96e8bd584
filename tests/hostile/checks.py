"""What holds of every refusal: an error is one line with an advice."""

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from shared.errors import ExportError

HYPOTHESIS = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
PLAIN_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


def one_line(text: str) -> bool:
    return text.isprintable() or not any(char in text for char in "\n\r\x00\x1b\u2028")


def check_error(error: ExportError) -> None:
    assert one_line(error.message), ascii(error.message)
    assert one_line(error.advice), ascii(error.advice)
    assert error.message.strip()


def short(value: Any) -> str:
    return ascii(value)[:50]
