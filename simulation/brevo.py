"""Brevo, as far as an import and its end are concerned: https://developers.brevo.com/reference/importcontacts-1."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from requests import ConnectionError as NoConnection

from shared.brevo.contact_export import ExportedContact
from shared.brevo.session import READ_SECONDS
from simulation.faults import BrevoFault, Faults
from simulation.scheduler import Scheduler

REPORT = "https://simulated.brevo.com/report/"
EXPORT = "https://simulated.brevo.com/export/"
_FIRST_EXPORT = 1_000_001
_HEADERS = {"x-sib-ratelimit-limit": "100000"}
Answer = tuple[int, dict[str, str], bytes]


@dataclass
class Import:
    """One import. `batch` names its body's blob; `over_at` is 0 while it is open; `is_known`: its number was noted.

    Of its contacts, `with_phone` come with a phone number, and `put_back` had left the list, and when. `is_late`: it
    was on its way for longer than the app waits for an answer. Its worker stood still in the middle of the post, and no
    claim and no slot can call that back. `link`: where its file is, of one that has one.
    """

    id: int
    list_id: int
    contacts: dict[str, str]
    with_phone: set[str]
    taken_at: float
    batch: str = ""
    over_at: float = 0.0
    state: str = "in_process"
    rejected: dict[str, list[str]] = field(default_factory=dict)
    is_known: bool = False
    is_late: bool = False
    is_report_broken: bool = False
    put_back: dict[str, float] = field(default_factory=dict)
    link: str = ""


@dataclass(frozen=True, slots=True)
class Export:
    """Who had left a list, or was in it, when this was asked for. `state` is what it will be `over_at` this time."""

    emails: tuple[str, ...]
    over_at: float
    state: str


@dataclass
class Watcher:
    """Who wants to know what happens at Brevo. `taken` gets an import, its staged blob, and what was posted."""

    taken: Callable[[Import, bytes, bytes], None]
    removed: Callable[[int, set[str]], None]
    over: Callable[[Import, dict[str, str]], None]
    call_back: Callable[[str, float], None]


@dataclass
class Brevo:
    """One account. `values` has each contact's value, which tells of which snapshot it is; `left`, who left when.

    Of the people that are imported, `refused` are rejected, and `shared` where they come with their number, which
    another contact has. `unread` are those whose rejection no readable report shows. `fetch` opens a link to a file,
    None where that is gone.
    """

    scheduler: Scheduler
    faults: Faults
    watcher: Watcher
    import_seconds: tuple[float, float]
    fetch: Callable[[str], bytes | None]
    values: dict[str, str] = field(default_factory=dict)
    lists: dict[int, set[str]] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    shared: set[str] = field(default_factory=set)
    unread: set[str] = field(default_factory=set)
    imports: list[Import] = field(default_factory=list)
    exports: list[Export] = field(default_factory=list)
    left: dict[tuple[int, str], float] = field(default_factory=dict)
    ever_left: set[str] = field(default_factory=set)
    numbers: dict[str, int] = field(default_factory=dict)

    def ask(self, method: str, path: str, body: bytes | None) -> Answer:
        """The answer to a call. Raises requests' ConnectionError where there is none."""
        name = {"/contacts/import": "import", "/contacts/export": "export", "/processes": "processes"}.get(
            path, "check"
        )
        name = "remove" if path.endswith("/contacts/remove") else name
        asked_at = self.scheduler.now
        self.scheduler.sleep(self.faults.between(0.02, 0.4))
        fault = self.faults.at_brevo(name) or BrevoFault("", name, 0)
        if fault.kind == "slow":
            self.scheduler.sleep(fault.seconds)
        if refused := self._refusal(fault.kind, is_file=b'"fileUrl"' in (body or b"")):
            return refused
        answer = self._done(name, path, body)
        if name == "import":
            self.imports[-1].is_late = self.scheduler.now - asked_at > READ_SECONDS
        if fault.kind == "slow-after":
            self.scheduler.sleep(fault.seconds)
        self.scheduler.sleep(self.faults.between(0.01, 0.2))
        if fault.kind == "reset-after":
            raise NoConnection
        if fault.kind in ("500-after", "524-after"):
            return _answer(int(fault.kind[:3]), {})
        return (200, _HEADERS, b"<html>") if fault.kind == "garbled" else answer

    def _refusal(self, kind: str, *, is_file: bool) -> Answer | None:
        if self.faults.is_key_refused(self.scheduler.now):
            return _answer(401, {"code": "unauthorized", "message": "Key not found"})
        if kind == "reset":
            raise NoConnection
        if kind == "429":
            return 429, {"x-sib-ratelimit-reset": "30"}, b'{"code":"too_many_requests"}'
        is_refused = kind in ("403", "500", "503") or (kind == "400" and is_file)
        return _answer(int(kind), {}) if is_refused else None

    def report(self, url: str) -> list[list[str]]:
        """The rows of a report."""
        self.scheduler.sleep(self.faults.between(0.02, 0.4))
        number, _, name = url.removeprefix(REPORT).partition("/")
        return [["EMAIL"], *([email] for email in self.imports[int(number) - 1].rejected[name])]

    def exported(self, url: str) -> Iterator[ExportedContact]:
        """The contacts of an export."""
        self.scheduler.sleep(self.faults.between(0.02, 0.4))
        found = self.exports[int(url.removeprefix(EXPORT)) - _FIRST_EXPORT]
        return (ExportedContact(email, self._number(email)) for email in found.emails)

    def _number(self, email: str) -> int:
        return self.numbers.setdefault(email, len(self.numbers) + 1)

    def leave(self, list_id: int, email: str) -> None:
        """Somebody leaves a list."""
        self.lists[list_id].discard(email)
        self.left[list_id, email] = self.scheduler.now
        self.ever_left.add(email)

    def open_imports(self) -> list[Import]:
        """Those that are not over."""
        return [each for each in self.imports if not each.over_at]

    def _done(self, name: str, path: str, body: bytes | None) -> Answer:
        if name == "import":
            return self._take(body or b"{}")
        if name == "export":
            return self._export(body or b"{}")
        if name == "remove":
            return self._remove(int(path.split("/")[3]), body or b"{}")
        if name == "processes":
            processes = [self._shown(each) for each in reversed(self.imports[-50:])]
            return _answer(200, {"processes": processes})
        if path.startswith("/processes/"):
            number = int(path.rpartition("/")[2])
            is_export = number >= _FIRST_EXPORT
            return _answer(200, self._shown_export(number) if is_export else self._shown(self.imports[number - 1]))
        if path == "/contacts/attributes":
            names = ("FIRSTNAME", "SMS")
            return _answer(200, {"attributes": [{"name": name, "category": "normal"} for name in names]})
        if path == "/account":
            return _answer(200, {"plan": []})
        number = int(path.rpartition("/")[2])
        size = len(self.lists.get(number, ()))
        found = {"id": number, "name": "list", "uniqueSubscribers": size}
        return _answer(200, found) if number in self.lists else _answer(404, {})

    def _remove(self, list_id: int, sent: bytes) -> Answer:
        ids = set(json.loads(sent)["ids"])
        gone = {email for email in self.lists[list_id] if self._number(email) in ids}
        self.lists[list_id] -= gone
        self.watcher.removed(list_id, gone)
        if not gone:
            message = "Contact already removed from list and/or does not exist"
            return _answer(400, {"code": "invalid_parameter", "message": message})
        success = sorted(self.numbers[email] for email in gone)
        return _answer(201, {"contacts": {"success": success, "failure": sorted(ids - set(success))}})

    def _take(self, sent: bytes) -> Answer:
        body: dict[str, object] = json.loads(sent)
        link = str(body.get("fileUrl", ""))
        file = self.fetch(link) if link else None
        contacts: list[dict[str, object]] = json.loads(file or b"[]") if link else body["jsonBody"]  # type: ignore[assignment]
        list_ids: list[int] = body["listIds"]  # type: ignore[assignment]
        (list_id,) = list_ids
        values = {str(each["email"]): _value(each) for each in contacts}
        parts = urlsplit(str(body.get("notifyUrl", ""))).path.split("/")
        with_phone = {str(each["email"]) for each in contacts if "SMS" in each["attributes"]}  # type: ignore[operator]
        taken = Import(len(self.imports) + 1, list_id, values, with_phone, self.scheduler.now, link=link)
        self.imports.append(taken)
        fault = self.faults.at_brevo("imports")
        seconds = self.faults.between(*self.import_seconds)
        if fault and fault.kind == "import-slow":
            seconds = fault.seconds
        self.scheduler.after(seconds, lambda: self._finish(taken, fault, parts))
        self.watcher.taken(taken, sent if file is None else file, sent)
        return _answer(202, {"processId": taken.id})

    def _export(self, sent: bytes) -> Answer:
        wanted = json.loads(sent)["customContactFilter"]
        list_id, is_members = wanted["listId"], wanted["actionForContacts"] == "allContacts"
        left = tuple(email for number, email in self.left if number == list_id)
        emails = tuple(sorted(self.lists[list_id])) if is_members else left
        state = "failed" if self.faults.at_brevo("exports") else "completed"
        self.exports.append(Export(emails, self.scheduler.now + self.faults.between(0.2, 20.0), state))
        return _answer(202, {"processId": _FIRST_EXPORT + len(self.exports) - 1})

    def _shown_export(self, number: int) -> dict[str, object]:
        found = self.exports[number - _FIRST_EXPORT]
        state = found.state if self.scheduler.now >= found.over_at else "in_process"
        link = {"export_url": f"{EXPORT}{number}"} if state == "completed" else {}
        return {"id": number, "status": state, "name": "SEARCH_EXPORT_USERS_API", **link}

    def _finish(self, taken: Import, fault: BrevoFault | None, path: list[str]) -> None:
        taken.over_at = self.scheduler.now
        kind = fault.kind if fault else ""
        taken.state = {"import-failed": "failed", "import-cancelled": "cancelled"}.get(kind, "completed")
        if taken.link and (kind == "file-unreachable" or self.fetch(taken.link) is None):
            taken.state = "failed"
        taken.is_report_broken = kind == "report-broken"
        before: dict[str, str] = {}
        if taken.state == "completed":
            by_number = [email for email in taken.contacts if email in self.shared & taken.with_phone]
            others = [email for email in taken.contacts if email in self.refused and email not in by_number]
            taken.rejected = {"duplicate_phone_id": by_number, "invalid_emails": others}
            if taken.is_report_broken:
                self.unread.update(by_number, others)
            new = {email: value for email, value in taken.contacts.items() if email not in {*by_number, *others}}
            before = {email: self.values.get(email, "") for email in new}
            self.values |= new
            self.lists[taken.list_id] |= new.keys()
            back = [(taken.list_id, email) for email in new if (taken.list_id, email) in self.left]
            taken.put_back = {each[1]: self.left.pop(each) for each in back}
        self.watcher.over(taken, before)
        if len(path) > 4:
            self._call_back("/".join(path))

    def _call_back(self, path: str) -> None:
        fault = self.faults.at_brevo("call-back")
        kind = fault.kind if fault else ""
        if kind != "call-back-lost":
            late = fault.seconds if fault and kind == "call-back-late" else self.faults.between(0.0, 2.0)
            self.watcher.call_back(path, late)
        if kind == "call-back-twice":
            self.watcher.call_back(path, self.faults.between(0.0, 2.0))

    def _shown(self, each: Import) -> dict[str, object]:
        details: dict[str, object] = {}
        if each.state == "completed" and not each.is_report_broken:
            reports = {name: f"{REPORT}{each.id}/{name}" if who else None for name, who in each.rejected.items()}
            details = {"info": {"import": reports}}
        return {"id": each.id, "status": each.state, "name": "IMPORTUSER", **details}


def _value(contact: dict[str, object]) -> str:
    attributes: dict[str, object] = contact["attributes"]  # type: ignore[assignment]
    return str(attributes["FIRSTNAME"])


def _answer(status: int, body: dict[str, object]) -> Answer:
    return status, _HEADERS, json.dumps(body).encode()
