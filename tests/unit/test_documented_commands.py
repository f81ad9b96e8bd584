"""Every command that README and the guides show is there, with its options; every link leads somewhere."""

import re
import shlex

import pytest
from click.testing import CliRunner

from shared.cli.program import program
from tests.documented import GUIDES, ROOT, blocks, is_whole


def shown(program: str) -> list[tuple[str, str]]:
    """(guide, command line) of each `program …` in code, inline or in a block."""
    found = []
    for guide in GUIDES:
        text = (ROOT / guide).read_text(encoding="utf-8")
        shown_in_blocks = "\n".join(blocks(guide))
        lines = [line.split(" #")[0] for line in shown_in_blocks.replace("\\\n", " ").splitlines()]
        lines += re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
        pattern = re.compile(rf"^\s*(?:[A-Z_]+=\S+ )?({program}(?: .*)?)$")
        found += [(guide, match[1].strip()) for line in lines if (match := pattern.match(line))]
    return found


@pytest.fixture
def parsed(monkeypatch):
    """Reads a command line without running it; the exit status and what is wrong with it."""
    monkeypatch.setattr("shared.cli.program.Command.invoke", lambda *_: None)

    def read(words):
        done = CliRunner().invoke(program, words)
        return done.exit_code, done.stderr

    return read


@pytest.mark.parametrize(("guide", "line"), shown("segment-export"))
def test_command_of_the_terminal_is_there_with_its_options(parsed, guide, line):
    words = shlex.split(line.split(" > ")[0])[1:]
    if words:
        assert parsed(words) == (0, "")


@pytest.mark.parametrize(("guide", "line"), shown("make"))
def test_target_of_make_is_there(guide, line):
    target = line.split()[1] if " " in line else "help"
    assert re.search(rf"^{re.escape(target)}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize(("guide", "line"), shown("python -m"))
def test_module_is_there_with_its_options(parsed, guide, line):
    module, *words = line.removeprefix("python -m ").split()
    place = ROOT / module.replace(".", "/")
    path = place if place.is_dir() else place.with_suffix(".py")
    assert path.exists(), module
    sources = "".join(each.read_text(encoding="utf-8") for each in ([path] if path.is_file() else path.rglob("*.py")))
    if module == "shared.cli" and words:
        assert parsed(words) == (0, "")
    else:
        assert [
            word
            for word in words
            if word.startswith("--") and word != "--help" and f'"{word.split("=")[0]}"' not in sources
        ] == []


def test_line_of_the_api_that_waits_for_a_run_also_ends_where_the_run_has_ended():
    """A plan with nothing to do is not held, and one that fails is not either."""
    waits = [line for block in blocks("docs/api.md") for line in block.splitlines() if line.startswith("until curl")]
    assert len(waits) >= 4
    assert [line for line in waits if '"finished_at": "' not in line] == []


def test_guides_show_commands_at_all():
    assert len(shown("segment-export")) > 10
    assert len(shown("make")) > 5
    assert len(shown("python -m")) > 2


@pytest.mark.parametrize("command", ["doctor", "replay", "forget", "prune", "probe"])
def test_operators_guide_shows_each_of_the_operators_tools(command):
    lines = [line.split() for guide, line in shown("segment-export") if guide == "docs/operate.md"]
    assert any(words[1:2] == [command] for words in lines)


@pytest.mark.parametrize("line", ["segment-export fly", "segment-export run gold --fast", "segment-export replay RUN"])
def test_command_that_is_not_there_would_be_noticed(parsed, line):
    assert parsed(shlex.split(line)[1:])[0] == 2


@pytest.mark.parametrize("guide", GUIDES)
def test_links_of_the_guide_lead_somewhere(guide):
    path = ROOT / guide
    text = path.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        file, _, anchor = target.partition("#")
        if target.startswith("http"):
            continue
        other = (path.parent / file).resolve() if file else path
        assert other.exists(), target
        if anchor:
            titles = re.findall(r"^#+ (.+)$", other.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
            assert anchor in anchors, target


def test_error_codes_of_the_operators_guide_are_the_codes_own():
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "shared").rglob("*.py"))
    text = (ROOT / "docs/operate.md").read_text(encoding="utf-8")
    words = set(
        re.findall(r"`((?:brevo|storage|key|setting|list|attributes|column|body|step|configuration)_[a-z_]+)`", text)
    )
    assert words
    assert {word for word in words if f'"{word}"' not in code} == set()


@pytest.mark.parametrize(
    "text",
    [
        "curl -d '{\n  \"a\": 1\n}'",
        "cat > a.json <<'JSON'\n{\"it's\": 1}\nJSON",
        "az one \\\n  --two",
        "azd up      # it's not needed twice",
        'RUN=$(curl "$API" | sed \'s/"\\([^"]*\\)".*/\\1/\')',
    ],
)
def test_command_in_a_block_ends_where_a_shell_would_run_it(text):
    lines = text.splitlines()
    whole = [is_whole("\n".join(lines[: count + 1])) for count in range(len(lines))]
    assert whole == [False] * (len(lines) - 1) + [True]
