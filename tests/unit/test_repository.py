"""What surrounds the code names only what is there: workflows, editor settings, the API's calls to try, the picture."""

import json
import os
import re
import subprocess
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import export_trigger.blueprint  # noqa: F401 - its routes are what is described
from export_trigger.entry import ENDPOINTS
from export_trigger.openapi import openapi_document
from scripts.picture import svg
from scripts.release_notes import release_notes

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
FORMS = [path for path in sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml")) if path.name != "config.yml"]
# What a job may call beside the commands of this repository: installers, and GitHub's own program.
TOOLS = (
    "az bicep install",
    'echo "$HOME/.azure/bin" >> "$GITHUB_PATH"',
    '"$HOME/.azure/bin/bicep" --version',
    "npm install --global azure-functions-core-tools@4",
    "func --version",
    "gh release create ",
)


def jobs() -> Iterator[tuple[Path, str, dict[str, Any]]]:
    for path in WORKFLOWS:
        for name, job in yaml.safe_load(path.read_text())["jobs"].items():
            yield path, name, job


def commands() -> list[str]:
    steps = [step for _, _, job in jobs() for step in job.get("steps", ())]
    return [line for step in steps for line in step.get("run", "").splitlines()]


def vscode(name: str) -> Any:
    return json.loads((ROOT / ".vscode" / name).read_text())


def is_here(command: str) -> bool:
    """Whether the repository has the target, script or module that the command names."""
    words = command.split()
    if words[0] == "make":
        return re.search(rf"^{re.escape(words[1])}:", (ROOT / "Makefile").read_text(), re.MULTILINE) is not None
    if words[:2] == ["python", "-m"]:
        return (ROOT / words[2].replace(".", "/")).with_suffix(".py").is_file()
    return os.access(ROOT / words[0], os.X_OK)


# Workflows


def test_every_command_of_a_workflow_is_of_this_repository_or_a_known_tool():
    assert [line for line in commands() if not line.startswith(TOOLS) and not is_here(line)] == []


@pytest.mark.parametrize("command", ["make fly", "python -m scripts.fly", "scripts/fly.sh", "README.md"])
def test_command_that_is_not_there_would_be_noticed(command):
    assert not is_here(command)


def test_workflows_run_all_that_a_change_must_pass():
    assert {".ci/run", "make infra-check", "make test-host"} <= set(commands())


@pytest.mark.parametrize("job", [pytest.param(job, id=f"{path.name} {name}") for path, name, job in jobs()])
def test_job_has_a_machine_and_an_end_or_another_workflow_that_is_there(job):
    if "uses" in job:
        called = yaml.safe_load((ROOT / job["uses"]).read_text())
        assert "workflow_call" in called[True]  # YAML 1.1 reads `on` as true
        return
    assert job["runs-on"] == "ubuntu-24.04"
    assert job["timeout-minutes"] <= 60
    assert job["steps"][0]["uses"].startswith("actions/checkout@")


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflow_may_only_read_where_a_job_does_not_say_more(path):
    document = yaml.safe_load(path.read_text())
    assert document["permissions"] == {"contents": "read"}
    more = {name: job["permissions"] for name, job in document["jobs"].items() if "permissions" in job}
    assert more == ({"release": {"contents": "write"}} if path.name == "release.yml" else {})


def test_only_tags_release_and_only_after_all_checks():
    document = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text())
    assert document[True] == {"push": {"tags": ["v*"]}}
    assert document["jobs"]["release"]["needs"] == "checks"


def test_dependabot_watches_python_npm_and_the_workflows():
    document = yaml.safe_load((ROOT / ".github/dependabot.yml").read_text())
    assert {each["package-ecosystem"] for each in document["updates"]} == {"uv", "npm", "github-actions"}
    assert {each["directory"] for each in document["updates"]} == {"/"}


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.name)
def test_issue_form_has_what_github_asks_for(path):
    """https://docs.github.com/communities/using-templates-to-encourage-useful-issues-and-pull-requests/syntax-for-githubs-form-schema"""
    form = yaml.safe_load(path.read_text())
    assert {"name", "description", "body"} <= form.keys()
    inputs = [each for each in form["body"] if each["type"] != "markdown"]
    assert all(each["type"] in ("input", "textarea", "dropdown", "checkboxes") for each in inputs)
    assert all(each["attributes"]["label"] for each in inputs)
    names = [each["id"] for each in inputs]
    assert len(names) == len(set(names)) > 0


# The notes of a release

CHANGELOG = """\
# Changelog

## [Unreleased]

- later

## [1.2.0] - 2027-01-31

### Added

- this

## [1.1.0] - 2026-12-01

- old
"""


def test_notes_of_a_release_are_its_section_of_the_changelog():
    assert release_notes("v1.2.0", "1.2.0", CHANGELOG) == "### Added\n\n- this"
    assert release_notes("v1.1.0", "1.1.0", CHANGELOG) == "- old"


@pytest.mark.parametrize(
    ("tag", "version", "changelog", "words"),
    [
        ("v1.2.1", "1.2.0", CHANGELOG, "v1.2.1 is not v1.2.0"),
        ("1.2.0", "1.2.0", CHANGELOG, "1.2.0 is not v1.2.0"),
        ("v1.3.0", "1.3.0", CHANGELOG, "no section"),
        ("v1.2.0", "1.2.0", CHANGELOG.replace(" - 2027-01-31", ""), "no section"),
        ("v1.2.0", "1.2.0", CHANGELOG.replace("### Added\n\n- this\n", ""), "is empty"),
    ],
)
def test_release_that_is_not_ready_says_what_to_do(tag, version, changelog, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        release_notes(tag, version, changelog)


# The editor


def test_tasks_of_the_editor_are_there_and_the_debugger_starts_one():
    tasks = vscode("tasks.json")["tasks"]
    assert [each["command"] for each in tasks if each["type"] == "shell" and not is_here(each["command"])] == []
    labels = {each["label"] for each in tasks}
    assert {each["dependsOn"] for each in tasks if "dependsOn" in each} <= labels
    assert {each["preLaunchTask"] for each in vscode("launch.json")["configurations"]} <= labels


def test_container_brings_the_extensions_that_the_editor_recommends_and_the_right_python():
    container = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text())
    assert container["customizations"]["vscode"]["extensions"] == vscode("extensions.json")["recommendations"]
    assert container["image"].endswith(f":{(ROOT / '.python-version').read_text().strip()}")
    assert is_here(container["postCreateCommand"].split(" && ")[-1])
    assert vscode("settings.json")["azureFunctions.pythonVenv"] == ".venv"


# What it carries


def test_no_file_but_pictures_is_one_that_nobody_can_read_in_a_review():
    """A package that lies here is under no lock and no audit, and goes to everybody who clones the repository."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, timeout=30).stdout
    names = [name for name in listed.decode().split("\0") if (ROOT / name).is_file()]
    binary = [name for name in names if b"\0" in (ROOT / name).read_bytes()]
    assert len(names) > 500
    assert [name for name in binary if not re.fullmatch(r"docs/pictures/[a-z-]+\.png", name)] == []


# The API's calls

Call = tuple[str, str]


def described() -> set[Call]:
    paths = openapi_document()["paths"]
    return {(method.upper(), _plain(path)) for path, methods in paths.items() for method in methods}


def calls_to_try() -> list[Call]:
    found = re.findall(r"^([A-Z]+) \{\{api\}\}(/[^\s?]*)", (ROOT / "test.http").read_text(), re.MULTILINE)
    return [(method, _plain(re.sub(r"(?<=/imports/\{\{run\}\}/)1/token", "{}/{}", path))) for method, path in found]


def calls_in_guide() -> set[Call]:
    """Each row's methods and path; a code without a method is the end of another path beside the one before it."""
    text = (ROOT / "docs/api.md").read_text()
    table = text[text.index("| call | what it does |") :].split("\n\n")[0]
    found = set()
    for cell in [line.split("|")[1] for line in table.splitlines()[2:]]:
        methods, path = [], ""
        for code in re.findall(r"`([^`]+)`", cell):
            if match := re.fullmatch(r"(?:(GET|PUT|POST|DELETE) )?/api(/\S+)", code):
                methods, path = [*methods, *filter(None, [match[1]])], match[2]
                found |= {(method, _plain(path)) for method in methods}
                methods = []
            elif re.fullmatch(r"GET|PUT|POST|DELETE", code):
                methods.append(code)
            elif re.fullmatch(r"[a-z-]+", code):
                found.add(("POST", _plain(f"{path.rpartition('/')[0]}/{code}")))
    return found


def _plain(path: str) -> str:
    return re.sub(r"\{+\w*\}+", "{}", path)


def test_file_of_calls_has_every_route_once_and_no_other():
    assert sorted(calls_to_try()) == sorted(described())


def test_table_of_the_readme_has_every_route_but_the_description_itself():
    assert calls_in_guide() == described() - {("GET", "/openapi.json")}


def test_bodies_to_try_are_what_the_routes_take():
    checked = 0
    for part in re.split(r"^###.*$", (ROOT / "test.http").read_text(), flags=re.MULTILINE):
        head, _, body = part.strip().partition("\n\n")
        match = re.search(r"^([A-Z]+) \{\{api\}\}/([^\s?]*)", head, re.MULTILINE)
        if match is None or not body:
            continue
        (model,) = [
            each.body
            for each in ENDPOINTS
            if each.method == match[1] and _plain(each.route) == _plain(match[2]) and each.body is not None
        ]
        value = json.loads(body)
        if match[1] == "PUT" or match[2] == "exports/preview":
            value["id"] = "the-one-in-the-path"
        model.model_validate_json(json.dumps(value))
        checked += 1
    assert checked == len([each for each in ENDPOINTS if each.body is not None])


# The picture

DEMO = """\
[ 60.1 s] 4 of 4, terminal
[ 76.0 s] What the last run says:
          gold-1  succeeded with rejections
            note       a <first> note
            note       a second note
            too wide   {wide}
[ 77.9 s] Brevo list 12 against the sample data: 9 members: 0 missing, 0 wrong, 0 unexpected
demo: 4 runs confirmed, 9 contacts in list 12, 79 s
"""


def test_picture_of_the_readme_is_the_end_of_a_demo_and_names_no_folder_of_its_maker():
    picture = (ROOT / "docs/demo.svg").read_text()
    ElementTree.fromstring(picture)
    assert "docs/demo.svg" in (ROOT / "README.md").read_text()
    assert len(picture) < 100_000
    assert "0 missing, 0 wrong, 0 unexpected" in picture
    assert not re.search(r"/(?:home|Users|root|tmp|work|mnt)/|\w@\w", picture)


def test_picture_shows_the_end_with_one_line_for_lines_of_a_kind_and_cuts_wide_ones():
    picture = ElementTree.fromstring(svg(DEMO.format(wide="x" * 200)))
    lines = ["".join(text.itertext()) for text in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert lines[:3] == ["$ make demo", "…", "[ 76.0 s] What the last run says:"]
    assert lines[4].endswith("a <first> note")
    assert lines[5].endswith("x…")
    assert lines[-1] == "demo: 4 runs confirmed, 9 contacts in list 12, 79 s"
    assert len(lines) == 8


@pytest.mark.parametrize("output", ["", DEMO.replace("demo: 4", "demo: FAILED: 4"), DEMO.rpartition("demo:")[0]])
def test_output_of_a_demo_that_did_not_succeed_is_refused(output):
    with pytest.raises(ValueError, match="make demo"):
        svg(output)
