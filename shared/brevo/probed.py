"""What `probe` has found out about a Brevo account. It is kept with the account's other rows, and replaces defaults."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Literal

from shared.brevo.pace import Pace
from shared.config.document import ReadyExport
from shared.config.models import Connection
from shared.counting import counted
from shared.errors import ConfigurationError
from shared.storage.tables import Row, Rows
from shared.times import local_text

PROBE = "probe"
_LISTS = ("date_formats", "export_columns")
_DAY_SECONDS = 86_400

ExtId = Literal["attributes", "field", "not_taken"]
NewAddress = Literal["changes_contact", "second_contact", "not_taken"]
TakesFiles = Literal["as_sent", "changed", "not_taken"]
SharedNumber = Literal["contact_skipped", "number_dropped", "number_moved", "contacts_merged"]


@dataclass(frozen=True, slots=True)
class ProbeAnswers:
    """The answers; None where there is none. Times in seconds, to within a poll of Brevo.

    `probed_at` is in UTC (ISO 8601). `ext_id`: how an import takes a contact's EXT_ID, among its attributes or as a
    field `ext_id` beside them. `new_address`: what it does with a known EXT_ID and an unknown address;
    `new_address_lifts_block`: whether a blocked contact that gets another address so is blocked no more.
    `puts_back_leavers`: whether it puts who left a list back into it. `shared_number`: what becomes of a contact with a
    number that another one has. `keeps_false` is about JSON's false, `keeps_no` about the word No. `date_formats` are
    those that imports read. `export_columns` is the header of an export of contacts. `removes_by_number`: whether
    Brevo's number is enough to take a contact out of a list. `takes_files`: whether it fetches a file of an import, and
    has its texts as they were sent. `account` is Brevo's id of the account; empty where it was not known.
    """

    probed_at: str = ""
    account: str = ""
    ext_id: ExtId | None = None
    new_address: NewAddress | None = None
    new_address_lifts_block: bool | None = None
    puts_back_leavers: bool | None = None
    shared_number: SharedNumber | None = None
    keeps_false: bool | None = None
    keeps_no: bool | None = None
    date_formats: tuple[str, ...] | None = None
    may_export: bool | None = None
    export_columns: tuple[str, ...] | None = None
    export_has_number: bool | None = None
    removes_by_number: bool | None = None
    takes_files: TakesFiles | None = None
    seconds_for_1: float | None = None
    seconds_for_1000: float | None = None
    seconds_for_10000: float | None = None


def read_probe(accounts: Rows, key_setting: str) -> ProbeAnswers | None:
    """The last answers of the account whose key is in this setting; None where it was never probed."""
    return _answers_in(accounts.get(key_setting, PROBE))


def _answers_in(row: Row | None) -> ProbeAnswers | None:
    """The answers that the row holds; None where it holds none."""
    if row is None or not row.values:
        return None
    known = {name: row.values[name] for name in ProbeAnswers.__slots__ if name in row.values}
    return ProbeAnswers(**known | {name: tuple(json.loads(known[name])) for name in _LISTS if name in known})


def answers_beside(pace: Pace) -> ProbeAnswers | None:
    """The same for the account of this pace, whose rows are read together: a step needs no call more for it."""
    return _answers_in(pace.rows.get(PROBE))


def save_probe(accounts: Rows, key_setting: str, answers: ProbeAnswers) -> None:
    """Writes the answers in the stead of those before."""
    values: dict[str, Any] = {name: value for name, value in asdict(answers).items() if value is not None}
    values |= {name: json.dumps(values[name]) for name in _LISTS if name in values}

    def change(_: Row | None) -> Mapping[str, Any]:
        return values

    accounts.change(key_setting, PROBE, change)


def are_of_another(answers: ProbeAnswers | None, account: str) -> bool:
    """Whether the answers are of another account than this, as far as both are known."""
    return answers is not None and "" not in (account, answers.account) and answers.account != account


def check_probed_account(connection: str, answers: ProbeAnswers | None, account: str) -> None:
    """Raises ConfigurationError where the answers are of another account than this.

    What a run would do by them, such as not asking who left its list, is right for that other account only.
    """
    if are_of_another(answers, account):
        raise ConfigurationError(
            "probe_of_another",
            f"The key of connection {connection} opens another Brevo account than the one that was probed.",
            f"Run `segment-export probe {connection} --list 98 --domain example.org` with a domain of yours and the "
            "number of an empty list of this account; until then nobody knows what its imports do.",
        )


def as_probed(connection: Connection, answers: ProbeAnswers | None) -> Connection:
    """The connection with the account's answers in the stead of defaults; what somebody has written stays."""
    changes: dict[str, Any] = {}
    if answers and answers.puts_back_leavers is False:
        changes["leavers"] = "not_asked"
    if (
        answers
        and answers.date_formats
        and connection.date_format is None
        and connection.dates_sent_as not in answers.date_formats
    ):
        changes["date_format"] = answers.date_formats[0]
    return connection.model_copy(update=changes) if changes else connection


def export_as_probed(ready: ReadyExport, answers: ProbeAnswers | None) -> ReadyExport:
    """The export with its connection as probed."""
    return replace(ready, connection=as_probed(ready.connection, answers))


def probed_export(accounts: Rows, ready: ReadyExport) -> ReadyExport:
    """The same with the last answers of its account."""
    return export_as_probed(ready, read_probe(accounts, ready.key_setting))


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Where the account does otherwise than runs expect, and what to do about it."""

    message: str
    advice: str


def contradictions(connection: Connection, answers: ProbeAnswers | None) -> list[Contradiction]:
    """What the account's answers say against the connection's settings."""
    if answers is None:
        return []
    used, found = as_probed(connection, answers), []
    date_format, read = used.dates_sent_as, answers.date_formats
    if read is not None and date_format not in read:
        found.append(
            Contradiction(
                f"Imports do not read dates as {date_format}, which runs send.",
                f'Set "date_format": "{read[0]}" in the connection.' if read else "Send no dates to this account.",
            )
        )
    if answers.keeps_no is False and used.boolean_words is None:
        found.append(
            Contradiction(
                "Imports do not take the word No, which runs send for false.",
                'Set "boolean_words" in the connection to words that this account takes.',
            )
        )
    if answers.may_export is False and used.leavers == "asked":
        found.append(
            Contradiction(
                "The account does not export contacts, so no run can ask who left its list.",
                'Let the account and its key export contacts, or set "leavers": "not_asked" in the connection.',
            )
        )
    return found


def age_text(answers: ProbeAnswers, now: datetime) -> str:
    """When the probe was made, and how long ago that was."""
    at = datetime.fromisoformat(answers.probed_at)
    days = int(max(0.0, (now - at).total_seconds()) // _DAY_SECONDS)
    return f"{local_text(at)}, {'today' if not days else f'{counted(days, "day")} ago'}"


def described(answers: ProbeAnswers) -> list[str]:
    """The answers in words, a line for each; questions without an answer come last."""
    found, missing = [], []
    for question, answer in _words(answers):
        if answer:
            found.append(f"{question}: {answer}")
        else:
            missing.append(question)
    return [*found, *([f"not answered: {', '.join(missing)}"] if missing else [])]


_WORDS: Mapping[object, str] = {
    None: "",
    True: "yes",
    False: "no",
    "attributes": "among the attributes",
    "field": "as a field ext_id beside the attributes",
    "not_taken": "not taken",
    "changes_contact": "changes the contact",
    "second_contact": "makes a second contact",
    "contact_skipped": "the second contact is not imported",
    "number_dropped": "the second contact is imported without the number",
    "number_moved": "the number moves to the second contact",
    "contacts_merged": "the two contacts become one",
    "as_sent": "fetched and read as it was sent",
    "changed": "fetched, and its texts are changed",
}


def _words(answers: ProbeAnswers) -> list[tuple[str, str]]:
    return [
        ("imports put back who left the list", _WORDS[answers.puts_back_leavers]),
        ("EXT_ID", _WORDS[answers.ext_id]),
        ("a known EXT_ID with a new address", _WORDS[answers.new_address]),
        ("a new address lifts a block", _WORDS[answers.new_address_lifts_block]),
        ("a number that another contact has", _WORDS[answers.shared_number]),
        ("JSON's false is kept", _WORDS[answers.keeps_false]),
        ("the word No is kept as false", _WORDS[answers.keeps_no]),
        ("dates are read as", _listed(answers.date_formats)),
        ("contacts can be exported", _WORDS[answers.may_export]),
        ("columns of an export", _listed(answers.export_columns)),
        ("an export has contact numbers", _WORDS[answers.export_has_number]),
        ("contacts are removed from a list by number", _WORDS[answers.removes_by_number]),
        ("a file of contacts", _WORDS[answers.takes_files]),
        ("import of 1 contact", _seconds(answers.seconds_for_1)),
        ("import of 1,000 contacts", _seconds(answers.seconds_for_1000)),
        ("import of 10,000 contacts", _seconds(answers.seconds_for_10000)),
    ]


def _listed(names: tuple[str, ...] | None) -> str:
    return "" if names is None else ", ".join(names) or "none"


def _seconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.1f} s"
