"""What a new instance waits for: the work of `import function_app`, beside that of the libraries it cannot do without.

Each in interpreters of their own, in turns; only the import statement is measured, not the interpreter's own start,
which would make the ratio look smaller. It is measured in CPU, since an import hardly waits: what else the machine does
would decide about the time.
"""

import json
import statistics
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

from local.stack import REPOSITORY

LIBRARIES = "import azure.functions, azure.storage.blob, azure.data.tables, requests, pydantic"
APP = "import function_app"
# Each loads only where a step needs it.
HEAVY = ("duckdb", "phonenumbers", "email_validator")
_TIMED = """
import json, sys, time
began = time.process_time()
{statement}
took = time.process_time() - began
print(json.dumps([took, [name for name in {heavy} if name in sys.modules]]))
"""


@dataclass(frozen=True, slots=True)
class ColdStart:
    """Medians of the two imports, in seconds of CPU; `loaded` names what the app should not have loaded yet."""

    libraries: float
    app: float
    loaded: tuple[str, ...]

    @property
    def ratio(self) -> float:
        """How many times the libraries' work."""
        return self.app / self.libraries

    def document(self) -> dict[str, Any]:
        """For the JSON."""
        return {"libraries_seconds": self.libraries, "app_seconds": self.app, "loaded_too_early": self.loaded}


def cold_start(pairs: int) -> ColdStart:
    """Measures so many pairs, after one that only fills the caches."""
    seconds: dict[str, list[float]] = {LIBRARIES: [], APP: []}
    loaded: list[str] = []
    for number in range(pairs + 1):
        for statement in (LIBRARIES, APP) if number % 2 else (APP, LIBRARIES):
            took, heavy = imported(statement)
            if number:
                seconds[statement].append(took)
            if statement == APP:
                loaded = heavy
    return ColdStart(statistics.median(seconds[LIBRARIES]), statistics.median(seconds[APP]), tuple(loaded))


def imported(statement: str) -> tuple[float, list[str]]:
    """Seconds of CPU of an import in a fresh interpreter, and which of the heavy libraries it has loaded."""
    code = _TIMED.format(statement=statement, heavy=HEAVY)
    output = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    took, heavy = json.loads(output.stdout)
    return took, heavy
