"""Who left a list is asked of Brevo before a run sends anything there, so that nobody is put back; and who is excluded.

A row of the table `accounts` holds the last question of each account and list (`left-<list>`, and `members-<list>` of
an excluded one), and a blob the answer: keyed digests, no addresses. The question is noted once Brevo has taken it, so
nothing waits for a worker that dies: the next one asks again. An answer serves every run that was there when it was
asked; anyone who leaves, or comes to the excluded list, later may be put back, or sent, by the run.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from shared.app import App
from shared.app_secret import Purpose, derived_key
from shared.brevo.checks import check_excluded_list, check_list
from shared.brevo.client import BrevoClient
from shared.brevo.contact_export import ExportedContact, Who, look_up_export, read_export, request_export
from shared.brevo.list_members import list_members
from shared.brevo.polling import OpenImport, next_poll_seconds
from shared.config.document import ReadyExport
from shared.errors import ConfigurationError, PermanentError, TransientError
from shared.mapping.leavers import DigestKey
from shared.runs.graces import lies_ahead
from shared.runs.state import Run
from shared.staging.completeness import Wait
from shared.storage.overlapping import overlapping
from shared.storage.tables import Row
from shared.sync.members import member_line

LEAVERS = "leavers"
_ROWS: dict[Purpose, str] = {"leavers": "left-", "excluded": "members-", "ledger": "list-"}
_LEFT_ROW = "back-"
# An answer that came earlier is not used again: the shorter, the fewer are put back who left meanwhile.
SERVES_SECONDS = 3600.0
# Two clocks differ by less. A run that was queued within it before the question may have come later.
_CLOCKS_DIFFER_SECONDS = 2.0
_MOST_RUNS = 20
_MOST_FAILURES = 3
# An export found done at its first look may have been done long before.
_SHRINK = 0.85
_REFUSALS = frozenset(("brevo_forbidden", "brevo_refused", "brevo_not_found"))


@dataclass(frozen=True, slots=True)
class Question:
    """The last question of a list. Times are POSIX seconds, 0 for never.

    `runs` are those that it was asked for. `failed` is how often Brevo has failed to answer them before this process.
    `leavers` is how many the answer has; `kept` the process whose blob is to be deleted; `seconds` how long an answer
    takes, 0 where that is not known. `ready_at` is when Brevo was seen to have the answer, which others of the run were
    still waited for. `key_id` tells by which key the answer's digests were made: by another one, nobody
    would be found in them.
    """

    asked_at: float = 0.0
    process_id: int = 0
    runs: tuple[str, ...] = ()
    failed: int = 0
    answered_at: float = 0.0
    leavers: int = 0
    kept: int = 0
    seconds: float = 0.0
    key_id: str = ""
    ready_at: float = 0.0

    @classmethod
    def of(cls, row: Row | None) -> Self:
        """The question that the row holds."""
        known = {name: row.values[name] for name in cls.__slots__ if name in row.values} if row else {}
        return cls(**known | {"runs": tuple(json.loads(known.get("runs", "[]")))})

    def values(self) -> Mapping[str, Any]:
        """What the row holds of it."""
        return asdict(self) | {"runs": json.dumps(self.runs)}

    def serves(self, run: Run, now: float) -> bool:
        """True where its answer holds, or will hold, everybody who had left when the run was queued, or approved."""
        since = run.answers_count_from.timestamp()
        # What was asked for the run itself came later, unless the run was approved since.
        is_its_own = run.run_id in self.runs and (not run.is_approved or self.asked_at >= since)
        if not is_its_own and self.asked_at < since + _CLOCKS_DIFFER_SECONDS:
            return False
        if self.answered_at:
            return lies_ahead(self.answered_at + SERVES_SECONDS, now, SERVES_SECONDS + _CLOCKS_DIFFER_SECONDS)
        return 0 < self.asked_at <= now + _CLOCKS_DIFFER_SECONDS

    def asked_again(self, at: float, process_id: int, run: Run, *, has_failed: bool) -> Self | None:
        """A newer question, which serves whom this one serves too. None where this one is the newer one."""
        if self.asked_at >= at:
            return None
        goes_on = has_failed or not self.answered_at
        runs = tuple(each for each in self.runs if goes_on and each != run.run_id)
        return replace(
            self,
            asked_at=at,
            process_id=process_id,
            runs=(*runs, run.run_id)[-_MOST_RUNS:],
            failed=self.failed + 1 if has_failed else 0,
            answered_at=0.0,
            leavers=0,
            key_id="",
            ready_at=0.0,
            kept=self.process_id if self.leavers else self.kept,
        )

    def answered(self, process_id: int, leavers: int, now: float, key_id: str) -> Self | None:
        """Its answer has come. None where that was another question's."""
        if self.process_id != process_id or self.answered_at:
            return None
        took = max(now - self.asked_at, 0.1)
        seconds = took if not self.seconds or took > self.seconds * 1.2 else self.seconds * _SHRINK
        return replace(self, answered_at=now, leavers=leavers, kept=0, seconds=seconds, key_id=key_id)

    def is_by_another_key(self, key: DigestKey) -> bool:
        """True where it was answered, and APP_SECRET has changed since. Rows of an earlier release do not say."""
        return bool(self.answered_at and self.key_id) and self.key_id != key.id

    def expected_in(self, now: float) -> float:
        """Seconds until its answer should be there."""
        return self.asked_at + next_poll_seconds(self._known, [OpenImport(0, 1)], not_before=0, call_back=False) - now

    def next_look_in(self, now: float, not_before: float) -> float:
        """Seconds until the next look at a process that is still open."""
        look = [OpenImport(now - self.asked_at, 1)]
        return next_poll_seconds(self._known, look, not_before=not_before, call_back=False)

    @property
    def _known(self) -> float | None:
        return self.seconds or None


@dataclass(frozen=True, slots=True)
class Subject:
    """Of whom Brevo is asked: who left a list, or who is in it, blocked or not.

    Its members are asked for two purposes: they are `excluded` from another list, or compared with its `ledger`. With
    `has_left` those who left are asked for the ledger's purpose, with their numbers.
    """

    list_id: int
    purpose: Purpose = "leavers"
    has_left: bool = False

    @property
    def who(self) -> Who:
        """Of whom an export is asked."""
        return "unsubscribedPerList" if self.purpose == "leavers" or self.has_left else "allContacts"

    @property
    def row_key(self) -> str:
        """The row of its question."""
        return f"{_LEFT_ROW if self.has_left else _ROWS[self.purpose]}{self.list_id}"

    @property
    def key(self) -> DigestKey:
        """The key of its answer's digests. Raises ConfigurationError: what is wrong with APP_SECRET."""
        return digest_key(self.purpose)

    @property
    def words(self) -> str:
        """What is asked, in words."""
        return f"who {'left' if self.who == 'unsubscribedPerList' else 'is in'} list {self.list_id}"

    def line(self, contact: ExportedContact, key: DigestKey) -> str:
        """What is kept of a contact of the answer: a digest, or of the list as it is its key and number; else empty."""
        if self.purpose == "ledger":
            return member_line(key, contact.email, contact.number)
        return f"{key.digest(contact.email)}\n" if contact.email else ""


def digest_key(purpose: Purpose) -> DigestKey:
    """The key of digests that are kept for this purpose. Raises as `app_secret` does."""
    return DigestKey.of(derived_key(purpose))


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


def ask(app: App, run: Run, ready: ReadyExport, brevo: BrevoClient, subject: Subject) -> Answer | Wait:
    """The answer, or how long to wait for it.

    Raises ConfigurationError: `leavers_unknown` or `exclude_unknown` where Brevo does not answer this, and what is
    wrong with APP_SECRET.
    """
    key = subject.key
    question = Question.of(app.storage.accounts.get(run.key_setting, subject.row_key))
    if not question.serves(run, app.now()) or question.is_by_another_key(key):
        return _ask(app, run, ready, brevo, subject, has_failed=False)
    if question.answered_at or question.ready_at:
        return Answer(question, subject, key)
    if (early := question.expected_in(app.now())) > 0:
        return _wait(ready, subject, question, early)
    process = look_up_export(brevo.session, question.process_id)
    if process.url:
        return Answer(question, subject, key, process.url)
    if process.state == "open":
        return _wait_longer(app, run, ready, subject, question)
    if question.failed + 1 >= _MOST_FAILURES:
        raise _unknown(subject, f"its export has failed {_MOST_FAILURES} times")
    return _ask(app, run, ready, brevo, subject, has_failed=True)


def _ask(
    app: App, run: Run, ready: ReadyExport, brevo: BrevoClient, subject: Subject, *, has_failed: bool
) -> Answer | Wait:
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
        if subject.purpose == "ledger" and not subject.has_left:
            return Answer(Question(), subject, subject.key, by_pages=True)
        raise _unknown(subject, error.message) from None
    new = Question()

    def change(row: Row | None) -> Mapping[str, Any] | None:
        nonlocal new
        before = Question.of(row)
        asked = before.asked_again(asked_at, process_id, run, has_failed=has_failed)
        new = asked or before
        return asked.values() if asked else None

    app.storage.accounts.change(run.key_setting, subject.row_key, change)
    return _wait(ready, subject, new, max(new.expected_in(app.now()), 0.0))


def _wait_longer(app: App, run: Run, ready: ReadyExport, subject: Subject, question: Question) -> Wait:
    hours = ready.connection.import_deadline_hours
    if app.now() - question.asked_at > hours * 3600:
        raise _unknown(subject, f"its export has not ended within {hours:g} h (import_deadline_hours)")
    not_before = app.pace(run.key_setting).shortest_wait_seconds()
    return _wait(ready, subject, question, question.next_look_in(app.now(), not_before))


def _wait(ready: ReadyExport, subject: Subject, question: Question, seconds: float) -> Wait:
    until = question.asked_at + ready.connection.import_deadline_hours * 3600
    return Wait(seconds, f"Brevo writes down {subject.words} (process {question.process_id}).", until)


def _unknown(subject: Subject, reason: str) -> ConfigurationError:
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
            'Run the export again later, or set "sync_mode": "changes_only" in the export, which removes nobody.',
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
) -> Path | None:
    """The digests of the answer, in a file in the folder; None where it names nobody. `between` is called now and then.

    Raises TransientError where the answer is gone or cannot be fetched now, PermanentError where it is not the table
    that it should be.
    """
    path = folder / answer.subject.row_key
    if answer.by_pages:
        return _read_pages(brevo, answer, path, between)
    if answer.url:
        count = _fetch(app, run, brevo, answer, path, between)
    else:
        count = answer.question.leavers
        if count:
            _copy(app, run, answer, path)
    return path if count else None


def _fetch(app: App, run: Run, brevo: BrevoClient, answer: Answer, path: Path, between: Callable[[], None]) -> int:
    count = 0
    with path.open("w", encoding="ascii") as file:
        for contact in read_export(answer.url, brevo.session.base_url, between):
            if line := answer.subject.line(contact, answer.key):
                file.write(line)
                count += 1
    process_id = answer.question.process_id
    if count:
        with path.open("rb") as written:
            app.storage.app_blobs.write(LEAVERS, _blob(run.key_setting, answer.subject, process_id), written)
    old = 0

    def change(row: Row | None) -> Mapping[str, Any] | None:
        nonlocal old
        question = Question.of(row)
        answered, old = question.answered(process_id, count, app.now(), answer.key.id), question.kept
        return answered.values() if answered else None

    if app.storage.accounts.take(run.key_setting, answer.subject.row_key, change) and old:
        app.storage.app_blobs.delete(LEAVERS, _blob(run.key_setting, answer.subject, old))
    return count


def _read_pages(brevo: BrevoClient, answer: Answer, path: Path, between: Callable[[], None]) -> Path | None:
    with path.open("w", encoding="ascii") as file:
        for contact in list_members(brevo.session, answer.subject.list_id, between):
            file.write(answer.subject.line(contact, answer.key))
    return path if path.stat().st_size else None


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


def has_changed_secret(app: App) -> bool:
    """Whether some answer was noted by another APP_SECRET than that of this process. Raises as `app_secret` does."""
    keys = {prefix: digest_key(purpose) for purpose, prefix in _ROWS.items()}
    return any(
        row.key.startswith(prefix) and Question.of(row).is_by_another_key(key)
        for row in app.storage.accounts.rows()
        for prefix, key in keys.items()
    )


def has_left(app: App, ready: ReadyExport, address: str) -> bool | None:
    """Whether the address is in Brevo's last answer on the export's list; None where there is no answer to read.

    Raises ConfigurationError for what is wrong with APP_SECRET, and as storage does.
    """
    subject = Subject(ready.export.list_id)
    key = subject.key
    question = Question.of(app.storage.accounts.get(ready.key_setting, subject.row_key))
    if not question.answered_at or question.is_by_another_key(key):
        return None
    name = _blob(ready.key_setting, subject, question.process_id)
    found = app.storage.app_blobs.listing_if_there(LEAVERS, name) if question.leavers else []
    if not found:
        return None if question.leavers else False
    digest = key.digest(address).encode()
    chunks = app.storage.app_blobs.chunks(LEAVERS, name, found[0].etag)
    return any(digest in data for data in overlapping(chunks, len(digest)))


def _blob(key_setting: str, subject: Subject, process_id: int) -> str:
    return f"{key_setting}/{subject.list_id}/{process_id}.txt"
