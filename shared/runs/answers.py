"""Brevo's answers on who left a list, so that nobody is put back, and on who is in it: asked for, read and kept.

A row of the table `accounts` holds the last question (questions.py), and a blob the answer: keyed digests, no
addresses, and of the list as it is the contacts' numbers. The question is noted once Brevo has taken it, so nothing
waits for a worker that dies: the next one asks again. An answer serves every run that was there when it was asked;
anyone who leaves, or comes to the excluded list, later may be put back, or sent, by the run.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from shared.app import App
from shared.app_secret import Purpose
from shared.brevo.answers import NotThere
from shared.brevo.checks import check_excluded_list, check_list
from shared.brevo.client import BrevoClient
from shared.brevo.contact_export import ExportedContact, look_up_export, read_export, request_export
from shared.brevo.list_members import list_members
from shared.config.document import ReadyExport
from shared.counting import counted
from shared.errors import ConfigurationError, PermanentError, TransientError
from shared.mapping.leavers import DigestKey, write_digests
from shared.runs.left_imports import none_may_come
from shared.runs.questions import Question, Subject, digest_key, purposes
from shared.runs.state import Run
from shared.staging.completeness import Wait
from shared.storage.overlapping import overlapping
from shared.storage.tables import Row

LEAVERS = "leavers"
_MOST_FAILURES = 3
_LAST_RUNS = 5
_MOST_TIMES_MISSING = 2
_MOST_MISSING = 100
_REFUSALS = frozenset(("brevo_forbidden", "brevo_refused", "brevo_not_found"))


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer that serves a run. `url`, a secret, is where Brevo has it; empty where it is a blob already.

    It is empty as well where the question says that Brevo has it: it is looked up once all answers are there. A list
    as it is can be read `by_pages` where Brevo refuses its export.
    """

    question: Question
    subject: Subject
    key: DigestKey
    url: str = field(default="", repr=False)
    by_pages: bool = False


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of an answer, in a file as `write_kept` writes it; `count` is how many people are in it."""

    path: Path
    count: int


class _NumberMissing(Exception):
    """Brevo's file does not have the numbers of the list's contacts."""


def ask(app: App, run: Run, ready: ReadyExport, brevo: BrevoClient, subject: Subject) -> Answer | Wait:
    """The answer, or how long to wait for it.

    Raises ConfigurationError: `leavers_unknown` or `exclude_unknown` where Brevo does not answer this, and what is
    wrong with APP_SECRET.
    """
    key = subject.key
    question = Question.of(app.storage.accounts.get(run.key_setting, subject.row_key))
    is_ours = question.is_of(brevo.session.key_mark) and not question.is_by_another_key(key)
    if not is_ours or not question.serves(run, app.now(), _asked_from(app, run, subject)):
        return _ask(app, run, ready, brevo, subject, has_failed=False)
    if question.answered_at or question.ready_at:
        return Answer(question, subject, key)
    if (early := question.expected_in(app.now())) > 0:
        return _wait(ready, subject, question, early)
    process = look_up_export(brevo.session, question.process_id)
    if process.url:
        return Answer(replace(question, ready_at=app.now()), subject, key, process.url)
    if process.state == "open":
        return _wait_longer(app, run, ready, subject, question)
    if question.failed + 1 >= _MOST_FAILURES:
        raise not_answered(subject, f"its export has failed {_MOST_FAILURES} times")
    return _ask(app, run, ready, brevo, subject, has_failed=True)


def _asked_from(app: App, run: Run, subject: Subject) -> float:
    """From when on a question serves the run: since it was queued, or approved.

    Of the list as it is, also since the end of the export's run before, which has changed it: a run's row may be
    written long after its start has begun.
    """
    since = run.answers_count_from.timestamp()
    if subject.purpose != "ledger":
        return since
    others = [each for each in app.store.latest(run.export, _LAST_RUNS) if each.is_final and each.run_id != run.run_id]
    return max([since, *(datetime.fromisoformat(each.times[each.state]).timestamp() for each in others)])


def _ask(
    app: App, run: Run, ready: ReadyExport, brevo: BrevoClient, subject: Subject, *, has_failed: bool
) -> Answer | Wait:
    is_settled = subject.needs_numbers and none_may_come(app, run.key_setting, subject.list_id)
    asked_at = app.now()
    try:
        process_id = request_export(brevo.session, subject.list_id, subject.who)
    except (ConfigurationError, PermanentError) as error:
        if error.code not in _REFUSALS:
            raise
        if subject.purpose == "excluded":
            check_excluded_list(brevo, subject.list_id)
        else:
            check_list(brevo, subject.list_id)
        if subject.needs_numbers:
            return Answer(Question(is_settled=is_settled), subject, subject.key, by_pages=True)
        raise not_answered(subject, error.message) from None
    new = Question()

    def change(row: Row | None) -> Mapping[str, Any] | None:
        nonlocal new
        before = Question.of(row)
        asked = before.asked_again(
            asked_at, process_id, run, has_failed=has_failed, is_settled=is_settled, key_mark=brevo.session.key_mark
        )
        new = asked or before
        return asked.values() if asked else None

    app.storage.accounts.change(run.key_setting, subject.row_key, change)
    return _wait(ready, subject, new, max(new.expected_in(app.now()), 0.0))


def _wait_longer(app: App, run: Run, ready: ReadyExport, subject: Subject, question: Question) -> Wait:
    hours = ready.connection.import_deadline_hours
    if app.now() - question.asked_at > hours * 3600:
        raise not_answered(subject, f"its export has not ended within {hours:g} h (import_deadline_hours)")
    not_before = app.pace(run.key_setting).shortest_wait_seconds()
    return _wait(ready, subject, question, question.next_look_in(app.now(), not_before))


def _wait(ready: ReadyExport, subject: Subject, question: Question, seconds: float) -> Wait:
    until = question.asked_at + ready.connection.import_deadline_hours * 3600
    return Wait(seconds, f"Brevo writes down {subject.words} (process {question.process_id}).", until)


def not_answered(subject: Subject, reason: str) -> ConfigurationError:
    """The error for a subject of which Brevo does not say who it is."""
    if subject.has_left:
        return ConfigurationError(
            "leavers_unknown",
            f"Brevo does not say who left list {subject.list_id}: {reason.rstrip('.')}.",
            "Let the account and its key export contacts: without this, an undo could put back who left.",
        )
    if subject.purpose == "ledger":
        return ConfigurationError(
            "list_unknown",
            f"Brevo does not say who is in list {subject.list_id}: {reason.rstrip('.')}.",
            'Try again later. For runs that remove nobody, set "sync_mode": "changes_only" in the export.',
        )
    if subject.purpose == "excluded":
        return ConfigurationError(
            "exclude_unknown",
            f"Brevo does not say who is in list {subject.list_id}, which is excluded: {reason.rstrip('.')}.",
            "Let the account and its key export contacts, or take the list out of exclude.list_ids in the export, "
            "which sends its members.",
        )
    return ConfigurationError(
        "leavers_unknown",
        f"Brevo does not say who left list {subject.list_id}: {reason.rstrip('.')}.",
        "Let the account and its key export contacts. To send without this, which may put back who left, set "
        '"put_back_leavers": true in the export or "leavers": "not_asked" in the connection.',
    )


def read_answer(
    app: App, run: Run, brevo: BrevoClient, answer: Answer, folder: Path, between: Callable[[], None]
) -> Kept | None:
    """What is kept of the answer, in a file in the folder; None where it names nobody. `between` is called at times.

    Raises TransientError where the answer is gone or cannot be fetched now, PermanentError where it is not the table
    that it should be.
    """
    path = folder / answer.subject.row_key
    if answer.by_pages:
        count = _read_pages(app, run, brevo, answer, path, between)
    elif answer.url:
        try:
            count = _fetch(app, run, brevo, answer, path, between)
        except _NumberMissing:
            count = _read_pages(app, run, brevo, answer, path, between)
    else:
        count = answer.question.leavers
        if count:
            _copy(app, run, answer, path)
    return Kept(path, count) if count else None


def _fetch(app: App, run: Run, brevo: BrevoClient, answer: Answer, path: Path, between: Callable[[], None]) -> int:
    members = 0

    def contacts() -> Iterator[ExportedContact]:
        nonlocal members
        for contact in read_export(answer.url, brevo.session.base_url, between):
            members += 1
            yield contact

    people = _people(contacts(), needs_numbers=answer.subject.needs_numbers)
    count = write_kept(path, people, answer.subject.purpose, answer.key)
    if answer.subject.purpose == "excluded":
        check_whole(brevo, answer.subject, members)
    process_id = answer.question.process_id
    if count:
        with path.open("rb") as written:
            app.storage.app_blobs.write(LEAVERS, _blob(run.key_setting, answer.subject, process_id), written)
    old = 0

    def change(row: Row | None) -> Mapping[str, Any] | None:
        nonlocal old
        question = Question.of(row)
        answered = question.answered(process_id, count, answer.question.ready_at, app.now(), answer.key.id)
        old = question.kept
        return answered.values() if answered else None

    if app.storage.accounts.take(run.key_setting, answer.subject.row_key, change) and old:
        app.storage.app_blobs.delete(LEAVERS, _blob(run.key_setting, answer.subject, old))
    return count


def check_whole(brevo: BrevoClient, excluded: Subject, members: int) -> None:
    """Raises ConfigurationError where the excluded list cannot have so few members, or is not there any more.

    An answer with more members than the list counts is believed: it sends fewer people, and a list of blocked ones may
    count 0.
    """
    try:
        size = brevo.list_size(excluded.list_id)
    except NotThere:
        check_excluded_list(brevo, excluded.list_id)
        raise
    if lacks_members(size, members):
        if members:
            raise not_answered(excluded, f"its export names {members:,} members, and the list counts {size:,}")
        raise not_answered(excluded, f"its export names nobody, and the list has {size:,} by its own count")


def lacks_members(size: int, members: int) -> bool:
    """Whether a list of this size by its own count, which may come late, has more members than these."""
    return bool(size and not members) or size > _MOST_TIMES_MISSING * members + _MOST_MISSING


def _read_pages(app: App, run: Run, brevo: BrevoClient, answer: Answer, path: Path, between: Callable[[], None]) -> int:
    """Reads the list as it is by its pages, which may show a member twice."""
    from shared.sync.members import write_members  # brings DuckDB

    before = brevo.session.traffic.requests
    contacts = list_members(brevo.session, answer.subject.list_id, between)
    count = write_members(path, _people(contacts, needs_numbers=False), answer.key)
    requests = brevo.session.traffic.requests - before
    text = f"Brevo writes down no list with its contacts' numbers, so its {count:,} members were read page by page: "
    app.store.add_event(run.run_id, "list_read", f"{text}{counted(requests, 'request')}.")
    return count


def write_kept(path: Path, people: Iterable[tuple[str, int, bool]], purpose: Purpose, key: DigestKey) -> int:
    """Writes what is kept of people for the purpose: digests, or for the ledger keys and numbers; how many.

    They are given by address, number at Brevo, and whether they are blocked.
    """
    if purpose == "ledger":
        from shared.sync.members import write_members  # brings DuckDB

        return write_members(path, people, key)
    return write_digests(path, (address for address, *_ in people), key)


def _people(contacts: Iterable[ExportedContact], *, needs_numbers: bool) -> Iterator[tuple[str, int, bool]]:
    """Raises _NumberMissing."""
    for address, number, blocked, _ in contacts:
        if needs_numbers and not number:
            raise _NumberMissing
        yield address, number, bool(blocked)


def _copy(app: App, run: Run, answer: Answer, path: Path) -> None:
    name = _blob(run.key_setting, answer.subject, answer.question.process_id)
    found = app.storage.app_blobs.listing_if_there(LEAVERS, name)
    if not found:
        raise gone(app, run, answer)
    with path.open("wb") as file:
        for chunk in app.storage.app_blobs.chunks(LEAVERS, name, found[0].etag):
            file.write(chunk)


def gone(app: App, run: Run, answer: Answer) -> TransientError:
    """The error for an answer that is no longer there; the next run asks again."""

    def change(row: Row | None) -> Mapping[str, Any] | None:
        question = Question.of(row)
        is_same = question.process_id == answer.question.process_id
        return Question(seconds=question.seconds).values() if is_same else None

    app.storage.accounts.change(run.key_setting, answer.subject.row_key, change)
    return TransientError("leavers_gone", f"The answer on {answer.subject.words} is gone.", "It is asked again.")


def newest_answer(app: App) -> tuple[Question, bool] | None:
    """The answer that a worker has noted last, and whether by another APP_SECRET than that of this process.

    None where there is none that says by which. What was noted before it says nothing of the secret that workers have
    now. Where all questions are asked again just now, their last answers count. Raises as `app_secret` does.
    """
    keys = {prefix: digest_key(purpose) for prefix, purpose in purposes().items()}
    answers = [
        (question, question.key_id != key.id)
        for row in app.storage.accounts.rows()
        for prefix, key in keys.items()
        if row.key.startswith(prefix) and (question := Question.of(row)).key_id
    ]
    return max(answers, key=lambda answer: (answer[0].answered_at, answer[0].asked_at), default=None)


def has_left(app: App, ready: ReadyExport, address: str, key_mark: str | None) -> bool | None:
    """Whether the address is in Brevo's last answer on the export's list; None where there is no answer to read.

    `key_mark` is that of the account's key; what another key was answered may be of another account. None where that
    does not matter. Raises ConfigurationError for what is wrong with APP_SECRET, and as storage does.
    """
    subject = Subject(ready.export.list_id)
    key = subject.key
    question = Question.of(app.storage.accounts.get(ready.key_setting, subject.row_key))
    is_of_another = key_mark is not None and not question.is_of(key_mark)
    if not question.answered_at or question.is_by_another_key(key) or is_of_another:
        return None
    name = _blob(ready.key_setting, subject, question.process_id)
    found = app.storage.app_blobs.listing_if_there(LEAVERS, name) if question.leavers else []
    if not found:
        return None if question.leavers else False
    digest = key.digest(address).encode()
    chunks = app.storage.app_blobs.chunks(LEAVERS, name, found[0].etag)
    return any(digest in data for data in overlapping(chunks, len(digest)))


def _blob(key_setting: str, subject: Subject, process_id: int) -> str:
    ending = "parquet" if subject.purpose == "ledger" else "txt"
    return f"{key_setting}/{subject.list_id}/{process_id}.{ending}"
