"""The commands that show what storage and an account have: segments, lists, attributes."""

import shutil
import textwrap
from typing import TYPE_CHECKING

import click

from shared.cli.ids import complete_id, connection_argument
from shared.cli.program import example, program
from shared.cli.showing import caller, open_app, show
from shared.cli.text import table
from shared.cli.watching import limit_option
from shared.counting import counted

if TYPE_CHECKING:
    from shared.administration.account import ListedAttribute
    from shared.administration.stored_segments import StoredSegment
    from shared.mapping.proposal import ProposedMapping

_WIDEST, _NARROWEST = 120, 40
_MOST_COLUMNS = 40
_MOST_OPTIONS = 8

after_option = click.option("--after", metavar="NUMBER", default="", help="pass over so many: the next page")


@program.command(epilog=example("segments", "segments segments --json"))
@click.argument(
    "container", required=False, shell_complete=complete_id, help="a container; without it, all that may hold some"
)
@limit_option
@after_option
def segments(container: str | None, limit: int, after: str) -> None:
    """List the segments in storage: newest snapshot, columns, a proposed mapping. Shows no value."""
    from shared.administration.stored_segments import list_segments

    found, more = list_segments(open_app(), caller(), container or "", limit=limit, after=number_of(after))
    show(found, lambda: _page("\n\n".join(map(_segment_text, found)) or "There are no segments.", more))


@program.command(epilog=example("lists brevo-eu"))
@connection_argument
@limit_option
@after_option
def lists(connection: str, limit: int, after: str) -> None:
    """List the lists of an account, oldest first, with their numbers."""
    from shared.administration.account import list_lists

    found, more = list_lists(open_app(), caller(), connection, limit=limit, after=number_of(after))
    rows = [(each.id, "?" if each.contacts is None else f"{each.contacts:,}", _names([each.name])) for each in found]
    show(found, lambda: _page(table(("LIST", "CONTACTS", "NAME"), rows), more))


@program.command(epilog=example("attributes brevo-eu"))
@connection_argument
@limit_option
@after_option
def attributes(connection: str, limit: int, after: str) -> None:
    """List the attributes of an account, with their types and options."""
    from shared.administration.account import list_attributes

    found, more = list_attributes(open_app(), caller(), connection, limit=limit, after=number_of(after))
    rows = [(_names([each.name]), each.type.replace("_", " "), _options(each)) for each in found]
    show(found, lambda: _page(table(("ATTRIBUTE", "TYPE", "OPTIONS"), rows), more))


def number_of(after: str) -> str:
    """The option's value. Raises UsageError for what is no number."""
    if after and not (after.isascii() and after.isdigit() and len(after) < 10):
        raise click.UsageError("--after takes a number.")
    return after


def _page(text: str, more: str) -> str:
    return f"{text}\nThere are more: --after {more}" if more else text


def _options(attribute: "ListedAttribute") -> str:
    more = len(attribute.options) - _MOST_OPTIONS
    return _names(attribute.options[:_MOST_OPTIONS]) + (f" and {more} more" if more > 0 else "")


def _names(names: list[str]) -> str:
    """Names that others have given, without what could move the cursor or turn the direction of writing."""
    from shared.mapping.plan import names_text

    return names_text(names)


def _segment_text(segment: "StoredSegment") -> str:
    folder = segment.folder.strip("/")
    lines = [_names([segment.segment]), *_part("in", _names([f"{segment.container}/{folder}".rstrip("/")]))]
    if segment.snapshot:
        rows = "" if segment.rows is None else f", {counted(segment.rows, 'row')}"
        size = f"{segment.bytes / 1e6:,.1f} MB" if segment.bytes >= 100_000 else f"{segment.bytes:,} bytes"
        files = f"{counted(segment.files, 'file')}, {size}{rows}"
        lines += _part("snapshot", f"{segment.snapshot}  {files}")
    if segment.problem:
        lines += _part("problem", segment.problem)
    if segment.columns:
        more = len(segment.columns) - _MOST_COLUMNS
        lines += _part("columns", _names(segment.columns[:_MOST_COLUMNS]) + (f" and {more} more" if more > 0 else ""))
    if segment.proposed_mapping:
        lines += _part("mapping", _mapping_text(segment.proposed_mapping))
    return "\n".join(lines + _part("sent by", ", ".join(segment.exports) or "no export"))


def _mapping_text(mapping: "ProposedMapping") -> str:
    standard = {name: getattr(mapping, name) for name in ("email", "first_name", "last_name", "phone")}
    pairs = {name: column for name, column in standard.items() if column} | mapping.attributes
    text = _names([f"{name}: {column}" for name, column in pairs.items()])
    return f"proposed: {text}" if mapping.email else f"no column looks like the address; {text}".rstrip("; ")


def _part(title: str, text: str) -> list[str]:
    width = max(_NARROWEST, min(_WIDEST, shutil.get_terminal_size().columns))
    return textwrap.wrap(text, width, initial_indent=f"  {title:<10} ", subsequent_indent=" " * 13)
