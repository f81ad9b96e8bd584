"""The table of values in docs/configure.md, row by row."""

from pathlib import Path

from tests.flow.one_column import send


def documented():
    """(attribute, cell, what Brevo then has, warning) of each row."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "configure.md").read_text()
    _, _, table = page.partition("| attribute | cell | Brevo then has | warning |\n|---|---|---|---|\n")
    for line in table.partition("\n\n")[0].splitlines():
        attribute, cell, kept, warning = (part.strip() for part in line.strip().strip("|").split("|"))
        yield (
            attribute.strip("`"),
            cell.strip("`"),
            [part.strip("` ") for part in kept.split("`, `") if part],
            warning.strip("`"),
        )


def shown(value):
    return [str(each) for each in (value if isinstance(value, list) else [value] if value is not None else [])]


def test_every_value_becomes_what_the_documentation_says(flow):
    rows = list(documented())
    assert len(rows) > 15
    attributes = list(dict.fromkeys(attribute for attribute, *_ in rows))
    lines = []
    for number, (attribute, cell, _, _) in enumerate(rows):
        quoted = '"' + cell.replace('"', '""') + '"'
        lines.append(
            ",".join([f"a{number}@example.com", *(quoted if name == attribute else "" for name in attributes)])
        )
    data = "\n".join([",".join(["EMail", *attributes]), *lines]) + "\n"
    status = send(flow, {"attributes": {name: name for name in attributes}}, data)
    sent = flow.sent()
    assert [shown(sent[f"a{n}@example.com"].get(row[0])) for n, row in enumerate(rows)] == [row[2] for row in rows]
    warned = {line - 2: reason for _, line, reason in flow.places(status["run_id"])}
    assert [warned.get(n, "") for n in range(len(rows))] == [row[3] for row in rows]
