"""The calls we make to Brevo, and the models of its answers. Nothing here can change a subscription."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any, get_args
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, ValidationError

from shared.brevo.attributes import AccountAttribute, read_attribute
from shared.brevo.models import Accepted, Numbered, lacking, parsed, parsed_of
from shared.brevo.processes import Process, ShownProcess, by_id, may_be_open_import, read_process
from shared.brevo.session import BrevoSession
from shared.config.models import AccountDates
from shared.errors import PermanentError, one_line

_PAGE = 50
_PAGES = 4
_LIST_PAGES = 40
_SINGLE_LOOKS = 3


@dataclass(frozen=True, slots=True)
class Allowance:
    """One line of the account's contract: e-mails or texts left to send, not contacts."""

    plan: str
    credits: float


@dataclass(frozen=True, slots=True)
class Account:
    """The account that the key opens. `id` is empty where Brevo does not give it, `date_format` likewise."""

    id: str
    allowances: list[Allowance]
    date_format: str = ""


class _List(Numbered):
    name: str = ""


class _SizedList(_List):
    uniqueSubscribers: int  # noqa: N815


class _Lists(BaseModel):
    count: int = 0
    lists: list[_List] = []


class _Attribute(BaseModel):
    name: str
    category: str = "normal"
    type: str | None = None
    enumeration: Any = None
    multiCategoryOptions: Any = None  # noqa: N815


class _Attributes(BaseModel):
    attributes: list[Any]


class _Processes(BaseModel):
    count: int | None = None
    processes: list[Any] | None = None

    def behind(self, offset: int) -> list[Any]:
        """Those that the page shows. Only a page that begins behind them all may leave the key out.

        Raises TransientError for another one: it would say that no import is open.
        """
        if self.processes is None and not 0 < (self.count or 0) <= offset:
            raise lacking("processes")
        return self.processes or []


class _Plan(BaseModel):
    type: str = ""
    credits: float = 0


class _Account(BaseModel):
    # Which account it is decides what a run does, so nothing else of the answer may spoil it.
    model_config = ConfigDict(coerce_numbers_to_str=True)
    organization_id: str | None = None
    plan: Any = None
    dateTimePreferences: Any = None  # noqa: N815

    def date_format(self) -> str:
        """How its dates are shown, in the words of a connection; empty where that is not one of the known forms."""
        dates = self.dateTimePreferences
        shown = dates.get("dateFormat") if isinstance(dates, dict) else None
        return shown.upper() if isinstance(shown, str) and shown.upper() in get_args(AccountDates) else ""

    def allowances(self) -> list[Allowance]:
        """The lines of the contract that can be read."""
        found = []
        for each in self.plan if isinstance(self.plan, list) else []:
            with suppress(ValidationError):
                line = _Plan.model_validate(each)
                found.append(Allowance(line.type, line.credits))
        return found


@dataclass(frozen=True, slots=True)
class Imports:
    """The wanted ones by number, and whether any import is open, wanted or not."""

    wanted: dict[int, Process]
    any_open: bool


@dataclass(frozen=True, slots=True)
class BrevoClient:
    """Every method raises as `BrevoSession.call` does."""

    session: BrevoSession

    def list_name(self, list_id: int) -> str:
        """The list's name in one line. Raises NotThere. https://developers.brevo.com/reference/getlist-1"""
        return one_line(self._list(list_id, _List).name).strip()

    def list_size(self, list_id: int) -> int:
        """How many members the list has by its own count, which may leave out blocked ones. Raises NotThere."""
        return self._list(list_id, _SizedList).uniqueSubscribers

    def list_count(self) -> int:
        """How many lists there are; also a check of the key within the generous allowance.

        https://developers.brevo.com/reference/getlists-1
        """
        return parsed(_Lists, self.session.call("contacts", "GET", "/contacts/lists", params={"limit": 1})).count

    def _list[L: _List](self, list_id: int, model: type[L]) -> L:
        return parsed_of(model, list_id, self.session.call("contacts", "GET", f"/contacts/lists/{list_id}"))

    def lists_named(self, name: str) -> list[int]:
        """The ids of the lists of this name, in any case; an account has few enough lists to look at each."""
        found: list[int] = []
        for page in range(_LIST_PAGES):
            params: dict[str, str | int] = {"limit": _PAGE, "offset": page * _PAGE}
            answer = parsed(_Lists, self.session.call("contacts", "GET", "/contacts/lists", params=params))
            found += [each.id for each in answer.lists if each.name.strip().casefold() == name.strip().casefold()]
            if len(answer.lists) < _PAGE:
                break
        return found

    def attributes(self) -> dict[str, AccountAttribute]:
        """The account's attributes by name, also those that cannot be written.

        https://developers.brevo.com/reference/getattributes-1
        """
        answer = parsed(_Attributes, self.session.call("contacts", "GET", "/contacts/attributes"))
        found = list(filter(None, map(_attribute, answer.attributes)))
        # Of two with one name, the one that an import can fill.
        return {each.name: each for each in sorted(found, key=lambda each: each.kind != "read_only")}

    def create_attribute(self, name: str, kind: str) -> None:
        """Makes an attribute (text, date, float or boolean).

        https://developers.brevo.com/reference/createattribute-1
        """
        body = f'{{"type":"{kind}"}}'.encode()
        self.session.call("contacts", "POST", f"/contacts/attributes/normal/{quote(name, safe='')}", body=body)

    def account(self) -> Account:
        """What the contract shows; one of the scarce calls. https://developers.brevo.com/reference/get-account"""
        answer = parsed(_Account, self.session.call("other", "GET", "/account"))
        return Account(answer.organization_id or "", answer.allowances(), answer.date_format())

    def import_contacts(self, body: bytes) -> int:
        """Posts a staged body; the process's id. https://developers.brevo.com/reference/importcontacts-1"""
        return parsed(Accepted, self.session.call("contacts", "POST", "/contacts/import", body=body)).processId

    def imports(self, wanted: set[int], *, until_open: bool = False) -> Imports:
        """The wanted imports that Brevo shows, and whether it works on any of those looked through, whosever they are.

        Exports and campaigns are in the same list, and are no imports: one of them is open at most times. 50 with one
        call, newest first. `until_open`: further pages are looked through until one is open, as for an import of
        unknown number. https://developers.brevo.com/reference/getprocesses
        """
        found: dict[int, Process] = {}
        any_open = False
        for page in range(_PAGES):
            params: dict[str, str | int] = {"limit": _PAGE, "offset": page * _PAGE, "sort": "desc"}
            answer = parsed(_Processes, self.session.call("other", "GET", "/processes", params=params))
            processes = answer.behind(page * _PAGE)
            shown = by_id(processes)
            found |= {number: read_process(parsed(ShownProcess, shown[number])) for number in wanted & shown.keys()}
            any_open |= any(map(may_be_open_import, shown.values()))
            missing = wanted - found.keys()
            is_enough = not missing or min(shown, default=0) < min(missing)  # later pages are older still
            if len(processes) < _PAGE or (is_enough and (any_open or not until_open)):
                break
        else:
            found |= self._single_processes(wanted - found.keys())
        return Imports(found, any_open)

    def _single_processes(self, wanted: set[int]) -> dict[int, Process]:
        """For processes that whatever else uses the account has pushed off the pages: a call each, so only a few."""
        found: dict[int, Process] = {}
        for process_id in sorted(wanted)[:_SINGLE_LOOKS]:
            with suppress(PermanentError):
                answer = self.session.call("other", "GET", f"/processes/{process_id}")
                found[process_id] = read_process(parsed_of(ShownProcess, process_id, answer))
        return found


def _attribute(raw: Any) -> AccountAttribute | None:
    """The attribute; of no known type where only its name can be read, so that the others can be used all the same."""
    with suppress(ValidationError):
        each = _Attribute.model_validate(raw)
        return read_attribute(each.name, each.category, each.type or "", each.enumeration, each.multiCategoryOptions)
    name = raw.get("name") if isinstance(raw, dict) else None
    return AccountAttribute(name.upper(), "unknown", described="unreadable") if isinstance(name, str) else None
