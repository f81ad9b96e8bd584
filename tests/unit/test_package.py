"""What is deployed: the app, its packages' names and the host's settings, and nothing else that lies in the folder."""

import json
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.ignore_rules import azd_package, core_tools_package, git_package
from tests.requirements import files_of, installed_by_requirements

ROOT = Path(__file__).parents[2]
FOLDERS = ("shared", "export_trigger", "timer_export", "blob_export", "export_worker")
SINGLE_FILES = {"function_app.py", "host.json", "requirements.txt"}

# What set-up, tests, tools and the docs' own commands leave in the folder, and names that look like the app's.
LEFT_AROUND = [
    "rejects.csv",
    "exports.json",
    "address.txt",
    "key",
    "package.zip",
    ".env",
    ".env.local",
    ".env.production",
    "local.settings.json",
    ".azure/crm-prod/.env",
    ".azure/config.json",
    ".git/config",
    ".git/hooks/pre-commit.py",
    ".github/workflows/ci.yml",
    ".vscode/settings.json",
    ".venv/pyvenv.cfg",
    ".venv/lib/python3.13/site-packages/requests/api.py",
    ".venv/lib/python3.13/site-packages/shared/config.py",
    ".venv/bin/python",
    ".venv-infra/lib/python3.13/site-packages/checkov/main.py",
    ".python_packages/lib/site-packages/old.py",
    "venv/lib/python3.13/site-packages/requests/api.py",
    "node_modules/azurite/package.json",
    "node_modules/.bin/azurite",
    ".local/azurite/__azurite_db_blob__.json",
    ".local/setup.log",
    ".pytest_cache/v/cache/lastfailed",
    ".mypy_cache/3.13/shared.data.json",
    ".ruff_cache/0.17/1",
    ".hypothesis/examples/1",
    ".coverage",
    "htmlcov/index.html",
    "build/lib/shared/errors.py",
    "segment_export.egg-info/PKG-INFO",
    "__pycache__/function_app.cpython-313.pyc",
    "shared/__pycache__/errors.cpython-313.pyc",
    "shared/config/__pycache__/models.cpython-313.pyc",
    "export_trigger/__pycache__/entry.cpython-313.pyc",
    "shared/rejects.csv",
    "shared/config/exports.json",
    "shared/.env",
    "shared_old/errors.py",
    "shared-copy/errors.py",
    "my_shared/errors.py",
    "export_trigger_old/entry.py",
    "function_app_old.py",
    "my_function_app.py",
    "scratch.py",
    "simulation/world.py",
    "notes/function_app.py",
    "notes/host.json",
    "notes/shared/errors.py",
    "кампания/клиенты.csv",
]

BUILDERS = [
    pytest.param(azd_package, id="azd"),
    pytest.param(core_tools_package, id="Core Tools"),
    pytest.param(git_package, id="git"),
]
Builder = Callable[[Path], set[str]]

# Only the folder and the installed packages are on the path. Site-packages is added as a plain folder, without its
# .pth files: those would bring the repository back.
FUNCTIONS = """
import json, sys
sys.path[:0] = [sys.argv[1]]
sys.path.append(sys.argv[2])
import function_app, shared
functions = sorted(function.get_function_name() for function in function_app.app.get_functions())
files = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
print(json.dumps({"functions": functions, "shared": shared.__file__, "files": [file for file in files if file]}))
"""


def imported(folder: Path) -> dict:
    """What a fresh process finds in the folder: the functions' names, and the files of all that was imported."""
    packages = sysconfig.get_path("purelib")
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", FUNCTIONS, str(folder), packages],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def repository() -> dict:
    """What a fresh process finds in the repository."""
    return imported(ROOT)


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    """The repository, with all that people leave in it."""
    root = tmp_path_factory.mktemp("tree") / "segment-export"
    heavy = shutil.ignore_patterns(".git", ".venv*", "node_modules", ".local", "__pycache__", ".*_cache", ".hypothesis")
    shutil.copytree(ROOT, root, ignore=heavy)
    for name in LEFT_AROUND:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("left around")
    return root


def wanted(root: Path) -> set[str]:
    """Every file of the app's folders that is no cache and was not left there."""
    found = {
        path.relative_to(root).as_posix()
        for folder in FOLDERS
        for path in (root / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    return found - set(LEFT_AROUND) | SINGLE_FILES


@pytest.mark.parametrize("build", BUILDERS)
def test_package_is_the_app_and_nothing_else(tree, build: Builder):
    assert build(tree) == wanted(tree)


# Each makes the same package, as the test above shows: one of them is imported here, the others in full.
@pytest.mark.parametrize(
    "build", [BUILDERS[0], *(pytest.param(*each.values, id=each.id, marks=pytest.mark.full) for each in BUILDERS[1:])]
)
def test_packaged_app_has_every_function_without_the_repository_behind_it(tree, repository, build: Builder, tmp_path):
    for name in build(tree):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(tree / name, tmp_path / name)
    found = imported(tmp_path)
    assert Path(found["shared"]).is_relative_to(tmp_path)
    assert not [file for file in found["files"] if Path(file).is_relative_to(ROOT) and ".venv" not in file]
    assert found["functions"] == repository["functions"]
    assert {"blob_export", "timer_export"} <= set(found["functions"])


def test_deployed_app_imports_only_what_its_requirements_bring(repository):
    packages = Path(sysconfig.get_path("purelib")).resolve()
    allowed = files_of(installed_by_requirements())
    strangers = [
        file
        for file in repository["files"]
        if Path(file).resolve().is_relative_to(packages) and Path(file).resolve() not in allowed
    ]
    assert strangers == []
