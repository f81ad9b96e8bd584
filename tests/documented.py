"""The commands that README and the guides show in code blocks, in the order of the page, as they stand there."""

import re
import shlex
import textwrap
from pathlib import Path

ROOT = Path(__file__).parents[1]
GUIDES = (
    "README.md",
    "CONTRIBUTING.md",
    "infra/README.md",
    *(str(path.relative_to(ROOT)) for path in sorted((ROOT / "docs").rglob("*.md"))),
)


def blocks(guide: str) -> list[str]:
    """The text of each block of shell lines, without its indentation."""
    text = (ROOT / guide).read_text(encoding="utf-8")
    found = re.findall(r"^( *)```sh\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)
    return [textwrap.dedent(block) for _, block in found]


def commands(guide: str) -> list[str]:
    """Each command, which may have several lines: an open quote, a backslash at the end, or a here-document."""
    found: list[str] = []
    for block in blocks(guide):
        lines: list[str] = []
        for line in block.splitlines():
            lines.append(line)
            if is_whole("\n".join(lines)):
                found.append("\n".join(lines))
                lines = []
        assert not lines, f"{guide}: a command does not end in its block: {lines[0]}"
    return [command for command in found if command.strip()]


def is_whole(text: str) -> bool:
    """Whether a shell would run the text without asking for more."""
    document = re.search(r"<<'?(\w+)'?", text.splitlines()[0] if text else "")
    if document:
        return text.splitlines()[-1] == document[1] and "\n" in text
    if text.endswith("\\"):
        return False
    try:
        shlex.split(text, comments=True)
    except ValueError:
        return False
    return True
