"""What `make serve` says once all is up: on the terminal, on its start page, and in its two files."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.serve_marks import marks
from local.stack import Stack
from local.start_page import Link, Shown, StartPage

_COMMANDS = """\
. {environment}
segment-export exports                  # what there is, and when it runs
segment-export preview high-value       # what would be sent
segment-export run high-value --wait
segment-export status                   # what became of it
segment-export doctor                   # what is wrong, and how to fix it
curl -sS "$API/exports" -H "x-functions-key: $KEY"\
"""


def facts_of(stack: Stack, page: StartPage) -> dict[str, Any]:
    """What programs need: serve.json."""
    return {
        "api": stack.url,
        "key": stack.host.key,
        "start_page": page.url,
        "sandbox": stack.sandbox.origin,
        "storage": stack.storage,
        "brevo_base_url": stack.sandbox.base_url,
        "brevo_api_key": stack.sandbox.api_key,
        "master_key": stack.host.master_key,
        "event_grid": stack.host.event_grid_url("blob_export"),
        "pid": os.getpid(),
    }


def environment_file(facts: Mapping[str, Any], settings: Mapping[str, str]) -> str:
    """serve.env, for `.` of a POSIX shell: what the guides' lines need."""
    own = {"API": f"{facts['api']}/api", "KEY": facts["key"], "SANDBOX": facts["sandbox"]}
    values = {**own, **settings, **marks(settings)}
    lines = [f"export {name}={shlex.quote(value)}" for name, value in values.items()]
    # Before a PATH that may have another version of the command.
    return "\n".join([*lines, f'export PATH={shlex.quote(str(_commands_folder()))}:"$PATH"', ""])


def ready_text(facts: Mapping[str, Any], stack: Stack, files: tuple[Path, Path]) -> str:
    """What the terminal shows, in at most 80 columns where the folder's path lets it."""
    shown, environment = (_short(path) for path in files)
    commands = _COMMANDS.format(environment=environment).replace("\n", "\n  ")
    return f"""\
Segment Export is up on this machine. Ctrl+C ends it; what it holds is kept.

  start page      {facts["start_page"]}
  pages           {facts["api"]}/api/pages/  choose one of three roles
  Brevo sandbox   {facts["sandbox"]}/  what can go wrong: docs/sandbox.md
  app             {facts["api"]}/api
  configuration   {stack.settings["EXPORT_CONFIG"]}
  storage         Azurite on the ports {", ".join(map(str, stack.azurite.ports))}
  log             {_short(stack.log_file)}
  for programs    {shown}

Try it in another terminal:
  {commands}"""


def start_page(facts: Mapping[str, Any], stack: Stack, files: tuple[Path, Path]) -> Shown:
    """What the start page shows."""
    api, code = f"{facts['api']}/api", f"?code={facts['key']}"
    links = (
        Link("Pages", f"{api}/pages/", "connect, export, plan, run and see in a browser, as one of the three roles"),
        Link("Brevo sandbox", f"{facts['sandbox']}/", "what Brevo has, what it was sent, and what can go wrong"),
        Link("Exports", f"{api}/exports{code}", "with their last run, and why they do not run now"),
        Link("Connections", f"{api}/connections{code}", "the Brevo accounts"),
        Link("Audit", f"{api}/audit{code}", "who did what"),
        Link("Health", f"{api}/health", "is the app up, and in which version"),
        Link("The API's description", f"{api}/openapi.json{code}", "OpenAPI 3.1"),
    )
    commands = _COMMANDS.format(environment=shlex.quote(str(files[1])))
    return Shown(links, f"{commands}\n\n# the log: {stack.log_file}")


def _commands_folder() -> Path:
    """Where segment-export is: beside the interpreter of the virtual environment."""
    return Path(sys.executable).parent


def _short(path: Path) -> str:
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)
