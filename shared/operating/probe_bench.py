"""What the questions of a probe work with: their contacts, and imports that are waited for within the allowance."""

import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from shared.app import App
from shared.brevo.attributes import AccountAttribute
from shared.brevo.body import BETWEEN, ImportRequest
from shared.brevo.client import BrevoClient
from shared.brevo.pace import Kind
from shared.brevo.polling import OpenImport, learn, next_poll_seconds
from shared.brevo.session import BrevoSession
from shared.brevo.single_contacts import SingleContact, find_single
from shared.errors import TransientError
from shared.operating.probe_contacts import MARK, Addresses, Tell
from shared.staging.bodies import STAGED
from shared.storage.clock import Clock

_TRIES = 8
_SHORT_SECONDS = 10.0
_QUIET_WITHIN_SECONDS = 1_800.0
# What a smaller import takes says little about a large one.
_LEARN_FROM = 1_000
_FILE = "probe/file.json"


@dataclass
class PatientSession(BrevoSession):
    """A session that waits where Brevo, or the allowance, asks for a while: nobody else would try again."""

    clock: Clock = field(default_factory=Clock)
    tell: Tell = print

    @classmethod
    def of(cls, session: BrevoSession, clock: Clock, tell: Tell) -> "PatientSession":
        """A patient one for the same account."""
        return cls(session.base_url, session.api_key, session.pace, clock=clock, tell=tell)

    def call(self, kind: Kind, method: str, path: str, **request: Any) -> Any:
        """As `BrevoSession.call`; raises TransientError after some more tries."""
        for _ in range(_TRIES):
            try:
                return super().call(kind, method, path, **request)
            except TransientError as error:
                wait = error.retry_after_seconds or _SHORT_SECONDS
                self.tell(f"{error.message} The probe goes on in {wait:,.0f} s.")
                self.clock.sleep(wait)
        return super().call(kind, method, path, **request)


@dataclass
class Bench:
    """One probe at work. `rows` are what the next import has, by the number of the address, 1 to 6."""

    app: App
    brevo: BrevoClient
    list_id: int
    addresses: Addresses
    attributes: dict[str, AccountAttribute]
    mark: str
    deadline_seconds: float
    tell: Tell
    rows: dict[int, dict[str, Any]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    number: str = ""
    token: str = field(default_factory=lambda: secrets.token_hex(6))
    opened: set[int] = field(default_factory=set)
    may_be_open: bool = False

    @property
    def session(self) -> BrevoSession:
        """The account."""
        return self.brevo.session

    def attribute(self, kind: str) -> str | None:
        """The first attribute of this kind, if the account has one."""
        return min((name for name, each in self.attributes.items() if each.kind == kind), default=None)

    def email(self, number: int) -> str:
        """One of the six addresses."""
        return self.addresses.six[number - 1]

    def ext_id(self, number: int) -> str:
        """An id that no customer has."""
        return f"segment-export-probe-{self.token}-{number}"

    def add(self, number: int, attributes: dict[str, Any] | None = None, **fields: Any) -> None:
        """Puts this contact into the next import."""
        row = self.rows.setdefault(number, self.contact(self.email(number)))
        row["attributes"] |= attributes or {}
        row |= fields

    def contact(self, email: str) -> dict[str, Any]:
        """A contact as an import has it, with the mark."""
        return {"email": email, "attributes": {self.mark: MARK}}

    def find(self, number: int) -> SingleContact | None:
        """The contact with one of the six addresses as it is now."""
        return find_single(self.session, self.email(number))

    def import_rows(self) -> float:
        """Imports what was added; how long it took. Raises as `import_contacts` does."""
        rows, self.rows = list(self.rows.values()), {}
        return self.import_contacts(rows)

    def import_contacts(self, rows: Iterable[dict[str, Any]]) -> float:
        """Imports the contacts as a run does, and waits; the seconds until Brevo was done, to within a poll.

        Raises TransientError where the import has failed or takes too long.
        """
        texts = [memoryview(_text(row) + BETWEEN) for row in rows]
        return self._post(self._request.body(0, texts), len(texts))

    def import_file(self, row: dict[str, Any]) -> None:
        """Imports the contact as a file that Brevo fetches, and waits. Raises as `import_contacts`.

        Raises ConfigurationError where storage can give no link.
        """
        blobs = self.app.storage.app_blobs
        try:
            blobs.write(STAGED, _FILE, b"[" + _text(row) + b"]")
            link = blobs.link(STAGED, _FILE, self.app.time(), self.deadline_seconds / 3600)
            self._post(self._request.of_file(0, link), 1)
        finally:
            blobs.delete(STAGED, _FILE)

    @property
    def _request(self) -> ImportRequest:
        return ImportRequest(self.list_id, erase_empty=False, notify_url=None)

    def _post(self, body: bytes, contacts: int) -> float:
        before = self.session.traffic.requests
        self.may_be_open = True
        process_id = self.brevo.import_contacts(body)
        posted_at = self.app.now()
        self.opened.add(process_id)
        # With more than one request, an earlier one may have been taken all the same.
        self.may_be_open = self.session.traffic.requests > before + 1
        return self._wait_for(process_id, contacts, posted_at)

    def _wait_for(self, process_id: int, contacts: int, posted_at: float) -> float:
        polls = 0
        while (age := self.app.now() - posted_at) <= self.deadline_seconds:
            self.pause(self.next_poll_in(age))
            polls += 1
            process = self.brevo.imports({process_id}).wanted.get(process_id)
            if process is None or process.state == "open":
                continue
            self.opened.discard(process_id)
            took = self.app.now() - posted_at
            if process.state != "completed":
                raise TransientError("probe_import_failed", "An import of the probe has failed in Brevo.", "Try again.")
            if contacts >= _LEARN_FROM:
                learn(self.session.pace.rows, OpenImport(took, contacts), polls)
            return round(took, 1)
        hours = self.deadline_seconds / 3600
        raise TransientError(
            "probe_import_slow",
            f"An import of the probe has not ended within {hours:g} h (import_deadline_hours).",
            "Try again when Brevo is faster.",
        )

    def next_poll_in(self, age: float) -> float:
        """Seconds until the next look at a process that is so old, as the account's allowance permits.

        How long imports took before is not used: a look at the expected time would hide that one was faster.
        """
        not_before = self.session.pace.shortest_wait_seconds()
        return next_poll_seconds(None, [OpenImport(age, 1)], not_before=not_before, call_back=False)

    def wait_until_quiet(self) -> bool:
        """Waits until Brevo works on no import of the account, whosever it is; False where that takes half an hour.

        Some imports hang for good, so a probe does not wait for them longer.
        """
        began = self.app.now()
        while self.brevo.imports(set()).any_open:
            age = self.app.now() - began
            if age > _QUIET_WITHIN_SECONDS:
                return False
            self.tell("Brevo works on an import of this account; the probe waits for its end.")
            self.pause(self.next_poll_in(age))
        return True

    def wait_for_own(self) -> bool:
        """Waits for imports of the probe that may still be open; False where one may be open all the same."""
        return not (self.opened or self.may_be_open) or self.wait_until_quiet()

    def pause(self, seconds: float) -> None:
        """Waits."""
        self.app.storage.clock.sleep(seconds)


def _text(row: dict[str, Any]) -> bytes:
    return json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode()
