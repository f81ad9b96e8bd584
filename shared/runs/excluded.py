"""Whom a run leaves out though the segment has them: who left the list, and who is in an excluded segment or list."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from shared.app import App
from shared.app_secret import Purpose
from shared.brevo.client import BrevoClient
from shared.brevo.contact_export import look_up_export
from shared.config.document import ReadyExport
from shared.errors import ConfigurationError
from shared.mapping.excluded import Excluded
from shared.mapping.leavers import Leavers
from shared.runs.answers import Answer, Kept, ask, check_whole, gone, lacks_members, read_answer, write_kept
from shared.runs.kinds import COMPARES
from shared.runs.questions import Members, Question, Subject, digest_key
from shared.runs.state import Run
from shared.segments.snapshot import Snapshot
from shared.staging.completeness import Wait
from shared.staging.excluded import write_excluded
from shared.storage.tables import Row

# How many times more members than a list has by its own count are believed: blocked ones may not be counted there.
_MOST_TIMES = 10
_MOST_BESIDE = 1_000


@dataclass(frozen=True, slots=True)
class Answers:
    """What Brevo has answered: who left the list, where that was asked, and who is in the excluded lists.

    Of a trial `left` is also of its export's list. `own` is who is in the export's own list, where somebody may have to
    leave it.
    """

    left: list[Answer]
    members: list[Answer]
    own: Answer | None = None


def ask_whom_to_leave_out(app: App, run: Run, ready: ReadyExport, brevo: BrevoClient) -> Answers | Wait:
    """The answers, or how long to wait for them. Raises as `ask` does."""
    own_list = ready.export.list_id
    mirrors = (ready.export.mirrors and not run.is_trial) or run.kind in COMPARES
    left_of = _lists_left(app, run, ready)
    subjects = [Subject(list_id) for list_id in left_of]
    subjects += [Subject(own_list, "ledger")] if mirrors else []
    subjects += [Subject(list_id, "excluded") for list_id in ready.export.exclude.list_ids]
    found = ask_all(app, run, ready, brevo, subjects)
    if isinstance(found, Wait):
        return found
    left, others = found[: len(left_of)], found[len(left_of) :]
    own = others.pop(0) if mirrors else None
    return Answers(left, others, own)


def _lists_left(app: App, run: Run, ready: ReadyExport) -> list[int]:
    """The lists whose leavers are left out.

    Of a trial also its export's: who left that is not written to in another list. An import that puts back nobody would
    put them there all the same, so that the account's probe does not count.
    """
    lists = [ready.export.list_id] if ready.asks_who_left else []
    tried = app.ready_export(run.export) if run.is_trial else None
    return [*lists, tried.export.list_id] if tried and tried.asks_who_left else lists


def ask_all(app: App, run: Run, ready: ReadyExport, brevo: BrevoClient, subjects: list[Subject]) -> list[Answer] | Wait:
    """The answers, once all of them are there; until then the longest time to wait. Raises as `ask` does.

    However long one takes, each of the others is looked at twice.
    """
    found = [ask(app, run, ready, brevo, subject) for subject in subjects]
    answers = [each for each in found if isinstance(each, Answer)]
    waits = [each for each in found if isinstance(each, Wait)]
    if not waits:
        return [_looked_up(app, run, brevo, each) for each in answers]
    for each in answers:
        if each.url:
            _note_ready(app, run, each)
    return max(waits, key=lambda wait: wait.seconds)


def _note_ready(app: App, run: Run, answer: Answer) -> None:
    def change(row: Row | None) -> Mapping[str, Any] | None:
        question = Question.of(row)
        is_same = question.process_id == answer.question.process_id
        return replace(question, ready_at=answer.question.ready_at).values() if is_same else None

    app.storage.accounts.change(run.key_setting, answer.subject.row_key, change)


def _looked_up(app: App, run: Run, brevo: BrevoClient, answer: Answer) -> Answer:
    """The answer with its link, where Brevo has it. Raises TransientError where it is gone there."""
    if answer.url or answer.by_pages or answer.question.answered_at:
        return answer
    process = look_up_export(brevo.session, answer.question.process_id)
    if not process.url:
        raise gone(app, run, answer)
    return replace(answer, url=process.url)


def read_who_left(
    app: App, run: Run, brevo: BrevoClient, answers: Answers, folder: Path, between: Callable[[], None]
) -> Leavers | None:
    """Who left the lists, in files in the folder; None where nobody did. Raises as `read_answer` does."""
    kept = [read_answer(app, run, brevo, answer, folder, between) for answer in answers.left]
    paths = tuple(each.path for each in kept if each)
    return Leavers(paths, answers.left[0].key) if paths else None


def read_members(
    app: App, run: Run, brevo: BrevoClient, answers: Answers, folder: Path, between: Callable[[], None]
) -> Members | None:
    """Who is in the export's list, in a file in the folder; None where that was not asked. Raises as `read_answer`."""
    if answers.own is None:
        return None
    kept = read_answer(app, run, brevo, answers.own, folder, between)
    if kept is None:
        path = folder / "nobody"
        kept = Kept(path, write_kept(path, (), answers.own.subject.purpose, answers.own.key))
    _check_credible(brevo, answers.own.subject.list_id, kept.count)
    return Members(kept.path, answers.own.question.is_settled)


def _check_credible(brevo: BrevoClient, list_id: int, members: int) -> None:
    """Raises ConfigurationError where the list cannot have these members: nobody is to be removed by such an answer."""
    size = brevo.list_size(list_id)
    if lacks_members(size, members) or members > _MOST_TIMES * size + _MOST_BESIDE:
        raise ConfigurationError(
            "list_unknown",
            f"Brevo has written down {members:,} members of list {list_id}, which has {size:,} by its own count.",
            "Try again later. Where it stays so, ask Brevo's support.",
        )


def read_excluded(
    app: App,
    run: Run,
    ready: ReadyExport,
    brevo: BrevoClient,
    lists: list[Answer],
    segments: Snapshot | None,
    purpose: Purpose,
    folder: Path,
    between: Callable[[], None],
) -> tuple[tuple[Path, ...], str]:
    """Who is excluded, in files in the folder as `write_kept` writes them for the purpose; and what could not be read.

    `lists` are the answers on the excluded lists, `segments` is the snapshot of the excluded segments. An undo, which
    knows nobody's address, reads them for the ledger's purpose. Raises as `read_answer` and `write_excluded` do, and
    ConfigurationError where a list has more members than its answer names: the others would be sent.
    """
    paths, note = [_read_list(app, run, brevo, answer, folder, between) for answer in lists], ""
    if segments:
        path, write = folder / "excluded-segments", _writer(purpose)
        by_customer = purpose == "excluded" and ready.export.identify_by == "customer_id"
        note = write_excluded(app.storage.segment_blobs, ready, segments, path, write, between, by_customer=by_customer)
        paths.append(path)
    return tuple(path for path in paths if path), note


def read_disagreeing(
    app: App, ready: ReadyExport, segments: Snapshot, folder: Path, between: Callable[[], None]
) -> Path:
    """Whom `source.only` leaves out of the export's own segments, in a file in the folder, for the ledger's purpose.

    Somebody with a row that it lets pass is not among them. Raises as `write_excluded` does.
    """
    from shared.sync.members import write_others  # brings DuckDB

    path, everybody, agreed = folder / "disagreeing", folder / "everybody", folder / "agreed"
    blobs, write = app.storage.segment_blobs, _writer("ledger")
    write_excluded(blobs, ready, segments, everybody, write, between, are_own=True)
    write_excluded(blobs, ready, segments, agreed, write, between, are_own=True, only_agreed=True)
    write_others(path, everybody, agreed)
    return path


def _writer(purpose: Purpose) -> Callable[[Path, Iterable[str]], int]:
    """Writes what is kept for the purpose of people who are known by their addresses alone."""
    key = digest_key(purpose)
    return lambda path, addresses: write_kept(path, ((address, 0, False) for address in addresses), purpose, key)


def by_digests(paths: tuple[Path, ...]) -> Excluded | None:
    """Whom mapping leaves out by the digests in these files; None where there are none."""
    return Excluded(paths, digest_key("excluded")) if paths else None


def _read_list(
    app: App, run: Run, brevo: BrevoClient, answer: Answer, folder: Path, between: Callable[[], None]
) -> Path | None:
    """Who is in an excluded list, in a file in the folder; None where nobody is."""
    kept = read_answer(app, run, brevo, answer, folder, between)
    if answer.subject.purpose == "ledger":  # else it was checked when it came
        check_whole(brevo, answer.subject, kept.count if kept else 0)
    return kept.path if kept else None
