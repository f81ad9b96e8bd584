"""What a caller of the API or the terminal gets: an answer as plain values."""

import json
from typing import Any

from shared.json_text import json_text


def plain(answer: Any) -> Any:
    """The answer, written as JSON and read again."""
    return json.loads(json_text(answer))
