"""The doctor's checks of what takes long at Brevo: imports of open runs and of ended ones, and exports of contacts."""

from collections.abc import Container, Iterator

from shared.app import App
from shared.config.models import Document
from shared.operating.doctor.finding import Look
from shared.operating.doctor.rows import open_loaded
from shared.runs.left_imports import LeftImport, left_imports
from shared.runs.questions import Question, Subject, purposes
from shared.runs.state import SENDING, Run
from shared.times import duration, local_text

_SHOWN = 5
# Brevo imports a body in seconds to minutes; one that takes longer is mostly stuck.
_SLOW_SECONDS = 1800.0
# An import that was just posted may not be listed yet.
_SOON_SECONDS = 300.0


def slow_imports(app: App, document: Document) -> Look:
    """Imports that Brevo has worked on for longer than half an hour, or does not list, with their process numbers.

    Of ended runs also newer ones: they hold a slot that the next runs wait for.
    """
    runs = open_loaded(app)
    hours = {each.api_key.setting: each.import_deadline_hours for each in document.connections}
    found = [line for run in runs if run.state in SENDING for line in _of_open(app, run, hours.get(run.key_setting))]
    settings = dict.fromkeys([*hours, *(run.key_setting for run in runs)])
    left = [each for setting in settings for each in left_imports(app, setting)]
    if not found and not left:
        return "ok", "None takes long.", ""
    lines = [*found, *(_of_ended(each) for each in left)]
    more = f" And {len(lines) - _SHOWN:,} more." if len(lines) > _SHOWN else ""
    fix = "Nothing, if Brevo ends it in time. Else give the number of the process to Brevo's support"
    if left:
        # A person may know what Brevo does not say: the import is not in its list of imports.
        runs_left = dict.fromkeys(each.run for each in left)
        commands = ", ".join(f"`segment-export release {run} --yes`" for run in list(runs_left)[:_SHOWN])
        fix += f"; if the import is over at Brevo, or not there: {commands} lets the next runs go on"
    if found:
        fix += "; `segment-export cancel RUN` ends an open run, and the next one sends the whole segment again"
    return "warn", f"{' '.join(lines[:_SHOWN])}{more}", f"{fix}."


def _of_open(app: App, run: Run, hours: float | None) -> list[str]:
    lines = []
    for batch in app.store.batches(run):
        seconds = app.now() - batch.posted_at
        if batch.state != "delivered" or seconds <= (_SOON_SECONDS if batch.is_unlisted else _SLOW_SECONDS):
            continue
        until = f" until {local_text(batch.posted_at + hours * 3600)}" if hours else ""
        who = f"which {run.run_id} waits for{until}"
        if batch.is_unlisted:
            text = f"Brevo does not list the process {batch.process_id}, posted {duration(seconds)} ago, {who}."
        else:
            text = f"Brevo has worked for {duration(seconds)} on the process {batch.process_id}, {who}."
        lines.append(text)
    return lines


def _of_ended(left: LeftImport) -> str:
    posted, until = local_text(left.posted_at), local_text(left.until)
    return f"The next runs wait for {left.describe()}: posted at {posted}, at the latest until {until}."


def slow_answers(app: App, document: Document) -> Look:
    """Exports of contacts that open runs have waited for longer than half an hour, with their process numbers."""
    open_runs = dict(app.store.open_runs())
    settings = dict.fromkeys([each.api_key.setting for each in document.connections])
    lines = [line for setting in settings for line in _unanswered(app, setting, open_runs)]
    if not lines:
        return "ok", "None takes long.", ""
    fix = (
        "Nothing, if Brevo ends it in time. Where Brevo has forgotten the process: `segment-export cancel RUN`, and "
        "the next run asks again."
    )
    return "warn", " ".join(lines[:_SHOWN]), fix


def _unanswered(app: App, setting: str, open_runs: Container[str]) -> Iterator[str]:
    for prefix in purposes():
        for row in app.storage.accounts.query(setting, prefix, f"{prefix.removesuffix('-')}."):
            question = Question.of(row)
            seconds = app.now() - question.asked_at
            waits = [run for run in question.runs if run in open_runs]
            if waits and not question.answered_at and seconds > _SLOW_SECONDS:
                what = f"{Subject.of(row).words} (process {question.process_id})"
                yield f"Brevo has written down {what} for {duration(seconds)}, which {', '.join(waits)} waits for."
