"""Imports point one way: function_app -> trigger folders -> shared.

In shared: cli -> operating -> administration -> notices -> runs -> sync -> staging -> segments, mapping, brevo.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
TRIGGERS = ("export_trigger", "timer_export", "blob_export", "export_worker")
OUTSIDE = ("local", "benchmarks", "tests", "simulation")
# From what knows most to what knows least; those of the last line know nothing of each other.
LAYERS = (
    "shared.cli",
    "shared.operating",
    "shared.administration",
    "shared.notices",
    "shared.runs",
    "shared.sync",
    "shared.staging",
)
STAGES = ("shared.segments", "shared.mapping", "shared.brevo")

# Whoever stands left (with all that is below it) imports nothing of what stands right.
FORBIDDEN: dict[str, tuple[str, ...]] = {
    "function_app": OUTSIDE,
    "shared": (*TRIGGERS, *OUTSIDE, "function_app", "azure.functions"),
    "shared.access": LAYERS,
    "shared.telemetry": (*LAYERS, *STAGES, "shared.app"),
    "shared.storage": (*LAYERS, *STAGES, "shared.app"),
    "shared.config": (*LAYERS, *STAGES, "shared.app"),
    "shared.sync": ("shared.app",),
    "shared.staging": ("shared.app",),
    "local.brevo_sandbox": ("shared",),
    "local": ("tests", "benchmarks", "simulation"),
    "simulation": (*TRIGGERS, "local", "benchmarks", "tests", "function_app", "azure.functions"),
}
FORBIDDEN |= {
    trigger: (*OUTSIDE, "function_app", *(other for other in TRIGGERS if other != trigger)) for trigger in TRIGGERS
}
FORBIDDEN |= {stage: (*LAYERS, "shared.app", *(other for other in STAGES if other != stage)) for stage in STAGES}
FORBIDDEN |= {layer: (*FORBIDDEN.get(layer, ()), *LAYERS[:number]) for number, layer in enumerate(LAYERS)}


def _is_within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def _imports(tree: ast.AST, package: list[str]) -> Iterator[tuple[int, str]]:
    """Yields line and module of every import, wherever it stands; `from a import b` may mean the module a.b."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *(node.module.split(".") if node.module else [])])
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)


def violations(root: Path) -> list[str]:
    """Returns one line for each import that points backwards."""
    found = []
    for place in ("function_app.py", "shared", "local", "simulation", *TRIGGERS):
        path = root / place
        for file in [path] if path.is_file() else sorted(path.rglob("*.py")):
            inside = file.relative_to(root)
            parts = list(inside.with_suffix("").parts)
            package = parts[:-1]
            module = ".".join(package if parts[-1] == "__init__" else parts)
            refused = [name for own, names in FORBIDDEN.items() if _is_within(module, own) for name in names]
            for line, imported in _imports(ast.parse(file.read_bytes()), package):
                found += [
                    f"{inside}:{line}: {module} imports {imported}, but must know nothing of {name}"
                    for name in refused
                    if _is_within(imported, name)
                ]
    return found


def test_every_import_of_this_repository_points_one_way() -> None:
    assert not (wrong := violations(REPOSITORY)), "\n".join(wrong)


@pytest.mark.parametrize(
    ("file", "statement"),
    [
        ("shared/config/model.py", "import azure.functions as func"),
        ("shared/config/model.py", "from azure import functions"),
        ("shared/errors.py", "from export_trigger import paging"),
        ("shared/runs/stage.py", "from local.azurite import Azurite"),
        ("shared/runs/stage.py", "if TYPE_CHECKING:\n    from shared.cli import main"),
        ("shared/runs/stage.py", "from shared.administration import exports"),
        ("shared/administration/exports.py", "from shared.operating import pruning"),
        ("shared/segments/newest.py", "def late():\n    import shared.runs.stage"),
        ("shared/segments/__init__.py", "from ..runs import stage"),
        ("shared/mapping/sql.py", "from shared import brevo"),
        ("shared/brevo/client.py", "from ..mapping.sql import build"),
        ("shared/runs/steps/end.py", "from shared.notices.recipients import announce"),
        ("shared/staging/bodies.py", "from shared.runs.state import Run"),
        ("shared/staging/reader.py", "from shared.app import App"),
        ("shared/storage/blobs.py", "from shared.runs import states"),
        ("local/brevo_sandbox/server.py", "import shared.brevo"),
        ("blob_export/blueprint.py", "from export_worker import blueprint"),
        ("timer_export/blueprint.py", "import benchmarks.bench"),
        ("function_app.py", "from local import serve"),
        ("shared/runs/store.py", "from simulation.storage import Kept"),
        ("simulation/world.py", "from tests.waiting import wait_until"),
    ],
)
def test_an_import_that_points_backwards_is_reported_with_file_and_line(
    tmp_path: Path, file: str, statement: str
) -> None:
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_text(f"import json\n{statement}\n", encoding="utf-8")
    line = 3 if "\n" in statement else 2
    (report,) = violations(tmp_path)
    assert report.startswith(f"{file}:{line}: ")


@pytest.mark.parametrize(
    ("file", "statement"),
    [
        ("function_app.py", "from export_trigger import blueprint\nimport azure.functions"),
        ("export_worker/blueprint.py", "import azure.functions\nfrom shared.runs import steps"),
        ("shared/cli/main.py", "from shared import brevo, mapping, runs, segments"),
        ("shared/runs/stage.py", "from ..segments import newest\nfrom shared.brevo.client import Client"),
        ("shared/mapping/sql.py", "from shared.config import model\nfrom shared.errors import ExportError"),
        ("local/serve.py", "from shared.storage import blobs"),
    ],
)
def test_an_import_that_points_forwards_is_allowed(tmp_path: Path, file: str, statement: str) -> None:
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_text(statement, encoding="utf-8")
    assert violations(tmp_path) == []
