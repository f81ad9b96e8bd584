"""What a form shows of what was refused, so that all that was typed stays."""

from shared.access import AccessDenied
from shared.administration.items import InvalidInput
from shared.errors import ConfigurationError


def refused_words(error: ConfigurationError) -> list[str]:
    """A line for each fault, which begins with the path to its field. Raises AccessDenied again: that has a page."""
    if isinstance(error, AccessDenied):
        raise error
    return error.problems if isinstance(error, InvalidInput) else [error.message]
