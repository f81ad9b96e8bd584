"""What the vendors' pages and sources say about the package: one row for each sentence, with its source and its check.

The rows about the resources of infra/ are in test_vendor_policies_infra.py.
"""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.ignore_rules import azd_package, core_tools_package
from tests.requirements import installed_by_requirements

ROOT = Path(__file__).parents[2]
AZD = "https://github.com/Azure/azure-dev"
CORE_TOOLS = "https://github.com/Azure/azure-functions-core-tools/blob/main/src/Cli/func"
WORKER = "https://github.com/Azure/azure-functions-python-worker"
GITIGNORE = "https://github.com/denormal/go-gitignore/blob/master/pattern.go"

Check = Callable[[Path], bool]


def rules() -> list[str]:
    lines = (ROOT / ".funcignore").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def packages(root: Path, *files: str, ignore: str | None = None) -> tuple[set[str], set[str]]:
    """What azd and Core Tools deploy of these files, with our .funcignore or with another text of it."""
    text = "\n".join(rules()) if ignore is None else ignore
    for name in (*files, ".funcignore"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return azd_package(root), core_tools_package(root)


def least_azd() -> tuple[int, ...]:
    """The least version that azure.yaml lets in."""
    text = (ROOT / "azure.yaml").read_text(encoding="utf-8")
    found = re.search(r'^requiredVersions:\n  azd: ">= (\d+)\.(\d+)\.(\d+)"$', text, re.MULTILINE)
    return tuple(map(int, found.groups())) if found else ()


# .funcignore


def rule_without_a_slash_is_not_used(root: Path) -> bool:
    azd, _ = packages(root, "config/a.json", "shared/config/a.py", ignore="config")
    return azd == set() and all(rule.removeprefix("!").startswith("/") for rule in rules())


def every_folder_of_the_app_is_opened(root: Path) -> bool:
    closed, _ = packages(root, "shared/a.py", ignore="/**\n!/shared/*.py")
    ours, _ = packages(root, "shared/a.py", "export_worker/b/c.py")
    return closed == set() and ours == {"shared/a.py", "export_worker/b/c.py"}


def no_exception_is_a_whole_folder_to_core_tools(root: Path) -> bool:
    _, plain = packages(root, "shared/rejects.csv", ignore="!/shared/\n/**\n*.csv")
    _, ours = packages(root, "shared/rejects.csv", "shared/a.py", "shared/__pycache__/a.cpython-313.pyc")
    return plain == {"shared/rejects.csv"} and ours == {"shared/a.py"}


def brackets_are_read_by_azd_alone(root: Path) -> bool:
    azd, core_tools = packages(root, "shared/a.py", ignore="/**\n!/share[d]/**/\n!/shared/a.py")
    folder = ("shared/a.csv", "/**\n!/share[d]/*.csv")
    return azd == core_tools == {"shared/a.py"} and packages(root, folder[0], ignore=folder[1])[1] == set()


def files_beside_their_folder_have_a_line_of_their_own(root: Path) -> bool:
    _, nested_only = packages(root, "shared/a.py", "shared/b/c.py", ignore="/**\n!/shared/**/*.py")
    _, ours = packages(root, "shared/a.py", "shared/b/c.py")
    return nested_only == {"shared/b/c.py"} and ours == {"shared/a.py", "shared/b/c.py"}


def names_without_ascii_letters_are_denied_by_two_stars(root: Path) -> bool:
    _, one_star = packages(root, "клиенты/a.csv", ignore="/*")
    _, ours = packages(root, "клиенты/a.csv")
    return one_star == {"клиенты/a.csv"} and ours == set()


def no_two_stars_stand_beside_other_characters(root: Path) -> bool:
    dropped, _ = packages(root, "a.csv", ignore="/**.csv")
    return dropped == {"a.csv"} and not any(re.search(r"\*\*[^/]|[^/]\*\*", rule) for rule in rules())


def settings_of_this_machine_stay_here(root: Path) -> bool:
    return packages(root, "local.settings.json", ".azure/dev/.env", ".git/config", ignore="") == (
        {".git/config"},
        {".azure/dev/.env"},
    ) and packages(root, "local.settings.json", ".azure/dev/.env", ".git/config") == (set(), set())


# The rest of the package


def host_and_requirements_are_in_the_package(root: Path) -> bool:
    files = {"host.json", "requirements.txt", "function_app.py"}
    return packages(root, *files) == (files, files)


def worker_is_not_among_the_requirements(root: Path) -> bool:
    return not {"azure-functions-worker", "azure-functions-runtime"} & installed_by_requirements()


def no_protobuf_among_the_requirements(root: Path) -> bool:
    return not {"protobuf", "grpcio"} & installed_by_requirements()


ROWS: list[tuple[str, str, Check]] = [
    (
        "azd: a rule that is one name without a slash matches at every depth",
        GITIGNORE,
        rule_without_a_slash_is_not_used,
    ),
    (
        "azd does not enter a folder that is ignored, so no exception below it counts",
        f"{AZD}/blob/main/cli/azd/pkg/rzip/rzip.go",
        every_folder_of_the_app_is_opened,
    ),
    (
        "azd drops a rule in which two stars stand beside other characters",
        "https://github.com/denormal/go-gitignore/blob/master/parser.go",
        no_two_stars_stand_beside_other_characters,
    ),
    (
        "azd 1.23.12 takes every exception for one more rule",
        f"{AZD}/pull/7311",
        lambda root: least_azd() > (1, 23, 12),
    ),
    (
        "azd before 1.24.1: `azd down` deletes resource groups that it did not make, such as that of the segments",
        f"{AZD}/issues/2916",
        lambda root: least_azd() >= (1, 25, 0),
    ),
    (
        "Core Tools: an exception wins over every rule, wherever it stands, and takes all that begins with it",
        f"{CORE_TOOLS}/Common/GitIgnoreParser.cs",
        no_exception_is_a_whole_folder_to_core_tools,
    ),
    (
        "Core Tools: brackets are literal",
        f"{CORE_TOOLS}/Common/GitIgnoreParser.cs",
        brackets_are_read_by_azd_alone,
    ),
    (
        "Core Tools: two stars are one character or more, so `a/**/b` has a folder between",
        f"{CORE_TOOLS}/Common/GitIgnoreParser.cs",
        files_beside_their_folder_have_a_line_of_their_own,
    ),
    (
        "Core Tools: a rule ends at a word boundary of ASCII letters, and one star stops at a slash",
        f"{CORE_TOOLS}/Common/GitIgnoreParser.cs",
        names_without_ascii_letters_are_denied_by_two_stars,
    ),
    (
        "Both leave local.settings.json out by themselves; only azd leaves out .azure, only Core Tools .git",
        f"{CORE_TOOLS}/Common/FileSystemHelpers.cs",
        settings_of_this_machine_stay_here,
    ),
    (
        "Core Tools: a Python app needs requirements.txt in its folder",
        f"{CORE_TOOLS}/Helpers/PythonHelpers.cs",
        host_and_requirements_are_in_the_package,
    ),
    (
        "azure-functions-worker in requirements.txt may conflict with the platform's own",
        f"{CORE_TOOLS}/Helpers/PythonHelpers.cs",
        worker_is_not_among_the_requirements,
    ),
    (
        "Python 3.13's worker can crash where the app brings protobuf too",
        f"{WORKER}/issues/1858",
        no_protobuf_among_the_requirements,
    ),
]


@pytest.mark.parametrize(("sentence", "source", "check"), [pytest.param(*row, id=row[0]) for row in ROWS])
def test_package_keeps_to_what_its_vendors_say(sentence: str, source: str, check: Check, tmp_path):
    assert check(tmp_path), f"{sentence} ({source})"
