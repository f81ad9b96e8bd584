"""How an error is said in a terminal: a line for each fault, the terminal's own words, and the nearest known id."""

import os

import click

from shared.cli.ids import known_ids
from shared.errors import ExportError, did_you_mean
from shared.settings import emulator_hint, names_storage, serve_env_unread

# Of an unknown id: what it is the id of, as the arguments are named.
_UNKNOWN = {
    "connection_unknown": "connection",
    "export_unknown": "export",
    "notification_unknown": "notification",
    "run_unknown": "run",
}
# What is said in a terminal that has none of the app's settings.
_WITHOUT_SETTINGS = ("storage_unreachable", "setting_missing", "app_secret_missing")
# What only a caller of the API knows, and what stands for it here.
_WORDS = (
    ("to change it, send its ETag as If-Match", "to change it, add --if-match with its ETag, or --replace"),
    ("If-Match: ", "--if-match: "),
    (" and GET /api/connections list them", " lists them"),
    (" and GET /api/exports list them", " lists them"),
    (" and GET /api/history list them", " lists them"),
    (" and GET exports/{id}/runs list them", " lists them"),
    (", or GET /api/segments?container=NAME", ""),
    ("body: ", "file: "),
)


def in_terminal(text: str) -> str:
    """The text in words of the terminal."""
    for word, ours in _WORDS:
        text = text.replace(word, ours)
    return text


def error_lines(error: ExportError, context: click.Context) -> list[str]:
    """One line; where there are several faults, one for each, and one with what to do."""
    faults: list[str] = getattr(error, "problems", [])
    if len(faults) > 1:
        return [in_terminal(line) for line in (*faults, error.advice)]
    if error.code in _WITHOUT_SETTINGS and (line := serve_env_unread(os.environ)):
        return [line]
    hint = emulator_hint(os.environ, getattr(error, "service", ""))
    if hint and not names_storage(os.environ):
        return [hint]
    text = f"{error.message} {hint}" if hint else str(error)
    return [in_terminal(text) + _nearest(error, context)]


def _nearest(error: ExportError, context: click.Context) -> str:
    kind = _UNKNOWN.get(error.code, "")
    typed = context.params.get(kind)
    return did_you_mean(typed, known_ids(kind)) if typed else ""
