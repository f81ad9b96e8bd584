"""Each command and request of README and the guides, run as it stands there beside `make serve`, as a reader does.

README's lines run in `make test`, those of the guides are long tests. One start of `make serve` for all pages that are
run. A page is one shell, in which `serve.env` was read: what a line sets, the next ones use. A run that a page names is
the newest of its export. The command segment-export is forked from one that has loaded the product; all else is as for
a reader.
"""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from local.functions_host.http_messages import send
from tests.documented import ROOT, commands
from tests.known_account import make_known, make_quick
from tests.waiting import wait_until

pytestmark = pytest.mark.timeout(240)

PAGES = (
    *("README.md", "docs/marketer.md", "docs/api.md", "docs/configure.md", "docs/sandbox.md"),
    *("docs/operate.md", "docs/deploy.md", "docs/sync.md"),
)
AZURE = "needs a subscription of Azure"
ACCOUNT = "names an account or an app on Azure"
# Beginnings of commands that are not run, each with its reason.
NOT_RUN = {
    "make ": "starts processes of its own; tests/whole/test_demo.py runs demo and serve",
    "OTEL_EXPORTER_OTLP_ENDPOINT=": "starts another `make serve`; tests/whole/test_telemetry.py has a receiver",
    "azd ": AZURE,
    "az ": AZURE,
    "WRITER=$(az ": AZURE,
    "ACCOUNT=$(az ": AZURE,
    "secret() { az ": AZURE,
    'export BREVO_API_KEY="$(secret ': AZURE,
    "git checkout ": AZURE,
    "read -rs BREVO_API_KEY": "asks at a terminal for the key that azd gets",
    "export AzureWebJobsStorage__accountName": ACCOUNT,
    "export SEGMENT_STORAGE__accountName": ACCOUNT,
    "export EXPORT_CONFIG=config/exports.json": ACCOUNT,
    "AzureWebJobsStorage__": ACCOUNT,
    "SEGMENT_STORAGE__blobServiceUri": ACCOUNT,
    "AZURE_AUTHORITY_HOST=": ACCOUNT,
    'curl -H "x-functions-key: KEY" https://<app>': ACCOUNT,
    "segment-export undo high-value-": "names a run; tests/flow/administration has undone ones",
    "segment-export probe ": "takes minutes or waits for a person; tests/flow/administration has it in a second",
}
TYPED = "ana@example.com\n"
# A page may remove the export that the others run.
KEEP = "segment-export export show high-value --json > kept.json"
PUT_BACK = "segment-export export show high-value > shown 2>&1 || segment-export export save high-value kept.json"
# Each command of the terminal that stands within the text of a page, in an order in which they can be run one after the
# other, with what is done before.
_ENDED = "while segment-export status high-value --exit-status; [ $? = 3 ]; do sleep 0.2; done"
_SUCCEEDED = "segment-export run high-value --wait"
_HELD = "segment-export plan high-value --wait"
_MIRROR = f"""segment-export export show high-value --json | sed 's/"full"/"mirror"/' > mirror.json
segment-export export save high-value mirror.json --replace
segment-export reset high-value; {_SUCCEEDED}"""  # so that it sends somebody, which can be undone
INLINE: tuple[tuple[str, str], ...] = (
    *(
        (f"segment-export {each}", "")
        for each in ("doctor", "exports", "connection show brevo-eu", "validate", "audit", "history", "schema")
    ),
    *((f"segment-export {each}", "") for each in ("segments", "status", "lists brevo-eu", "attributes brevo-eu")),
    ("segment-export disconnect brevo-eu", ""),
    ("segment-export connect ID --agree NAME", ""),
    ("segment-export history --restore VERSION", ""),
    ("segment-export export show shop", "segment-export export save shop export.json"),
    ("segment-export export save shop export.json --if-match ETAG", ""),
    ("segment-export preview --file export.json", ""),
    ("segment-export run EXPORT", ""),
    ("segment-export runs high-value", ""),
    ("segment-export run --all", _ENDED),
    ("segment-export run EXPORT --now", _ENDED),
    ("segment-export run EXPORT --accept", _ENDED),
    ("segment-export status RUN", _ENDED),
    *((f"segment-export {each}", "") for each in ("status RUN --exit-status", "status EXPORT", "status high-value")),
    *((f"segment-export {each}", "") for each in ("runs EXPORT", "rejects RUN", "rejects high-value")),
    *((f"segment-export {each}", "") for each in ("release RUN --yes", "replay --yes --clear")),
    ("segment-export replay --yes --drop-unreadable", ""),
    ("segment-export plan EXPORT", ""),
    ("segment-export cancel EXPORT", ""),
    ("segment-export plan high-value --wait", "sleep 1"),  # the ids of runs have whole seconds
    ("segment-export cancel RUN", ""),
    ("segment-export approve RUN", _HELD),
    ("segment-export undo RUN", f"{_ENDED}; {_MIRROR}"),
    ("segment-export export schedule EXPORT --off", ""),
    ("segment-export notify-test", "export EXPORT_CONFIG=notified.json"),
    ("segment-export notify-test ID", ""),
)


class Ended(NamedTuple):
    """A command's exit status, and what it printed."""

    status: int
    printed: str


def reason_not_to_run(command: str) -> str:
    return next((reason for beginning, reason in NOT_RUN.items() if command.startswith(beginning)), "")


def expected_status(command: str) -> int:
    """What the page says beside the command, in its comment; 0 where it says nothing."""
    said = re.search(r"# .*exit status (\d)", command)
    return int(said[1]) if said else 0


def lines_to_run(page: str) -> list[str]:
    return [command for command in commands(page) if not reason_not_to_run(command)]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, forked: list[str]) -> Iterator[Path]:
    """The folder of a `make serve` on free ports. Its processes are forked, too."""
    assert forked
    folder = tmp_path_factory.mktemp("served")
    command = [sys.executable, "-m", "local.serve", "--json", "--folder", str(folder)]
    environment = {**os.environ, "PORT": "0", "SNAPSHOT_QUIET_SECONDS": "1"}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL) as serve:
        try:
            wait_until(lambda: (folder / "serve.json").exists() or serve.poll() is not None, 120)
            assert serve.poll() is None
            facts = json.loads((folder / "serve.json").read_text())
            make_known(facts["storage"])
            make_quick(facts["sandbox"])
            wait_until(lambda: _has_ended(facts, "high-value"), 60)
            yield folder
        finally:
            serve.send_signal(signal.SIGTERM)
            serve.wait(40)


def _has_ended(facts: dict[str, Any], export: str) -> bool:
    """Whether the run that starts with the sample, while a reader still reads, is over."""
    answer = send("GET", f"{facts['api']}/api/exports/{export}/runs", headers={"x-functions-key": facts["key"]})
    runs = json.loads(answer.body)
    return bool(runs) and all(run["finished_at"] for run in runs)


def ended(served: Path, forked: list[str], work: Path, page: str) -> list[Ended]:
    """What became of each of the page's commands."""
    shutil.copytree(ROOT / "config", work / "config")
    results = work / "results"
    results.mkdir()
    script = _script(served, _programs(work, forked), results, lines_to_run(page))
    done = subprocess.run(["sh", "-c", script], cwd=work, env=_environment(), capture_output=True, timeout=150)
    assert done.returncode == 0, done.stderr
    return [
        Ended(int((results / f"{number}.status").read_text()), (results / f"{number}.printed").read_text())
        for number in range(len(lines_to_run(page)))
    ]


def _programs(work: Path, forked: list[str]) -> Path:
    """A folder with segment-export, and curl that ends with 22 where a request is refused."""
    folder = work / "programs"
    folder.mkdir()
    for name, line in {
        "segment-export": f'{shlex.join(forked)} shared.cli "$@"',
        "curl": f'{shutil.which("curl")} --fail-with-body --max-time 60 "$@"',
    }.items():
        (folder / name).write_text(f"#!/bin/sh\nexec {line}\n")
        (folder / name).chmod(0o755)
    return folder


def _script(served: Path, programs: Path, results: Path, lines: list[str]) -> str:
    run = [f". {served}/serve.env", f"PATH={programs}:$PATH", KEEP]
    for number, command in enumerate(lines):
        place, line = f"{results}/{number}", _with_newest_run(command)
        run.append(f"{{ {line}\n}} > {place}.printed 2>&1 <<'TYPED'\n{TYPED}TYPED\necho $? > {place}.status")
    return "\n".join([*run, PUT_BACK])


def _with_newest_run(command: str) -> str:
    """The command, with the newest run of the export in place of the one that the page names."""
    return re.sub(r"(high-value)-\d{8}T\d{6}-[0-9a-f]{6}", lambda run: _newest_run(run[1]), command)


def _environment() -> dict[str, str]:
    """A reader's: nothing of the app's but what serve.env sets."""
    return {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "USER": "ana", "LANG": "C.UTF-8", "PYTHONPATH": str(ROOT)}


@pytest.mark.parametrize(
    "page", ["README.md", *(pytest.param(page, marks=pytest.mark.full) for page in PAGES if page != "README.md")]
)
def test_documented_lines_do_what_the_page_says(served: Path, forked: list[str], tmp_path: Path, page: str) -> None:
    lines = lines_to_run(page)
    assert lines
    wrong = [
        f"{command}\n{found.printed}"
        for command, found in zip(lines, ended(served, forked, tmp_path, page), strict=True)
        if found.status != expected_status(command)
    ]
    assert not wrong, "\n".join(wrong)


def within_text(page: str) -> set[str]:
    """The commands of the terminal that stand within the page's sentences and tables."""
    text = re.sub(r"```.*?```", "", (ROOT / page).read_text(encoding="utf-8"), flags=re.DOTALL)
    return set(re.findall(r"`(segment-export [^`\n]+)`", text))


def test_each_command_within_the_text_of_a_page_has_its_place_among_those_that_are_run() -> None:
    assert {command for page in PAGES for command in within_text(page)} == {command for command, _ in INLINE}


@pytest.mark.full
def test_commands_within_the_text_do_what_the_pages_say(served: Path, forked: list[str], tmp_path: Path) -> None:
    """Each succeeds, but for the one that waits until its run is held."""
    results = tmp_path / "results"
    results.mkdir()
    _write_own_files(tmp_path)
    run = [f". {served}/serve.env", f"PATH={_programs(tmp_path, forked)}:$PATH"]
    for place, (command, before) in enumerate(INLINE):
        kept = f"{results}/{place}"
        typed = f"{{ {before or ':'}\n}} > {kept}.before 2>&1\n{{ {_as_typed(command)}\n}} > {kept}.printed 2>&1"
        run.append(f"{{ {typed}\necho $? > {kept}.status\n}} <<'TYPED'\n{TYPED}TYPED")
    subprocess.run(["sh", "-c", "\n".join(run)], cwd=tmp_path, env=_environment(), capture_output=True, timeout=200)
    wrong = [
        f"{command}\n{(results / f'{place}.before').read_text()}\n{(results / f'{place}.printed').read_text()}"
        for place, (command, _) in enumerate(INLINE)
        if int((results / f"{place}.status").read_text()) != (3 if command == _HELD else 0)
    ]
    assert not wrong, "\n".join(wrong)


def _write_own_files(folder: Path) -> None:
    """What the pages have the reader make: an export of her own, and a configuration that tells a team."""
    document = json.loads((ROOT / "config" / "exports.json").read_text(encoding="utf-8"))
    export = {**document["exports"][0], "id": "shop", "schedule": "off"}
    (folder / "export.json").write_text(json.dumps(export))
    team = {"id": "team", "type": "teams", "url": {"setting": "TEAMS_WEBHOOK_URL"}}
    (folder / "notified.json").write_text(json.dumps({**document, "notifications": [team]}))


def _as_typed(command: str) -> str:
    """The command, with what a reader types in place of the words in capitals."""
    words = {
        "EXPORT": "high-value",
        "RUN": _newest_run("high-value"),
        "VERSION": _first("history --json", '"version": "', '"', last=True),
        "ETAG": _first("export show shop 2>&1", "etag ", ""),
        "NAME": "ana",
        "ID": "team" if "notify-test" in command else "brevo-eu",
    }
    return re.sub("|".join(rf"\b{word}\b" for word in words), lambda found: words[found[0]], command)


def _newest_run(export: str) -> str:
    return _first(f"runs {export} --limit 1 --json", '"run_id": "', '"')


def _first(command: str, before: str, behind: str, *, last: bool = False) -> str:
    """A shell's words for what stands between these two in the command's answer, the first time or the last."""
    cut = f"sed -n 's/.*{before}\\([^\"]*\\){behind}.*/\\1/p'"
    return f"$(segment-export {command} | {cut} | {'tail' if last else 'head'} -n 1)"


def test_serve_env_has_what_the_guides_need(served: Path) -> None:
    script = f'. {served}/serve.env && command -v segment-export && echo "$API" && echo "$KEY" && echo "$SANDBOX"'
    done = subprocess.run(["sh", "-ec", script], env=_environment(), capture_output=True, text=True, check=True)
    facts: dict[str, Any] = json.loads((served / "serve.json").read_text())
    program, *values = done.stdout.splitlines()
    assert Path(program) == Path(sys.executable).parent / "segment-export"
    assert values == [f"{facts['api']}/api", facts["key"], facts["sandbox"]]


@pytest.mark.parametrize("beginning", NOT_RUN)
def test_what_is_not_run_is_still_in_a_page(beginning: str) -> None:
    assert any(command.startswith(beginning) for page in PAGES for command in commands(page))
