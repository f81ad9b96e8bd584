"""All that is installed is pinned and hashed, on Azure as on this machine, and the compiled files are current."""

import hashlib
import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.requirements import declared, locked, needed_by

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = PROJECT["project"]["optional-dependencies"]
COMPILED = ["requirements.txt", "requirements-dev.txt", "requirements-node.txt", "requirements-infra.txt"]


def of_the_set_up() -> list[Requirement]:
    """What requirements-dev.txt is compiled from."""
    lines = [line for extra in EXTRAS.values() for line in extra if not line.startswith("segment-export[")]
    return declared() + [Requirement(line) for line in lines]


@pytest.mark.parametrize("name", COMPILED)
def test_every_package_is_pinned_and_hashed(name):
    packages = locked(name)
    assert packages
    assert [package for package, pin in packages.items() if not pin.hashes] == []
    hashes = {value for pin in packages.values() for value in pin.hashes}
    assert [value for value in hashes if not re.fullmatch("sha256:[0-9a-f]{64}", value)] == []


@pytest.mark.parametrize(
    ("name", "requirements"),
    [("requirements.txt", declared), ("requirements-dev.txt", of_the_set_up)],
)
def test_compiled_file_has_what_is_declared_and_what_that_needs_and_no_more(name, requirements):
    packages, needed = locked(name), needed_by(requirements())
    assert set(packages) == set(needed), "run `make lock`"
    refused = [
        f"{requirement} against {packages[package].version}"
        for package, requirements_of_it in needed.items()
        for requirement in requirements_of_it
        if not requirement.specifier.contains(packages[package].version, prereleases=True)
    ]
    assert refused == [], "run `make lock`"


@pytest.mark.parametrize("group", sorted(PROJECT["dependency-groups"]))
def test_compiled_file_of_a_group_has_what_the_group_declares(group):
    packages = locked(f"requirements-{group}.txt")
    declared_ones = {Requirement(line) for line in PROJECT["dependency-groups"][group]}
    assert {Requirement(f"{each.name}=={packages[each.name].version}") for each in declared_ones} == declared_ones


def test_tests_run_on_the_packages_that_azure_gets():
    deployed, set_up = locked("requirements.txt"), locked("requirements-dev.txt")
    assert {name: set_up[name] for name in deployed} == deployed
    assert {name: version(name) for name in set_up} == {name: pin.version for name, pin in set_up.items()}


def test_project_takes_its_packages_from_the_file_that_is_compiled():
    assert PROJECT["tool"]["setuptools"]["dynamic"]["dependencies"] == {"file": ["requirements.in"]}


@pytest.mark.parametrize("script", sorted((ROOT / "scripts").glob("*.sh")), ids=lambda path: path.name)
def test_nothing_is_installed_by_a_script_without_its_hash(script):
    installs = re.findall(r"pip install .*", script.read_text(encoding="utf-8"))
    assert [line for line in installs if "--require-hashes" not in line and "--no-deps" not in line] == []
    # Without this, the project's own build would fetch a setuptools that nothing has checked.
    assert [line for line in installs if "--no-deps" in line and "--no-build-isolation" not in line] == []


def test_audit_reads_what_is_deployed():
    text = (ROOT / "scripts/audit.sh").read_text(encoding="utf-8")
    assert 'pip-audit" -r requirements.txt --require-hashes' in text


# dist/htmx.min.js of the package htmx.org in this version, as npm gives it.
HTMX = "2.0.11", "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717"  # pragma: allowlist secret


def test_only_script_of_the_pages_is_the_one_that_its_package_has():
    """It stands in no lock, and a review does not read it: whatever is in it runs in an administrator's browser."""
    scripts = [*(ROOT / "export_trigger/pages").rglob("*.js")]
    assert [path.name for path in scripts] == ["htmx.js"]
    assert hashlib.sha256(scripts[0].read_bytes()).hexdigest() == HTMX[1]
    assert f"htmx.js is htmx {HTMX[0]} " in (ROOT / "export_trigger/pages/files.py").read_text(encoding="utf-8")
