"""The arguments that take an id, which the Tab key completes from the configuration and the storage."""

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from shared.at_once import at_once
from shared.cli.showing import open_app
from shared.errors import ConfigurationError, ExportError, shown


def complete_id(_: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """The ids of what the argument is named after. An error would be printed into the line that is being typed."""
    return [each for each in known_ids(str(parameter.name)) if each.startswith(incomplete)]


def known_ids(kind: str) -> list[str]:
    """All ids of connections, exports, notifications or runs; none where they cannot be read."""
    with suppress(ExportError, OSError, ValueError, TypeError, LookupError, AttributeError):
        return sorted(_ids(kind))
    return []


def complete_export_or_run(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """The ids of exports, and of the last runs of one that is typed out: only these have to be read from storage."""
    with suppress(ExportError, OSError, ValueError, TypeError, LookupError, AttributeError):
        exports = _ids("export")
        found = [each for each in exports if each.startswith(incomplete)]
        for export in exports:
            if incomplete.startswith(export):
                found += [run.run_id for run in open_app().store.latest(export, 5)]
        return sorted(each for each in found if each.startswith(incomplete))
    return []


def _ids(kind: str) -> list[str]:
    if kind == "version":
        return [each.id for each in open_app().configuration.history()]
    if kind == "container":
        return sorted({str(each["source"]["container"]) for each in _document().get("exports", [])})
    if kind == "run":
        app = open_app()
        exports = app.configuration.read().exports
        found = at_once(lambda export: [run.run_id for run in app.store.latest(export.id, 5)], exports)
        return [run_id for run_ids in found for run_id in run_ids]
    return [str(each["id"]) for each in _document().get(f"{kind}s", [])]


def _document() -> Any:
    """The configuration. A local file is not validated: loading the models takes longer than a Tab may."""
    from shared.settings import is_local_file, read_settings

    location = read_settings().export_config
    if is_local_file(location):
        return json.loads(Path(location).read_bytes())
    return open_app().configuration.read().model_dump()


def require_run_id(text: str) -> None:
    """Raises ConfigurationError for what is no run's id."""
    from shared.runs.run_ids import is_run_id

    if not is_run_id(text):
        export = text if text in known_ids("export") else "EXPORT"
        raise ConfigurationError(
            "run_unknown", f"{shown(text)!r} is no run's id.", f"`segment-export runs {export}` lists them."
        )


def export_or_run_argument[Command: Callable[..., Any]](
    of_an_export: str, metavar: str = "EXPORT|RUN", *, required: bool = True
) -> Callable[[Command], Command]:
    """A run's id, or an export's, which stands for what `of_an_export` says, such as "its last run"."""
    return click.argument(
        "export_or_run",
        metavar=metavar,
        required=required,
        shell_complete=complete_export_or_run,
        help=f"a run's id, or an export's: {of_an_export}",
    )


connection_argument = click.argument("connection", shell_complete=complete_id, help="a connection's id")
export_argument = click.argument("export", shell_complete=complete_id, help="an export's id")
run_argument = click.argument("run", shell_complete=complete_id, help="a run's id")
