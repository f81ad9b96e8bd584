"""Rows and messages carry the number of their form: the last release's are read, another release's are left alone.

tests/stored/form_1.json holds rows and messages of release 0.1 as they stand in storage. The file is never changed: a
release that changes a form raises its number, adds a file of its own, and goes on reading this one. So did batches and
runs: batches_form_2.json, runs_form_2.json, runs_form_3.json.
"""

import base64
import json
from dataclasses import MISSING, fields, replace
from pathlib import Path

import pytest

from shared.access import Caller
from shared.administration.audit import read_audit
from shared.brevo.pace import Pace
from shared.brevo.polling import seconds_per_contact
from shared.errors import PermanentError
from shared.notices.queue import NoticeMessage, enqueue, parse_notice
from shared.notices.rows import NoticeRow
from shared.notices.tell import abandon_notice, take_notice
from shared.operating.doctor.rows import other_forms
from shared.operating.pruning import prune
from shared.operating.replaying import look, replay
from shared.runs.counts import Counts
from shared.runs.queue import Message, parse_message, send
from shared.runs.rows import batch_of, batch_row, run_of, run_row
from shared.runs.starting import start_due
from shared.runs.steps.dispatch import abandon, take_step
from shared.runs.steps.sweep import sweep
from shared.runs.store import OPEN
from shared.storage.forms import FORM, FORMS, OtherFormError, with_form, without_form
from shared.storage.tables import Row
from tests.sizes import thinned

FOLDER = Path(__file__).parents[1] / "stored"
STORED = json.loads((FOLDER / "form_1.json").read_text(encoding="utf-8"))
[BATCH_OF_FORM_2] = json.loads((FOLDER / "batches_form_2.json").read_text(encoding="utf-8"))["rows"]
[NEWEST_BATCH] = json.loads((FOLDER / "batches_form_3.json").read_text(encoding="utf-8"))["rows"]
[RUN_OF_FORM_2] = json.loads((FOLDER / "runs_form_2.json").read_text(encoding="utf-8"))["rows"]
[NEWEST_RUN] = json.loads((FOLDER / "runs_form_3.json").read_text(encoding="utf-8"))["rows"]
HELD = ("held_for", "held_until", "settings", "gaps", "approved_by", "approved_at", "approved_of")
SYNCED = (
    "is_list_changed",
    "is_removing",
    "unanswered",
    "undo_of",
    "keeps_ledger",
    "ledger_etag",
    "list_before",
    "list_after",
    "account",
    "key_mark",
    "counts",
)
RUN = "gold-20261124T050312-a1b2c3"
ADMINISTRATOR = Caller("function key", "administrator")


def stored(table, key):
    """One row of the file, as it was read; the first one whose key begins so."""
    return next(
        Row(each["partition"], each["key"], without_form(table, each["key"], each["values"]))
        for each in STORED["rows"]
        if each["table"] == table and each["key"].startswith(key)
    )


def differs_from_default(model):
    for part in fields(model):
        default = part.default if part.default_factory is MISSING else part.default_factory()
        if part.name not in ("etag", "counts") and getattr(model, part.name) == default:
            return part.name
    return ""


def put(app, rows):
    """Puts rows into storage as another release wrote them: with the number that they have."""
    for each in rows:
        partition = OPEN if each["partition"] == "(open runs)" else each["partition"]
        table = getattr(app.storage, each["table"])
        table._kept.tables.setdefault(table.name, {})[partition, each["key"]] = (dict(each["values"]), 'W/"0"')


def as_form(row, number):
    return {**row, "values": {**row["values"], FORM: number, "new": "x"}}


def rewrite(app, table, chosen, number=4):
    """Gives stored rows another number, as a newer release does with each row that it writes."""
    rows = getattr(app.storage, table)
    for address, (values, etag) in list(rows._rows.items()):
        if chosen(*address):
            rows._rows[address] = ({**values, FORM: number}, etag)


# The last release's


def test_each_kind_of_row_stands_in_the_file_with_its_number():
    own = {f"{each['table']}/{each['key']}" for each in STORED["rows"]} & set(FORMS)
    assert own | {each["table"] for each in STORED["rows"]} == set(FORMS)
    assert {each["values"][FORM] for each in STORED["rows"]} == {1}


def newest(row):
    return Row(row["partition"], row["key"], without_form(row["table"], row["key"], row["values"]))


def test_batch_of_form_1_is_read_and_has_moved_nobody():
    old, new = batch_of(stored("batches", "")), batch_of(newest(NEWEST_BATCH))
    assert (old.moved, old.moved_id, old.holds_moved, old.is_unlisted) == (0, "", False, False)
    files = {"by_file": True, "was_in_file": True}
    assert replace(old, moved=new.moved, moved_id=new.moved_id, holds_moved=True, is_unlisted=True, **files) == new


def test_batch_of_form_2_is_read_as_one_with_a_body():
    old, new = batch_of(newest(BATCH_OF_FORM_2)), batch_of(newest(NEWEST_BATCH))
    assert (old.by_file, old.was_in_file) == (False, False)
    assert replace(old, by_file=True, was_in_file=True) == new


def test_run_of_form_1_is_read_as_a_run_of_the_whole_export():
    old, new = run_of(stored("runs", "run-")), run_of(newest(NEWEST_RUN))
    assert (old.kind, old.list_name, old.customers, old.customer_ids) == ("export", "", 0, [])
    assert (old.staged_rows, old.waiting_since, old.waiting_until) == (0, 0.0, 0.0)
    trial = {name: getattr(new, name) for name in ("kind", "list_id", "list_name", "customers", "customer_ids")}
    staged = {name: getattr(new, name) for name in ("staged_rows", "staged_contacts")}
    waits = {name: getattr(new, name) for name in ("waiting_since", "waiting_until", "waiting_deadline")}
    held = {name: getattr(new, name) for name in (*HELD, *SYNCED)}
    assert replace(old, **trial, **staged, **waits, **held, state="staging", filled=new.filled) == new


def test_every_value_of_a_run_is_one_that_a_table_takes():
    run = run_of(newest(NEWEST_RUN))
    assert run.held_for.code == "guard_max_shrink"
    assert {type(value) for value in run_row(run).values.values()} <= {str, int, float, bool}


def test_run_of_form_2_is_read_as_one_that_was_never_held():
    old, new = run_of(newest(RUN_OF_FORM_2)), run_of(newest(NEWEST_RUN))
    assert (old.held_for, old.held_until, old.is_approved) == (None, 0.0, False)
    assert replace(old, kind="plan", **{name: getattr(new, name) for name in (*HELD, *SYNCED)}) == new


@pytest.mark.parametrize(
    ("row", "read", "write"), [(newest(NEWEST_RUN), run_of, run_row), (newest(NEWEST_BATCH), batch_of, batch_row)]
)
def test_run_and_batch_of_the_file_are_read_whole_and_written_as_they_stand(row, read, write):
    model = read(row)
    assert differs_from_default(model) == "", "a field of the model is missing from the file"
    assert write(model).values == dict(row.values)
    assert (write(model).partition, write(model).key) == (row.partition, row.key)


def test_counts_of_the_file_are_all_of_the_run_s():
    counts = run_of(newest(NEWEST_RUN)).counts
    assert isinstance(counts, Counts)
    assert differs_from_default(counts) == ""


def test_notice_of_the_file_is_read_whole():
    row = stored("notices", RUN)
    assert differs_from_default(NoticeRow.of(row)) == ""
    assert set(row.values) == {part.name for part in fields(NoticeRow)}


def test_other_rows_of_the_file_are_read(flow):
    put(flow.app, STORED["rows"])
    store, clock = flow.app.store, flow.app.storage.clock
    started, success = store.started("gold"), store.success("gold")
    pace = Pace(flow.app.storage.accounts, "BREVO_API_KEY", clock)
    assert (store.active("gold"), store.open_runs()) == (RUN, [(RUN, "BREVO_API_KEY")])
    assert (started.snapshot, started.due) == ("2026-11-24T0500-0a1b2c3d", "2026-11-24T05:00Z")
    assert (success.run_id, success.contacts) == (RUN, 8)
    assert store.events(RUN) == [{"at": "20261124T050312.123456", "kind": "queued", "text": "By event."}]
    assert seconds_per_contact(pace.rows) == 0.001
    assert pace.shortest_wait_seconds() >= 0
    assert [entry.target for entry in read_audit(flow.app, ADMINISTRATOR)[0]] == ["gold"]


def test_names_of_filled_attributes_without_counts_are_read_as_one_value_each(flow):
    success = {
        "run_id": RUN,
        "contacts": 8,
        "finished_at": "2026-11-24T05:04:00+00:00",
        "filled": '["CITY","SMS"]',
        FORM: 1,
    }
    put(flow.app, [{"table": "runs", "partition": "gold", "key": "success", "values": success}])
    assert flow.app.store.success("gold").filled == {"CITY": 1, "SMS": 1}


@pytest.mark.parametrize("entry", STORED["messages"], ids=lambda entry: entry["queue"])
def test_message_of_the_file_is_read_and_sent_as_it_stands(flow, entry):
    if entry["queue"] == "run-steps":
        message = parse_message(entry["text"])
        assert differs_from_default(message) == ""
        send(flow.app, message)
        sent = json.loads(flow.app.storage.queue.receive(60).text)
        assert {**sent, "trace": message.trace} == json.loads(entry["text"])
        return
    message = parse_notice(entry["text"])
    assert message.run == RUN
    enqueue(flow.app, message)
    assert json.loads(flow.app.storage.notice_queue.receive(60).text) == json.loads(entry["text"])


def test_every_field_of_a_notice_s_message_is_in_the_file():
    assert differs_from_default(parse_notice(STORED["messages"][-1]["text"])) == ""


def test_what_has_no_number_is_of_form_1():
    assert without_form("runs", "active", {"run_id": RUN}) == {"run_id": RUN}
    assert parse_message(json.dumps({"run": RUN, "step": "stage"})) == Message(RUN, "stage")
    assert parse_notice(json.dumps({"run": RUN})) == NoticeMessage(RUN)


# Another release's


@pytest.mark.parametrize("number", [0, 4, "2", None])
@pytest.mark.parametrize("table", [name for name in FORMS if "/" not in name])
def test_row_of_another_form_is_never_read(table, number):
    with pytest.raises(OtherFormError):
        without_form(table, "x", {**with_form(table, "x", {}), FORM: number or 17})


@pytest.mark.parametrize("parse", [parse_message, parse_notice])
@pytest.mark.parametrize("text", ['{"form": 2, "kind": "of another shape"}', '{"form": 0}'])
def test_message_of_another_form_is_told_from_one_that_is_not_ours(parse, text):
    with pytest.raises(OtherFormError):
        parse(text)


@pytest.mark.parametrize("text", ["", "[]", '{"form": true}', '{"form": "2"}', "[" * 100_000])
@pytest.mark.parametrize("parse", [parse_message, parse_notice])
def test_what_is_no_message_has_no_form(parse, text):
    with pytest.raises(PermanentError):
        parse(text)


@pytest.mark.parametrize("take", [take_step, abandon])
def test_message_of_another_form_is_kept_as_it_is(flow, take, caplog):
    text = '{"form": 2, "run": {"id": "gold"}, "secret": "not-to-be-logged"}'
    take(flow.app, text.encode())
    [kept] = flow.app.storage.queue._messages
    assert kept.text == text
    assert kept.visible_at > flow.app.now() + 200
    assert "message kept" in caplog.text
    assert "not-to-be-logged" not in caplog.text


@pytest.mark.parametrize("take", [take_notice, abandon_notice])
def test_notice_s_message_of_another_form_is_kept_as_it_is(flow, take):
    text = '{"form": 2, "run": {"id": "gold"}}'
    take(flow.app, text)
    assert [kept.text for kept in flow.app.storage.notice_queue._messages] == [text]


@pytest.mark.parametrize("step", thinned(["stage", "deliver", "confirm", "watch"], 3))
@pytest.mark.parametrize("take", [take_step, abandon])
def test_run_of_a_newer_form_is_not_changed_and_its_message_is_kept(flow, take, step):
    flow.segment("CustomerId,EMail,FirstName\n1,ana@example.com,Ana\n")
    run_id = flow.start().run_id
    flow.app.storage.queue._messages.clear()
    rewrite(flow.app, "runs", lambda partition, key: key.startswith("run-"))
    before = dict(flow.app.storage.runs._rows)
    text = json.dumps({"run": run_id, "step": step, "batch": 1, "form": 1})
    take(flow.app, text)
    sweep(flow.app)
    assert dict(flow.app.storage.runs._rows) == before
    assert [kept.text for kept in flow.app.storage.queue._messages] == [text]
    # The release that wrote it comes back: the run goes on where it was.
    rewrite(flow.app, "runs", lambda partition, key: True, number=1)
    send(flow.app, Message(run_id, "stage"))
    assert flow.finish(run_id)["status"] == "succeeded"


@pytest.mark.parametrize("table", ["batches", "accounts"])
def test_run_waits_where_its_batches_or_its_account_s_rows_are_of_a_newer_form(flow, table):
    flow.segment("CustomerId,EMail,FirstName\n1,ana@example.com,Ana\n")
    run_id = flow.start().run_id
    if table == "batches":
        take_step(flow.app, json.dumps({"run": run_id, "step": "stage"}))
    else:
        for kind in ("contacts", "other"):
            flow.app.pace(flow.account).take(kind)
    rewrite(flow.app, table, lambda *_: True, number=4)
    for _ in range(8):  # hours more than a step that only fails may be tried for
        flow.app.storage.clock.skip(3600)
        waiting = len(flow.app.storage.queue._messages)
        while waiting and (received := flow.app.storage.queue.receive(60)):
            take_step(flow.app, received.text)
            flow.app.storage.queue.delete(received)
            waiting -= 1
    assert not flow.app.store.load(run_id).is_final
    assert flow.nothing_was_sent()
    assert f"A row of the table {table} has the form 4" in other_forms(flow.app, [flow.export_id])[1]
    rewrite(flow.app, table, lambda *_: True, number=1)
    flow.app.storage.clock.skip(400)
    assert flow.finish(run_id, seconds=60)["status"] == "succeeded"


def test_one_export_s_rows_of_a_newer_form_stop_no_other_export(flow):
    flow.change(schedule="with_refresh")
    flow.segment("CustomerId,EMail,FirstName\n1,ana@example.com,Ana\n")
    other = flow.add_export("two")
    flow.app.store.note_snapshot(flow.export_id, "2026-11-24T0400-00000000")
    rewrite(flow.app, "runs", lambda partition, key: partition == flow.export_id)
    first, second = start_due(flow.app)
    assert (first.run_id, "another release" in first.reason or "form 4" in first.reason) == ("", True)
    assert (second.export, second.is_new) == (other, True)
    assert flow.finish(second.run_id)["status"] == "succeeded"


def test_list_of_runs_and_prune_leave_a_run_of_a_newer_form_alone(flow):
    old = "gold-20240101T000000-a1b2c3"
    values = {**stored("runs", "run-").values, "run_id": old, "export": "gold"}
    row = run_row(run_of(Row("gold", "x", values)))
    newer = as_form({"table": "runs", "partition": row.partition, "key": row.key, "values": dict(row.values)}, 4)
    put(flow.app, [newer])
    assert list(flow.app.store.latest("gold")) == []
    prune(flow.app, ADMINISTRATOR, 1)
    assert flow.app.storage.runs._rows[row.partition, row.key][0] == newer["values"]


def test_replay_leaves_a_message_of_another_form(flow):
    poison = flow.app.storage.poison
    poison.send(base64.b64encode(b'{"form": 2}').decode())
    for act in (look, replay):
        [seen] = act(flow.app, ADMINISTRATOR, drop_unreadable=True).messages
        assert (seen.fate, "Another release" in seen.why) == ("leave", True)


def test_doctor_tells_rows_and_messages_of_another_form(flow):
    assert other_forms(flow.app, [flow.export_id])[:2] == ("ok", "None.")
    flow.segment("CustomerId,EMail,FirstName\n1,ana@example.com,Ana\n")
    flow.start()
    rewrite(flow.app, "runs", lambda partition, key: key.startswith("run-"))
    flow.app.storage.queue.send('{"form": 3}')
    state, told, fix = other_forms(flow.app, [flow.export_id])
    assert state == "warn"
    assert "table runs has the form 4" in told
    assert "A message of a run has the form 3" in told
    assert fix.startswith("Deploy the release")
