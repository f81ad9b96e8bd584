"""The files that azd and Core Tools put into a package, by the rules that each of them reads in .funcignore.

git's own reading, which other tools that deploy keep to, comes from git itself.

Both read the same file and mean different things by it:

- azd 1.25 asks github.com/denormal/go-gitignore (v0.0.0-20180930084346) about each file and folder, and does not enter
  a folder that is ignored. The last rule that matches decides. Without a `**`, a rule that is one name matches by
  fnmatch without FNM_PATHNAME: `/*` matches at every depth.
  https://github.com/Azure/azure-dev/blob/main/cli/azd/pkg/project/project_utils.go (createDeployableZip)
  https://github.com/Azure/azure-dev/blob/main/cli/azd/pkg/rzip/rzip.go (addDir)
  https://github.com/denormal/go-gitignore/blob/master/pattern.go, lexer.go, parser.go
- Core Tools makes two regular expressions, one of all rules and one of all exceptions, and asks them about files alone.
  An exception wins, wherever it stands. A rule is anchored at its beginning only, its end is a word boundary (`\\b`),
  `*` is one character or more, and brackets are literal.
  https://github.com/Azure/azure-functions-core-tools/blob/main/src/Cli/func/Common/GitIgnoreParser.cs
  https://github.com/Azure/azure-functions-core-tools/blob/main/src/Cli/func/Common/FileSystemHelpers.cs (GetLocalFiles)
"""

import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

IGNORE_FILE = ".funcignore"


def azd_package(root: Path) -> set[str]:
    """The relative paths of the files that `azd package` puts into the archive."""
    rules = [rule for rule in map(_azd_rule, _lines(root)) if rule]

    def included(path: Path, relative: str, is_folder: bool) -> bool:
        if path.name == (".azure" if is_folder else IGNORE_FILE) or (
            path.name == "local.settings.json" and not is_folder
        ):
            return False
        deciding = next((rule for rule in reversed(rules) if rule.matches(relative, is_folder)), None)
        return deciding is None or deciding.is_exception

    return set(_walk(root, root, included))


def core_tools_package(root: Path) -> set[str]:
    """The relative paths of the files that `func azure functionapp publish` puts into the archive."""
    rules, exceptions = _core_tools_expressions(_lines(root))
    never_folders = {".git", ".vscode"}
    never_files = {".funcignore", ".gitignore", "local.settings.json", "project.lock.json"}

    def included(path: Path, relative: str, is_folder: bool) -> bool:
        if path.name.lower() in (never_folders if is_folder else never_files):
            return False
        return is_folder or bool(exceptions.search(relative)) or not rules.search(relative)

    return set(_walk(root, root, included))


def git_package(root: Path) -> set[str]:
    """The relative paths of the files that git does not ignore, were .funcignore its .gitignore."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["git", "init", "--quiet", "--bare", folder], check=True, timeout=30)
        command = ["git", f"--git-dir={folder}", f"--work-tree={root}", "ls-files", "--others", "-z"]
        listing = subprocess.run(
            [*command, f"--exclude-from={root / IGNORE_FILE}"], cwd=root, capture_output=True, check=True, timeout=30
        )
    return set(listing.stdout.decode().split("\0")) - {""}


def _lines(root: Path) -> list[str]:
    return (root / IGNORE_FILE).read_text(encoding="utf-8").splitlines()


def _walk(root: Path, folder: Path, included: Callable[[Path, str, bool], bool]) -> Iterator[str]:
    for path in sorted(folder.iterdir()):
        relative = path.relative_to(root).as_posix()
        if not included(path, relative, path.is_dir()):
            continue
        if path.is_dir():
            yield from _walk(root, path, included)
        else:
            yield relative


# azd


@dataclass(frozen=True)
class _AzdRule:
    is_exception: bool
    is_anchored: bool
    is_for_folders: bool
    parts: list[str]

    def matches(self, path: str, is_folder: bool) -> bool:
        if self.is_for_folders and not is_folder:
            return False
        names = path.split("/")
        if "**" in self.parts:
            parts = self.parts if self.is_anchored or self.parts[0] == "**" else ["**", *self.parts]
            return _matches_parts(names, parts)
        pattern = "/".join(self.parts)
        if not self.is_anchored:
            return bool(_fnmatch(pattern, "[^/]").fullmatch("/".join(names[-len(self.parts) :])))
        return bool(_fnmatch(pattern, "." if len(self.parts) == 1 else "[^/]").fullmatch(path))


def _azd_rule(line: str) -> _AzdRule | None:
    """A rule, or None for an empty line, a comment, and a rule that the library drops: `**` beside other characters."""
    if not line or line.startswith("#"):
        return None
    text = line.removeprefix("!")
    if re.search(r"[\s\\#!]", text.replace("[!", "[")):
        raise ValueError(f"not covered here: {line!r}")
    parts = [part for part in text.split("/") if part]
    if any(part.startswith("**") and part != "**" for part in parts):
        return None
    return _AzdRule(line.startswith("!"), text.startswith("/"), text.endswith("/"), parts)


def _matches_parts(names: list[str], parts: list[str]) -> bool:
    """`**` is any number of names, none included."""
    if not parts:
        return not names
    if parts[0] == "**":
        return _matches_parts(names, parts[1:]) or (bool(names) and _matches_parts(names[1:], parts))
    return bool(names) and bool(_fnmatch(parts[0], "[^/]").fullmatch(names[0])) and _matches_parts(names[1:], parts[1:])


def _fnmatch(pattern: str, any_character: str) -> re.Pattern[str]:
    found = ""
    for part in re.findall(r"\*+|\?|\[[^]]+\]|.", pattern):
        if part.startswith("*"):
            found += f"{any_character}*"
        elif part == "?":
            found += any_character
        else:
            found += part.replace("[!", "[^") if len(part) > 1 else re.escape(part)
    return re.compile(found)


# Core Tools


def _core_tools_expressions(lines: list[str]) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """What denies, and what accepts nevertheless. RegexOptions.ECMAScript: `\\b` knows ASCII alone."""
    stripped = [line.strip() for line in lines]
    kept = [line for line in stripped if line and not line.startswith("#")]
    rules = [line.removeprefix("/") for line in kept if not line.startswith("!")]
    exceptions = [line[1:].removeprefix("/") for line in kept if line.startswith("!")]
    return _expression(rules), _expression(exceptions)


def _expression(rules: list[str]) -> re.Pattern[str]:
    escaped = [re.sub(r"[-\[\]/{}()+?.\\^$|]", r"\\\g<0>", rule) for rule in rules]
    patterns = [rule.replace("**", "(.+)").replace("*", r"([^\/]+)") for rule in escaped]
    return re.compile(rf"^(({')|('.join(patterns)}))\b" if patterns else "$^", re.ASCII)
