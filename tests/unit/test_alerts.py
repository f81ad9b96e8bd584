"""Each alert: its query reads what the app logs, its rule fills the query in, and the operator's guide explains it.

Bicep and KQL are read by their layout here; `make infra-check` parses the Bicep.
"""

import ast
import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from shared.errors import TransientError
from shared.runs.counts import Counts
from shared.runs.guards import PLAN
from shared.runs.measuring import ended_line
from shared.runs.problem import NOTHING_TO_DO, Problem
from shared.runs.queue import Message, waits_line
from shared.runs.state import SUCCEEDED, Run
from shared.runs.tries import Started, Tries
from shared.runs.why_not_running import why_due_time_is_not_run_again
from tests.unit.code_and_bicep import INFRA, ROOT, bicep, constant, nodes, parameters


def pattern_of(query: str, number: int = 0) -> re.Pattern[str]:
    """The query's first `parse ... with`, or another one by its number, as a regular expression."""
    parts = re.findall(r"\| parse Message with (.+)", query)[number]
    found = ""
    for literal, name, kind in re.findall(r'"([^"]*)"|(\w+)(:long)?|\*', parts):
        found += re.escape(literal) if literal else f"(?P<{name}>{r'\d+' if kind else '.*?'})" if name else ".*"
    return re.compile(f"^{found}$")


def calls(name: str) -> list[ast.Call]:
    return [
        call
        for call in nodes(ast.Call)
        if name == (call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", ""))
        and (call.args or call.keywords)
    ]


def rules() -> dict[str, str]:
    """The text of each rule in alerts.bicep, by its name."""
    return dict(re.findall(r"^  \{\n    name: '([\w-]+)'\n(.*?)^  \}$", bicep("app/alerts.bicep"), re.M | re.S))


RUN = Run(
    run_id="high-value-20261124T050000-abcdef",
    export="high-value",
    key_setting="BREVO_API_KEY",
    list_id=12,
    trigger="timer",
    started_by="timer",
    state="failed",
    counts=Counts(
        rows_read=10,
        rows_rejected={"invalid_email": 2, "missing_email": 1},
        contacts_delivered=7,
        contacts_confirmed=6,
        contacts_rejected_by_brevo={"brevo_other": 1},
    ),
    error=Problem("list_missing", "Brevo has no list 12.", ""),
)


@pytest.mark.parametrize("name", ["run-failed", "no-success", "rejected-share"])
def test_query_reads_the_line_that_a_run_ends_with(name):
    found = pattern_of(bicep(f"queries/{name}.kql")).match(ended_line(RUN))
    assert found
    assert (found["Run"], found["Export"], found["State"]) == (RUN.run_id, "high-value", "failed")
    if name == "run-failed":
        assert found["Code"] == "list_missing"
    if name == "rejected-share":
        assert (found["RowsRead"], found["RowsRejected"], found["RejectedByBrevo"]) == ("10", "3", "1")


def test_query_for_failed_runs_reads_the_line_of_one_that_a_guard_holds_too():
    query = bicep("queries/run-failed.kql")
    line = ended_line(replace(RUN, state="held", error=None, held_for=Problem("guard_max_shrink", "It shrank.", "")))
    found = pattern_of(query).match(line)
    assert line.startswith(tuple(re.findall(r'startswith "(run [^"]+)"', query)))
    assert (found["State"], found["Code"], found["Run"]) == ("held", "guard_max_shrink", RUN.run_id)
    assert 'State == "held" and Code startswith "guard_"' in query


@pytest.mark.full
def test_query_for_exports_without_success_reads_the_line_of_each_turn_of_the_timer():
    query = bicep("queries/no-success.kql")
    lines = [constant(call.args[0]) for call in calls("info") if (constant(call.args[0]) or "").startswith("export ")]
    assert lines
    for line in lines:
        found = pattern_of(query, 1).match(line % ("high-value", "There is no new snapshot."))
        assert (found["Export"], found["Result"]) == ("high-value", "There is no new snapshot.")


def counts_as_turn(result):
    """What the query says of a line's result: whether the export was to run then."""
    query = bicep("queries/no-success.kql")
    begins, holds = (re.findall(rf'Result {how} "(.+?)"', query) for how in ("!startswith", "!contains"))
    return not result.startswith(tuple(begins)) and not any(words in result for words in holds)


@pytest.mark.parametrize("due", [datetime(2026, 11, 30, 5, 30, tzinfo=UTC), None])
@pytest.mark.parametrize("last", [None, "undo", "cancelled", "failed"])
def test_export_that_was_not_due_in_all_that_time_is_not_late(due, last):
    """Such as a weekly one, whatever has become of its last run; that has an alert of its own, where it has failed."""
    kind = "undo" if last == "undo" else "export"
    run = replace(RUN, kind=kind, state="succeeded" if last == "undo" else last or "succeeded", undo_of=RUN.run_id)
    app = SimpleNamespace(now=lambda: 0.0, store=SimpleNamespace(load=lambda run_id: run))
    started = Started(unsent=run.run_id if last else "")
    assert not counts_as_turn(why_due_time_is_not_run_again(app, "weekly", started, due).text)


def test_time_without_success_counts_from_the_first_turn_at_which_the_export_was_due():
    """A weekly export is due and has no success in a week: it is late a day later, not while its run works."""
    lines = [line for line in bicep("queries/no-success.kql").split("\n") if not line.startswith("//")]
    steps = [step.strip() for step in "\n".join(lines).split("\n|")]
    (since,) = [number for number, step in enumerate(steps) if step.startswith("summarize Since = min(TimeGenerated)")]
    before = steps[:since]
    assert any(step.startswith("where Result !startswith") for step in before)
    assert "where isnull(Last) or TimeGenerated > Last" in before
    assert steps[since + 1].startswith("where Since < ago({hours}h)")


def test_export_that_the_timer_looks_at_no_more_is_not_late():
    """Its schedule was switched off, or it was removed; and where the day's logs are full, nobody can say."""
    query = bicep("queries/no-success.kql")
    assert "let scheduled = turns\n| where TimeGenerated > ago({minutes}m)\n| distinct Export;" in query
    assert "\nturns\n| where Export in (scheduled)\n" in query


def test_export_that_is_due_is_late_until_it_succeeds():
    app = SimpleNamespace(now=lambda: 0.0, store=SimpleNamespace(load=lambda run_id: RUN))
    started = Started(unsent=RUN.run_id, due_tries=Tries(failed=1, again_at=900.0, is_open=True))
    assert counts_as_turn(why_due_time_is_not_run_again(app, "daily", started, None).text)
    assert counts_as_turn(RUN.run_id)


@pytest.mark.parametrize(("held_for", "counts"), [(PLAN, False), (Problem("guard_max_shrink", "It shrank.", ""), True)])
def test_export_whose_run_is_held_is_late_where_a_guard_holds_it(held_for, counts):
    """A plan waits for the person who has asked for it: that of a weekly export wakes nobody."""
    held = replace(RUN, state="held", error=None, held_for=held_for, held_until=1.0)
    app = SimpleNamespace(now=lambda: 0.0, store=SimpleNamespace(load=lambda run_id: held))
    started = Started(unsent=held.run_id)
    assert counts_as_turn(why_due_time_is_not_run_again(app, "weekly", started, None).text) is counts


def test_export_whose_plan_has_found_nothing_to_do_is_not_late():
    """Its list is as its segment, and no trigger starts that snapshot any more: no other run would say so."""
    plan = replace(RUN, kind="plan", state="skipped", error=NOTHING_TO_DO)
    query = bicep("queries/no-success.kql")
    assert pattern_of(query).match(ended_line(plan))["Code"] == "nothing_to_do"
    assert re.search(r'where State in \(.+\) or Code == "nothing_to_do"\n\| summarize Last', query)


def test_schedule_that_has_not_been_due_yet_is_not_late():
    """Or each weekly export would be late a day after it was made: its first line says that its schedule is new."""
    (by_cron,) = [node for node in nodes(ast.FunctionDef) if node.name == "_start_by_cron"]
    words = [word.value for word in ast.walk(by_cron) if isinstance(word, ast.keyword) and word.arg == "reason"]
    reasons = [text for value in words if (text := constant(value))]
    assert len(reasons) == 2
    assert not any(map(counts_as_turn, reasons))


def test_only_a_turn_of_a_trigger_writes_a_line_that_counts_as_one():
    """The query counts every line that begins so: an error's would be a turn of an export that has none, or no name."""
    begins = re.findall(r'Message startswith "(export .*?)"', bicep("queries/no-success.kql"))
    assert begins == ["export "]
    found = {
        (level, constant(call.args[0]))
        for level in ("debug", "info", "warning", "error", "exception", "log")
        for call in calls(level)
        if (constant(call.args[0]) or "").startswith(begins[0])
    }
    assert found == {("info", "export %s: %s")}


def test_one_outage_that_stops_many_hosts_is_not_a_host_that_stops_again_and_again():
    """Each instance logs its stop at about the same time: forty of them are one row, inside the rule's window."""
    last_step = bicep("queries/host-stopped.kql").strip().split("\n| ")[-1]
    assert last_step.startswith("summarize TimeGenerated = max(TimeGenerated), ")
    assert last_step.endswith(" by Stretch = bin(TimeGenerated, 5m)")
    assert "threshold: 2" in rules()["host-stopped"]
    assert "window: 'PT30M'" in rules()["host-stopped"]


def test_query_for_rejected_rows_passes_over_runs_that_did_not_go_through():
    """The alert says that the run went through: one that a guard has stopped has an alert of its own."""
    states = re.findall(r"where State in \((.+)\)", bicep("queries/rejected-share.kql"))
    assert states == re.findall(r"where State in \((.+)\)", bicep("queries/no-success.kql"))
    assert [sorted(json.loads(f"[{words}]")) for words in states] == [sorted(SUCCEEDED)]


def test_query_for_a_stopped_timer_names_the_function_that_the_timer_calls():
    query = bicep("queries/timer-stopped.kql")
    functions = [
        node.name
        for node in nodes(ast.FunctionDef)
        for call in node.decorator_list
        if isinstance(call, ast.Call) and getattr(call.func, "attr", "") == "timer_trigger"
    ]
    assert re.findall(r'Name == "(\w+)"', query) == functions


def test_time_after_which_a_timer_counts_as_stopped_is_longer_than_the_pauses_of_its_schedule():
    schedule = parameters()["exportSchedule"].strip("'")
    (every_minutes,) = re.fullmatch(r"0 \*/(\d+) \* \* \* \*", schedule).groups()
    assert int(parameters()["alertTimerSilentMinutes"]) > 2 * int(every_minutes)


def test_each_blank_of_a_query_is_filled_in_by_its_rule():
    for name, text in rules().items():
        blanks = set(re.findall(r"\{(\w+)\}", bicep(f"queries/{name}.kql")))
        assert set(re.findall(r"'\{(\w+)\}'", text)) == blanks, name


def test_rule_for_what_is_absent_finds_its_row_inside_its_window():
    """A rule counts rows by TimeGenerated inside its window, which has ended when the query runs."""
    for name, text in rules().items():
        query = bicep(f"queries/{name}.kql")
        assert "now()" not in query, name
        made = re.findall(r"TimeGenerated = ago\((\d+)m\)", query)
        if made or "Turns == 0" in query:
            assert made == ["30"], name
            assert "window: 'PT1H'" in text, name
            assert "range: 'P2D'" in text, name


@pytest.mark.parametrize(("hours", "silent_minutes"), [(26, 60), (1, 60), (24, 1440), (6, 480), (48, 1440)])
def test_export_that_has_just_begun_to_have_turns_is_not_late(hours, silent_minutes):
    """The query allows for the pauses of the timer. Where they are as long as its hours, each export would be late."""
    given = re.search(r"'\{minutes\}', string\((.+)\)\)\n", rules()["no-success"])[1]
    names = {"min": min, "noSuccessHours": hours, "timerSilentMinutes": silent_minutes}
    allowed = eval(given, {"__builtins__": {}}, names)
    assert 0 < allowed <= hours * 60 / 2
    assert allowed == 60 or (hours, silent_minutes) != (26, 60)


def test_price_of_the_alerts_counts_each_rule():
    often = [re.search(r"frequency: '(\w+)'", text)[1] for text in rules().values()]
    words = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
    five, fifteen = often.count("PT5M"), often.count("PT15M")
    assert five + fifteen == len(often)
    readme = bicep("README.md")
    prices = f"{words[five - 1]} each 5 minutes $1.50, {words[fifteen - 1]} each 15 minutes $0.50"
    assert f"| alerts: {prices} | ${five * 1.5 + fifteen * 0.5:.2f} |" in readme
    assert f" {words[len(often) - 1]} alerts " in readme


def test_alert_on_an_export_says_which():
    for name, text in rules().items():
        by = re.search(r"splitBy: '(\w*)'", text)[1]
        query = bicep(f"queries/{name}.kql")
        assert by == ("Export" if re.search(r"project TimeGenerated.*\bExport\b", query) else ""), name


def test_alert_names_commands_by_what_its_message_has():
    """An alert's message has the names that it is split by. A run's id stands in the query's results alone."""
    for name, text in rules().items():
        description = re.search(r"description: '(.*)'\n", text)[1]
        assert "RUN" not in description, name
        assert ("EXPORT" not in description) or "splitBy: 'Export'" in text, name


def test_query_reads_the_line_of_a_step_that_waits_and_knows_both_words_for_throttling():
    query = bicep("queries/throttled.kql")
    line = waits_line(Message(RUN.run_id, "deliver"), TransientError("brevo_throttled", ""), 12.3)
    found = pattern_of(query).match(line)
    assert (found["Run"], found["Step"], found["Code"], found["Seconds"]) == (
        RUN.run_id,
        "deliver",
        "brevo_throttled",
        "12",
    )
    codes = {constant(call.args[0]) for call in nodes(ast.Call) if getattr(call.func, "id", "") == "TransientError"}
    assert set(re.findall(r'"(\w+)"', query.split("Code in")[1])) <= codes


def test_query_for_given_up_messages_names_the_functions_that_take_them():
    names = re.findall(r'"(\w+)"', bicep("queries/poison.kql"))
    poison = {
        node.name
        for node in nodes(ast.FunctionDef)
        for call in node.decorator_list
        if isinstance(call, ast.Call)
        and any((constant(word.value) or "").endswith("-poison") for word in call.keywords if word.arg == "queue_name")
    }
    assert set(names) == poison


def test_each_alert_has_its_query_and_its_chapter():
    used = set(re.findall(r"loadTextContent\('\.\./queries/([\w-]+)\.kql'\)", bicep("app/alerts.bicep")))
    assert used == {path.stem for path in (INFRA / "queries").glob("*.kql")}
    chapters = (ROOT / "docs/operate.md").read_text(encoding="utf-8")
    assert used <= set(re.findall(r"^### `([\w-]+)`", chapters, re.MULTILINE))


def test_traces_are_not_sampled_since_alerts_read_them():
    host = json.loads((ROOT / "host.json").read_text(encoding="utf-8"))
    assert "Trace" in host["logging"]["applicationInsights"]["samplingSettings"]["excludedTypes"].split(";")
