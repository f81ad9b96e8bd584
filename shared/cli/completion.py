"""Completes a command line: the shells' few lines ask this program, so that new commands and ids are known at once."""

import argparse
from collections.abc import Callable, Sequence

SCRIPTS = {
    "bash": """\
_segment_export() {
    local IFS=$'\\n'
    COMPREPLY=($(segment-export complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _segment_export segment-export
""",
    "zsh": """\
#compdef segment-export
_segment_export() {
    local -a found
    found=("${(@f)$(segment-export complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    compadd -a found
}
compdef _segment_export segment-export
""",
}

Ids = Callable[[str], list[str]]


def candidates(top: argparse.ArgumentParser, words: Sequence[str], ids: Ids) -> list[str]:
    """What the last of the words can become. `ids` gives those of an argument: connection, export, run and so on."""
    *before, current = words or [""]
    parser, place, skip = top, 0, False
    for word in before:
        if skip or word.startswith("-"):
            skip = not skip and _takes_value(parser, word)
        elif (below := _commands(parser)) is not None:
            if word not in below:
                return []
            parser, place = below[word], 0
        else:
            place += 1
    if skip:
        return []
    return sorted(word for word in _words(parser, place, current, ids) if word.startswith(current))


def _words(parser: argparse.ArgumentParser, place: int, current: str, ids: Ids) -> list[str]:
    if current.startswith("-"):
        return [option for action in parser._actions for option in action.option_strings if option.startswith("--")]
    if (below := _commands(parser)) is not None:
        return [name for name in below if name != "complete"]
    positional = [action for action in parser._actions if not action.option_strings]
    if place >= len(positional):
        return []
    action = positional[place]
    return [str(choice) for choice in action.choices] if action.choices else ids(action.dest)


def _commands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser] | None:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return None


def _takes_value(parser: argparse.ArgumentParser, option: str) -> bool:
    found = next((action for action in parser._actions if option in action.option_strings), None)
    return found is not None and found.nargs != 0
