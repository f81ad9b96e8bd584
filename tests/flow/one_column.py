"""Sends segments of one mapped column and reads what the sandbox received."""

import hashlib

HEAD = "CustomerId,EMail,FirstName\n"


def sha(email):
    return hashlib.sha256(email.encode()).hexdigest()


def send(flow, mapping, data, **changes):
    """Runs the export with this mapping over one file; its status."""
    flow.change(mapping={"email": "EMail", **mapping}, **changes)
    flow.segment(data)
    status = flow.run()
    assert status["status"].startswith("succeeded"), status
    return status


def column(values):
    """A file with one value a row, for a1@example.com and so on; quoted, so that a value may hold anything."""
    rows = [
        f'C-{n},a{n}@example.com,"{value.replace(chr(34), chr(34) * 2)}"\n' for n, value in enumerate(values, start=1)
    ]
    return "CustomerId,EMail,Value\n" + "".join(rows)


def received(flow, attribute, count):
    sent = flow.sent()
    assert len(sent) == count
    return [sent[f"a{n}@example.com"].get(attribute) for n in range(1, count + 1)]


def check_warned(flow, status, reason, good, bad):
    assert status["status"] == "succeeded"
    assert status["warnings"] == {reason: bad}
    assert flow.places(status["run_id"]) == [("Gold_1.csv", good + n + 2, reason) for n in range(bad)]
    assert {row["field"] for row in flow.rejects(status["run_id"])} == {"Value"}
