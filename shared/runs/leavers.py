"""Who left a list is asked of Brevo before a run sends anything there, so that nobody is put back.

A row of the table `accounts` holds the last question of each account and list (`left-<list>`), and a blob the answer:
keyed digests, no addresses. The question is noted once Brevo has taken it, so nothing waits for a worker that dies: the
next one asks again. An answer serves every run that was there when it was asked; anyone who leaves later may be
put back by the run.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from shared.app import App
from shared.app_secret import derived_key
from shared.brevo.checks import check_list
from shared.brevo.client import BrevoClient
from shared.brevo.contact_export import look_up_export, read_export, request_export
from shared.brevo.polling import OpenImport, next_poll_seconds
from shared.config.document import ReadyExport
from shared.errors import ConfigurationError, PermanentError, TransientError
from shared.mapping.leavers import DIGEST_CHARACTERS, DigestKey, Leavers
from shared.runs.graces import lies_ahead
from shared.runs.state import Run
from shared.staging.completeness import Wait
from shared.storage.tables import Row

LEAVERS = "leavers"
_ROWS = "left-"
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
    takes, 0 where that is not known. `key_id` tells by which key the answer's digests were made: by another one, nobody
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

    @classmethod
    def of(cls, row: Row | None) -> Self:
        """The question that the row holds."""
        known = {name: row.values[name] for name in cls.__slots__ if name in row.values} if row else {}
        return cls(**known | {"runs": tuple(json.loads(known.get("runs", "[]")))})

    def values(self) -> Mapping[str, Any]:
        """What the row holds of it."""
        return asdict(self) | {"runs": json.dumps(self.runs)}

    def serves(self, run: Run, now: float) -> bool:
        """True where its answer holds, or will hold, everybody who had left when the run was queued."""
        queued_at = datetime.fromisoformat(run.times["queued"]).timestamp()
        if run.run_id not in self.runs and self.asked_at < queued_at + _CLOCKS_DIFFER_SECONDS:
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
class Answer:
    """The answer that serves a run. `url`, a secret, is where Brevo has it; empty where it is a blob already."""

    question: Question
    list_id: int
    key: DigestKey
    url: str = field(default="", repr=False)


def ask_who_left(app: App, run: Run, ready: ReadyExport, brevo: BrevoClient) -> Answer | Wait | None:
    """The answer, or how long to wait for it; None where nobody is to be left out.

    Raises ConfigurationError: `leavers_unknown` where Brevo does not answer this, and what is wrong with APP_SECRET.
    """
    if ready.connection.leavers == "not_asked" or ready.export.put_back_leavers:
        return None
    key = DigestKey.of(derived_key("leavers"))
    question = Question.of(app.storage.accounts.get(run.key_setting, _row_key(ready.export.list_id)))
    if not question.serves(run, app.now()) or question.is_by_another_key(key):
        return _ask(app, run, ready, brevo, has_failed=False)
    if question.answered_at:
        return Answer(question, ready.export.list_id, key)
    if (early := question.expected_in(app.now())) > 0:
        return _wait(ready, question, early)
    process = look_up_export(brevo.session, question.process_id)
    if process.url:
        return Answer(question, ready.export.list_id, key, process.url)
    if process.state == "open":
        return _wait_longer(app, run, ready, question)
    if question.failed + 1 >= _MOST_FAILURES:
        raise _unknown(ready, f"its export has failed {_MOST_FAILURES} times")
    return _ask(app, run, ready, brevo, has_failed=True)


def _ask(app: App, run: Run, ready: ReadyExport, brevo: BrevoClient, *, has_failed: bool) -> Wait:
    asked_at, list_id = app.now(), ready.export.list_id
    try:
        process_id = request_export(brevo.session, list_id, "unsubscribedPerList")
    except (ConfigurationError, PermanentError) as error:
        if error.code not in _REFUSALS:
            raise
        check_list(brevo, list_id)
        raise _unknown(ready, error.message) from None
    new = Question()

    def change(row: Row | None) -> Mapping[str, Any] | None:
        nonlocal new
        before = Question.of(row)
        asked = before.asked_again(asked_at, process_id, run, has_failed=has_failed)
        new = asked or before
        return asked.values() if asked else None

    app.storage.accounts.change(run.key_setting, _row_key(list_id), change)
    return _wait(ready, new, max(new.expected_in(app.now()), 0.0))


def _wait_longer(app: App, run: Run, ready: ReadyExport, question: Question) -> Wait:
    hours = ready.connection.import_deadline_hours
    if app.now() - question.asked_at > hours * 3600:
        raise _unknown(ready, f"its export has not ended within {hours:g} h (import_deadline_hours)")
    not_before = app.pace(run.key_setting).shortest_wait_seconds()
    return _wait(ready, question, question.next_look_in(app.now(), not_before))


def _wait(ready: ReadyExport, question: Question, seconds: float) -> Wait:
    until = question.asked_at + ready.connection.import_deadline_hours * 3600
    list_id = ready.export.list_id
    return Wait(seconds, f"Brevo writes down who left list {list_id} (process {question.process_id}).", until)


def _unknown(ready: ReadyExport, reason: str) -> ConfigurationError:
    return ConfigurationError(
        "leavers_unknown",
        f"Brevo does not say who left list {ready.export.list_id}: {reason.rstrip('.')}.",
        "Let the account and its key export contacts. To send without this, which may put back who left, set "
        '"put_back_leavers": true in the export or "leavers": "not_asked" in the connection.',
    )


def read_who_left(
    app: App, run: Run, brevo: BrevoClient, answer: Answer, folder: Path, between: Callable[[], None]
) -> Leavers | None:
    """Who left, in a file in the folder; None where nobody did. `between` is called now and then.

    Raises TransientError where the answer is gone or cannot be fetched now, PermanentError where it is not the table
    that it should be.
    """
    path = folder / "leavers"
    if answer.url:
        count = _fetch(app, run, brevo, answer, path, between)
    else:
        count = answer.question.leavers
        if count:
            _copy(app, run, answer, path)
    return Leavers(path, answer.key) if count else None


def _fetch(app: App, run: Run, brevo: BrevoClient, answer: Answer, path: Path, between: Callable[[], None]) -> int:
    count = 0
    with path.open("w", encoding="ascii") as file:
        for contact in read_export(answer.url, brevo.session.base_url, between):
            if contact.email:
                file.write(f"{answer.key.digest(contact.email)}\n")
                count += 1
    process_id = answer.question.process_id
    if count:
        with path.open("rb") as written:
            app.storage.app_blobs.write(LEAVERS, _blob(run, answer.list_id, process_id), written)
    old = 0

    def change(row: Row | None) -> Mapping[str, Any] | None:
        nonlocal old
        question = Question.of(row)
        answered, old = question.answered(process_id, count, app.now(), answer.key.id), question.kept
        return answered.values() if answered else None

    if app.storage.accounts.take(run.key_setting, _row_key(answer.list_id), change) and old:
        app.storage.app_blobs.delete(LEAVERS, _blob(run, answer.list_id, old))
    return count


def _copy(app: App, run: Run, answer: Answer, path: Path) -> None:
    name = _blob(run, answer.list_id, answer.question.process_id)
    found = app.storage.app_blobs.listing_if_there(LEAVERS, name)
    if not found:
        _forget(app, run, answer)
        raise TransientError("leavers_gone", "The answer on who left the list is gone.", "It is asked again.")
    with path.open("wb") as file:
        for chunk in app.storage.app_blobs.chunks(LEAVERS, name, found[0].etag):
            file.write(chunk)


def _forget(app: App, run: Run, answer: Answer) -> None:
    """Lets the next run ask again: the answer's blob was deleted."""

    def change(row: Row | None) -> Mapping[str, Any] | None:
        question = Question.of(row)
        is_same = question.process_id == answer.question.process_id
        return Question(seconds=question.seconds).values() if is_same else None

    app.storage.accounts.change(run.key_setting, _row_key(answer.list_id), change)


def has_changed_secret(app: App) -> bool:
    """Whether some answer was noted by another APP_SECRET than that of this process. Raises as `app_secret` does."""
    key = DigestKey.of(derived_key("leavers"))
    rows = (row for row in app.storage.accounts.rows() if row.key.startswith(_ROWS))
    return any(Question.of(row).is_by_another_key(key) for row in rows)


def has_left(app: App, ready: ReadyExport, address: str) -> bool | None:
    """Whether the address is in Brevo's last answer on the export's list; None where there is no answer to read.

    Raises ConfigurationError for what is wrong with APP_SECRET, and as storage does.
    """
    key, list_id = DigestKey.of(derived_key("leavers")), ready.export.list_id
    question = Question.of(app.storage.accounts.get(ready.key_setting, _row_key(list_id)))
    if not question.answered_at or question.is_by_another_key(key):
        return None
    name = _blob(ready, list_id, question.process_id)
    found = app.storage.app_blobs.listing_if_there(LEAVERS, name) if question.leavers else []
    if not found:
        return None if question.leavers else False
    digest, tail = key.digest(address).encode(), b""
    for chunk in app.storage.app_blobs.chunks(LEAVERS, name, found[0].etag):
        if digest in (tail := tail + chunk):
            return True
        tail = tail[-DIGEST_CHARACTERS:]
    return False


def _row_key(list_id: int) -> str:
    return f"{_ROWS}{list_id}"


def _blob(run: Run | ReadyExport, list_id: int, process_id: int) -> str:
    return f"{run.key_setting}/{list_id}/{process_id}.txt"
