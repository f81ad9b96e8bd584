"""How long each page takes with 200 exports and 5,000 past runs, from the request to the last byte of its answer.

Asked of the functions host as a browser does that has been there before. The form of an export asks Brevo as well, here
the sandbox, as an account whose limit is known: one that has never been asked is asked six times a second.
"""

import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import requests

from benchmarks.bars import Bar
from benchmarks.scale.finding import Finding, say
from benchmarks.scale.past_runs import p95_ms, write_history
from benchmarks.scale.place import place
from benchmarks.workload import BenchError, write_segment
from local.azurite import Azurite
from local.functions_host import FunctionsHost
from local.sample_data import ContactDigest
from shared.app_secret import new_secret
from shared.storage.tables import Row

EXPORTS, RUNS_OF_EACH = 200, 25
_TIMES = 60
_ROWS = 200


def pages(exports: int = EXPORTS, times: int = _TIMES) -> Finding:
    """Writes the exports and their runs, and opens each page again and again, in turns."""

    def many(export: dict[str, Any]) -> list[dict[str, Any]]:
        return [export | {"id": f"export-{number}", "schedule": "off"} for number in range(exports)]

    with tempfile.TemporaryDirectory(prefix="segment-export-bench-") as name, Azurite() as landed:
        write_segment(_ROWS, landed.connection_string, ContactDigest())
        with place(Path(name), landed.connection_string, exports=many) as here:
            say(f"writing {exports * RUNS_OF_EACH:,} runs of {exports} exports")
            runs = [write_history(here.app, RUNS_OF_EACH, f"export-{number}")[-1] for number in range(exports)]
            here.app.storage.accounts.put(Row("BREVO_API_KEY", "contacts", {"limit": 1e7}))
            arguments = ["--no-timers", "--sign-in"]
            settings = here.settings | {"APP_SECRET": new_secret()}
            with FunctionsHost(environment=settings, workers=0, arguments=arguments) as host:
                seconds = _opened(host.url, _paths(runs), times)
    figures = {path: p95_ms(found) for path, found in seconds.items()}
    lines = [
        f"{path}: p95 {figures[path]:.0f} ms, median {median(found) * 1000:.0f} ms" for path, found in seconds.items()
    ]
    slowest = max(figures, key=lambda path: figures[path])
    bar = Bar(f"p95 of the slowest page ({slowest})", figures[slowest], 150, unit=" ms")
    return Finding("pages", lines, [bar], {"p95_ms": figures})


def _paths(runs: list[str]) -> list[str]:
    of_one = [
        "exports/export-7",
        f"runs/{runs[7]}",
        "exports/export-7/edit",
        "connections/brevo-eu",
        "connections/brevo-eu/attributes",
    ]
    return [
        *("", "?search=export-1", "exports/export-7/state", *of_one),
        *("connections", "person", "new-export", "history", "view", "health"),
    ]


def _opened(url: str, paths: list[str], times: int) -> dict[str, list[float]]:
    """Seconds by path. The first opening of each, which loads what draws it, does not count."""
    say(f"opening {len(paths)} pages {times} times")
    found: dict[str, list[float]] = {f"/{path}": [] for path in paths}
    with requests.Session() as browser:
        browser.cookies.set("AppServiceAuthSession", "administrator")
        for number in range(times + 1):
            for path in paths:
                began = time.perf_counter()
                answer = browser.get(f"{url}/api/pages/{path}", timeout=60)
                if answer.status_code != 200:
                    raise BenchError(f"the page /{path} answers {answer.status_code}")
                if number:
                    found[f"/{path}"].append(time.perf_counter() - began)
    return found
