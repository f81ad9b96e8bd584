"""The page at `/`: what is in the account and what was asked, for a person. No scripts."""

from collections.abc import Iterable
from html import escape
from typing import Any

from local.brevo_sandbox import moods
from local.brevo_sandbox.answers import Answer
from local.brevo_sandbox.importing import ImportRecord
from local.brevo_sandbox.processes import iso_time
from local.brevo_sandbox.world import World

PAGE_ROWS = 50
LATEST = 20

_STYLE = """
:root { color-scheme: light dark; --ink: #1b2430; --soft: #566273; --line: #d5dbe3; --card: #fff;
        --back: #f4f6f9; --mark: #0b6e4f; --bad: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6ebf2; --soft: #a3afbf; --line: #36414f;
        --card: #1b232d; --back: #12181f; --mark: #5fd3a8; --bad: #ff8a80; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
header, main { max-width: 72rem; margin: 0 auto; padding: 1rem 1.25rem; }
h1 { font-size: 1.6rem; margin: 0.5rem 0 0; } h2 { font-size: 1.15rem; margin: 0 0 0.25rem; }
p { margin: 0 0 0.75rem; color: var(--soft); max-width: 60rem; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 0.6rem;
          padding: 1rem 1.25rem; margin: 0 0 1rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 0.95rem; }
th, td { text-align: left; padding: 0.4rem 0.75rem 0.4rem 0; border-bottom: 1px solid var(--line);
         vertical-align: top; white-space: nowrap; }
th { color: var(--soft); font-weight: 600; } td.number, th.number { text-align: right; }
a { color: var(--mark); } a:focus-visible { outline: 3px solid var(--mark); outline-offset: 2px; }
.bad { color: var(--bad); font-weight: 600; } code { font-size: 0.95em; }
nav a { margin-right: 1rem; } .buttons td { white-space: normal; } .buttons button { width: 100%; }
button, input, select { font: inherit; padding: 0.3rem 0.7rem; color: var(--ink); background: var(--back);
        border: 1px solid var(--line); border-radius: 0.4rem; }
button:focus-visible, input:focus-visible, select:focus-visible { outline: 3px solid var(--mark); }
"""

Cell = str | int | float | None
Row = Iterable[Cell]


class Markup(str):
    """Text that is HTML already; everything else is escaped."""

    __slots__ = ()


def overview(world: World, query: dict[str, str]) -> Answer:
    """The page; `list` and `page` in the query choose the table of contacts."""
    parts = [
        _lists(world),
        _buttons(world, query),
        _imports(world),
        _contacts(world, query),
        _limits(world),
        _requests(world),
    ]
    address = escape(world.origin)
    return Answer.html(
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Brevo sandbox</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style></head><body><header><h1>Brevo sandbox</h1>"
        "<p>A stand-in for Brevo on this machine. Exports that are sent to "
        f"<code>{address}/v3</code> end up here and nowhere else. "
        f'<a href="/">Reload</a></p></header><main>{"".join(parts)}</main></body></html>'
    )


def _lists(world: World) -> str:
    rows: list[Row] = []
    with world.account.lock:
        for each in sorted(world.account.lists.values(), key=lambda one: one.id):
            members, blocked = world.account.totals(each)
            link = Markup(f'<a href="/?list={each.id}#contacts">{escape(each.name)}</a>')
            rows.append((each.id, link, members, blocked, len(each.leavers)))
    head = ("Number", "Name", "Contacts", "Of these blocked", "Unsubscribed from it")
    table = _table("Contact lists", head, rows, (2, 3, 4))
    return _section("Lists", "Choose a list to see who is in it.", table)


def _buttons(world: World, query: dict[str, str]) -> str:
    done = moods.words_for(query.get("done", ""))
    now = moods.faults_now(world) or ["All is well."]
    buttons = "".join(
        f'<tr><td><button name="mood" value="{each.name}">{escape(each.label)}</button></td>'
        f"<td>{escape(each.effect)}</td></tr>"
        for each in moods.MOODS
    )
    with world.account.lock:
        lists = "".join(
            f'<option value="{each.id}">{each.id}, {escape(each.name)}</option>'
            for each in world.account.lists.values()
        )
        first = next((member.email for each in world.account.lists.values() for member in each.members.values()), "")
    changes = " ".join(
        f'<button name="change" value="{name}">{escape(label)}</button>' for name, (label, _) in moods.CHANGES.items()
    )
    content = (
        (f'<p role="status"><strong>Done.</strong> {escape(done)}</p>' if done else "")
        + f"<p>Now: {escape(' '.join(now))}</p>"
        f'<form method="post" action="/buttons"><table class="buttons"><tbody>{buttons}</tbody></table></form>'
        '<form method="post" action="/buttons"><p><label>A contact, by address '
        f'<input type="email" name="email" required value="{escape(first)}"></label> '
        f'<label>List <select name="list">{lists}</select></label> {changes}</p></form>'
    )
    return _section("Try what can go wrong", "What Brevo and its contacts do from now on.", content, "buttons")


def _imports(world: World) -> str:
    records = world.imports.records()[: -LATEST - 1 : -1]
    if not records:
        return _section("Imports", "No import has arrived yet. Run an export and reload this page.", "")
    head = ("Process", "Arrived (UTC)", "Status", "To lists", "Contacts", "New", "Updated", "Rejected", "Why")
    rows = [_import_row(record) for record in records]
    text = f"The latest {len(records)}. Rejected contacts are listed in a report that the process links to."
    return _section("Imports", text, _table("Latest imports", head, rows, (4, 5, 6, 7)))


def _import_row(record: ImportRecord) -> Row:
    bad = record.status in ("failed", "cancelled")
    status = Markup(f'<span class="bad">{escape(record.status)}</span>') if bad else record.status
    why = ", ".join(f"{name.replace('_', ' ')}: {count}" for name, count in record.rejected.items())
    lists = ", ".join(map(str, record.order.list_ids))
    arrived = iso_time(record.created_at)[:19].replace("T", " ")
    rejected = sum(record.rejected.values())
    return (
        record.id, arrived, status, lists, record.contacts, record.created, record.updated,
        rejected, why or "-",
    )  # fmt: skip


def _contacts(world: World, query: dict[str, str]) -> str:
    account = world.account
    chosen = account.lists.get(_number(query.get("list"), 12))
    if chosen is None:
        return _section("Contacts", "There is no such list.", "", "contacts")
    page = _number(query.get("page"), 1)
    contacts = account.members_page(chosen, PAGE_ROWS, (page - 1) * PAGE_ROWS, newest=False)
    attributes = [account.attributes_of(each) for each in contacts]
    names = [each.name for each in list(account.attributes) if any(each.name in row for row in attributes)]
    rows = [
        [each.email, "blocked" if each.email_blocked else "no", *(_shown(values.get(name)) for name in names)]
        for each, values in zip(contacts, attributes, strict=True)
    ]
    total = len(chosen.members)
    pages = max(1, -(-total // PAGE_ROWS))
    text = f"List {chosen.id}, “{chosen.name}”: {total:,} contacts, page {page} of {pages:,}."
    table = _table(f"Contacts of list {chosen.id}", ("E-mail", "Blocked", *names), rows) if rows else ""
    return _section("Contacts", text, table + _pager(chosen.id, page, pages), "contacts")


def _pager(list_id: int, page: int, pages: int) -> str:
    links = [
        f'<a href="/?list={list_id}&amp;page={target}#contacts">{label}</a>'
        for label, target, shown in (
            ("First", 1, page > 1),
            ("Previous", page - 1, page > 1),
            ("Next", page + 1, page < pages),
            ("Last", pages, page < pages),
        )
        if shown
    ]
    return f'<nav aria-label="Pages of contacts">{"".join(links)}</nav>' if links else ""


def _limits(world: World) -> str:
    kinds = {"contacts": "/contacts …", "general": "everything else"}
    windows = {1: "a second", 3600: "an hour"}
    rows: list[Row] = [
        (
            kinds[str(each["class"])],
            windows[int(each["window_seconds"])],
            each["used"],
            each["limit"],
            each["exceeded"],
        )
        for each in world.limits.usage()
    ]
    head = ("Calls", "In", "Used now", "Allowed", "Refused so far")
    text = f"As on Brevo's plan “{world.settings.plan}”. A refused call is answered with status 429."
    return _section("Rate limits", text, _table("Rate limits", head, rows, (2, 3, 4)))


def _requests(world: World) -> str:
    entries = world.log.entries()[: -LATEST - 1 : -1]
    if not entries:
        return _section("Requests", "None yet.", "")
    rows: list[Row] = [
        (iso_time(each.at)[11:19], each.route, each.status, f"{each.request_bytes:,}",
         f"{each.seconds * 1000:.0f}", each.fault or "-")
        for each in entries
    ]  # fmt: skip
    head = ("Time (UTC)", "Call", "Status", "Bytes received", "Milliseconds", "Fault on purpose")
    text = f"The latest {len(entries)} of {sum(world.log.totals().values()):,}."
    return _section("Requests", text, _table("Latest requests", head, rows, (2, 3, 4)))


def _section(title: str, text: str, content: str, anchor: str = "") -> str:
    name = anchor or title.lower().replace(" ", "-")
    return (
        f'<section id="{name}" aria-labelledby="{name}-title"><h2 id="{name}-title">{escape(title)}</h2>'
        f"<p>{escape(text)}</p>{content}</section>"
    )


def _table(label: str, head: Iterable[str], rows: Iterable[Row], numeric: tuple[int, ...] = ()) -> str:
    classes = dict.fromkeys(numeric, ' class="number"')
    top = "".join(f'<th scope="col"{classes.get(place, "")}>{escape(name)}</th>' for place, name in enumerate(head))
    body = "".join(
        "<tr>" + "".join(f"<td{classes.get(place, '')}>{_cell(cell)}</td>" for place, cell in enumerate(row)) + "</tr>"
        for row in rows
    )
    return (
        f'<div class="scroll" role="region" aria-label="{escape(label)}" tabindex="0"><table>'
        f"<thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _cell(cell: Cell) -> str:
    if isinstance(cell, Markup):
        return cell
    return escape(f"{cell:,}" if type(cell) is int else "" if cell is None else str(cell))


def _shown(value: Any) -> str:
    return ", ".join(value) if isinstance(value, list) else "" if value is None else str(value)


def _number(text: str | None, default: int) -> int:
    usable = text is not None and text.isascii() and text.isdigit() and len(text) < 10
    return max(1, int(text)) if usable and text is not None else default
