"""What is checked with Brevo before the first byte goes out: the key, the list, the attributes, the contract."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from shared.brevo.answers import NotThere
from shared.brevo.attributes import AccountAttribute, fault_of, made_as
from shared.brevo.client import Account, BrevoClient
from shared.brevo.contact_export import request_nothing
from shared.brevo.probed import age_text, as_probed, check_probed_account, described, read_probe
from shared.config.mapping import AttributeType
from shared.config.models import Connection, Export
from shared.errors import ConfigurationError, ExportError, PermanentError, TransientError, did_you_mean
from shared.settings import read_secret
from shared.storage.tables import Rows

# The row of an account with the answer to the last question.
_ALLOWANCE = "allowance"
_ALLOWANCE_SECONDS = 600.0
# The zone that is furthest ahead of UTC: there it is tomorrow already.
_MOST_AHEAD = timedelta(hours=14)
_NO_ALLOWANCE = "The account shows no allowance now."


@dataclass(frozen=True, slots=True)
class Settled:
    """The attributes that are sent, those of them that are to be made first, with Brevo's type, and those left out."""

    attributes: Mapping[str, AccountAttribute]
    to_make: Mapping[str, str]
    left_out: list[str]


@dataclass(frozen=True, slots=True)
class Checked:
    """The mapped attributes as the account has them, those left out that it lacks, its allowance, the list's name.

    `to_make` are those of them that it does not have yet, with Brevo's type. `account_id` tells it from other accounts;
    empty where Brevo does not say. `key_mark` is that of the key that opened it.
    """

    attributes: Mapping[str, AccountAttribute]
    to_make: Mapping[str, str]
    left_out: list[str]
    allowance: str
    list_name: str
    account_id: str
    key_mark: str


@dataclass(frozen=True, slots=True)
class CheckStep:
    """One step of a connection's test; a step after a failed one is not tried.

    `code` is that of the error, as docs/errors.md has it; empty where there is none.
    """

    step: str
    ok: bool
    message: str
    code: str = ""


def check_account(
    brevo: BrevoClient, export: Export, types: Mapping[str, AttributeType | None], *, must_answer: bool = False
) -> Checked:
    """Checks the key and the list, then the attributes, since an unknown one would be ignored without a word.

    Changes nothing: `make_missing` does. `types` has the type of each attribute as the mapping gives it, None where it
    gives none. Raises ConfigurationError: wrong key, blocked address, list missing, attributes missing, of another type
    or not to be written. `must_answer`: as `account_of` has it.
    """
    list_name = check_list(brevo, export.list_id)
    settled = settle(brevo.attributes(), export, types)
    account = account_of(brevo, must_answer=must_answer)
    allowance = _allowance(account)
    mark = brevo.session.key_mark
    return Checked(settled.attributes, settled.to_make, settled.left_out, allowance, list_name, account.id, mark)


def make_missing(brevo: BrevoClient, checked: Checked) -> None:
    """Makes the attributes that the account lacked when it was checked, before anything is sent that has them.

    Raises TransientError where somebody has made one of another type meanwhile: its values were judged by this one.
    """
    there = brevo.attributes() if checked.to_make else {}
    for name, kind in checked.to_make.items():
        found = there.get(name) or _make(brevo, name, kind)
        if found and found.kind != checked.attributes[name].kind:
            raise TransientError(
                "attributes_changed", f"Somebody has made Brevo's attribute {name} meanwhile.", "It is tried again."
            )


def _make(brevo: BrevoClient, name: str, kind: str) -> AccountAttribute | None:
    """Makes the attribute; gives it where it is there by now, by another run or a try whose answer was lost."""
    try:
        brevo.create_attribute(name, kind)
    except PermanentError:
        if found := brevo.attributes().get(name):
            return found
        raise
    return None


def settle(
    account: Mapping[str, AccountAttribute], export: Export, types: Mapping[str, AttributeType | None]
) -> Settled:
    """What becomes of the mapped attributes in this account. Raises ConfigurationError as `check_account` does."""
    for name, given in types.items():
        if fault := fault_of(name, given, account.get(name)):
            raise fault
    known = {name: account[name] for name in types if name in account}
    missing = [name for name in types if name not in account]
    if missing and export.create_missing_attributes:
        made = {name: made_as(name, types[name]) for name in missing}
        new = {name: attribute for name, (attribute, _) in made.items()}
        return Settled(known | new, {name: kind for name, (_, kind) in made.items()}, [])
    if missing and not export.leave_out_missing_attributes:
        missing_text = [name + did_you_mean(name, account) for name in missing]
        raise ConfigurationError(
            "attributes_missing",
            f"The Brevo account lacks these attributes: {', '.join(missing_text)[:1000]}.",
            "Make them in Brevo, or set create_missing_attributes or leave_out_missing_attributes in the export.",
        )
    return Settled(known, {}, missing)


def check_list(brevo: BrevoClient, list_id: int) -> str:
    """The list's name. Raises ConfigurationError where there is none."""
    try:
        return brevo.list_name(list_id)
    except NotThere:
        raise ConfigurationError(
            "list_missing", f"Brevo has no list {list_id}.", "Correct list_id in the export, or make the list in Brevo."
        ) from None


def check_excluded_list(brevo: BrevoClient, list_id: int) -> str:
    """The list's name. Raises ConfigurationError where the account has no such list."""
    try:
        return brevo.list_name(list_id)
    except NotThere:
        raise ConfigurationError(
            "exclude_missing",
            f"Brevo has no list {list_id}, which is excluded.",
            "Correct exclude.list_ids in the export.",
        ) from None


def check_members_askable(brevo: BrevoClient) -> None:
    """Raises ConfigurationError where the account exports no contacts."""
    if message := _why_no_export(brevo):
        raise ConfigurationError(
            "exclude_unknown",
            f"Brevo does not export contacts, so no run can ask who is in an excluded list: {message}",
            "Let the account and its key export contacts, or take the lists out of exclude.list_ids in the export, "
            "which sends their members.",
        )


def _why_no_export(brevo: BrevoClient) -> str:
    """What Brevo says where the account exports no contacts; else empty. No contact is exported for this."""
    try:
        request_nothing(brevo.session)
    except PermanentError:
        return ""  # of the request, which names no list
    except ConfigurationError as error:
        return error.message
    return ""


def account_of(brevo: BrevoClient, *, must_answer: bool = False) -> Account:
    """The account; one that shows nothing where Brevo does not answer, for whatever reason.

    With `must_answer` raises TransientError where it does not answer just then: what is done depends on the account.
    """
    try:
        return brevo.account()
    except ExportError as error:
        if must_answer and isinstance(error, TransientError):
            raise
        return Account("", [])


def _allowance(account: Account) -> str:
    """The contract's allowance in words; empty where the account shows none.

    Credits count e-mails to send, not contacts: they are shown, and never stop a run.
    """
    return ", ".join(f"{line.plan}: {line.credits:,.0f} left" for line in account.allowances)[:500]


def check_connection(
    connection: Connection,
    others: Iterable[Connection],
    client: Callable[[str], BrevoClient],
    accounts: Rows,
    now: datetime,
) -> list[CheckStep]:
    """Key found, key and address accepted, lists and attributes readable, exports, probe, contract, consent.

    `client` opens one for the setting of a key; `accounts` has what was probed. With the contract it is said where one
    of the `others` has a key of the same account. The first step that fails is the last, so it names what to fix.
    Raises ExportError where storage cannot be used: that is no fault of the connection.
    """
    setting = connection.api_key.setting
    steps: list[tuple[str, Callable[[], str]]] = [
        ("key found", lambda: read_secret(setting) and f"The setting {setting} holds a key."),
        ("key accepted", lambda: _accepted(client(setting), "Brevo accepts the key.", but="brevo_address_blocked")),
        ("address allowed", lambda: _accepted(client(setting), "Brevo accepts requests from this address.")),
        ("lists readable", lambda: f"{client(setting).list_count()} lists."),
        ("attributes readable", lambda: f"{len(client(setting).attributes())} attributes."),
        ("contacts exportable", lambda: _exportable(connection, client, accounts)),
        ("probe", lambda: probe_text(connection, accounts, now)),
        ("contract", lambda: _contract(connection, others, client, accounts, now)),
        ("consent", lambda: _consent(connection, now)),
    ]
    results: list[CheckStep] = []
    for name, check in steps:
        try:
            results.append(CheckStep(name, True, check()))
        except ExportError as error:
            if error.code.startswith("storage_"):
                raise
            results.append(CheckStep(name, False, str(error), error.code))
            break
    return results


def _contract(
    connection: Connection,
    others: Iterable[Connection],
    client: Callable[[str], BrevoClient],
    accounts: Rows,
    now: datetime,
) -> str:
    """The allowance in words. Each question is one of 100 calls an hour, so an answer stands for some minutes."""
    setting = connection.api_key.setting
    row = accounts.get(setting, _ALLOWANCE)
    age = now.timestamp() - float(row.values["at"]) if row else _ALLOWANCE_SECONDS
    if row and "account" in row.values and 0 <= age < _ALLOWANCE_SECONDS:
        text = f"{row.values['text'] or _NO_ALLOWANCE} (asked {age / 60:.0f} min ago)"
    else:
        account = account_of(client(setting))
        values = {
            "at": now.timestamp(),
            "text": _allowance(account),
            "account": account.id,
            "dates": account.date_format,
        }
        accounts.change(setting, _ALLOWANCE, lambda _: values)
        text = str(values["text"]) or _NO_ALLOWANCE
    check_probed(connection, accounts)
    dates = " ".join(odd_dates(connection, accounts) or ())
    return " · ".join(filter(None, (same_account_text(connection, others, accounts), dates, text)))


def check_probed(connection: Connection, accounts: Rows) -> None:
    """Raises as `check_probed_account` does, by Brevo's last answer on whose the key is."""
    setting = connection.api_key.setting
    check_probed_account(connection.id, read_probe(accounts, setting), _account_id(setting, accounts))


def same_account_text(connection: Connection, others: Iterable[Connection], accounts: Rows) -> str:
    """Which other settings hold a key of the connection's account, by Brevo's last answers; empty where none does."""
    setting, own = connection.api_key.setting, _account_id(connection.api_key.setting, accounts)
    settings = {each.api_key.setting for each in others} - {setting}
    same = sorted(each for each in settings if own and _account_id(each, accounts) == own)
    if not same:
        return ""
    return (
        f"The account is also that of the key in {' and '.join(same)}: their exports do not know of each other, so a "
        "mirror takes out whom the others keep in the same list."
    )


def odd_dates(connection: Connection, accounts: Rows) -> tuple[str, str] | None:
    """That the account shows dates in another form than runs send, by Brevo's last answer, and what to do.

    None where it does not, and where a probe or a person has decided: what is shown may be read otherwise.
    https://developers.brevo.com/reference/get-account (November 2026)
    """
    row = accounts.get(connection.api_key.setting, _ALLOWANCE)
    shown = str(row.values.get("dates", "")) if row else ""
    answers = read_probe(accounts, connection.api_key.setting)
    is_decided = connection.date_format is not None or (answers and answers.date_formats is not None)
    if is_decided or shown in ("", connection.dates_sent_as):
        return None
    return (
        f"The account shows dates as {shown}, and runs send {connection.dates_sent_as}, which its imports may ignore.",
        f'`segment-export probe {connection.id} --list LIST` tries which they read; or set "date_format" in the '
        "connection.",
    )


def _account_id(setting: str, accounts: Rows) -> str:
    row = accounts.get(setting, _ALLOWANCE)
    return str(row.values.get("account", "")) if row else ""


def _accepted(brevo: BrevoClient, answer: str, *, but: str = "") -> str:
    """The answer where Brevo lets us in, or refuses for the reason that another step is there for."""
    try:
        brevo.list_count()
    except ExportError as error:
        if error.code != but:
            raise
    return answer


def _exportable(connection: Connection, client: Callable[[str], BrevoClient], accounts: Rows) -> str:
    """Whether runs can ask who left their list, where they ask at all."""
    if connection.leavers == "not_asked":
        return 'Who left a list is not asked ("leavers": "not_asked").'
    if as_probed(connection, read_probe(accounts, connection.api_key.setting)).leavers == "not_asked":
        return "Who left a list is not asked: the probe has shown that imports put nobody back."
    if message := _why_no_export(client(connection.api_key.setting)):
        raise ConfigurationError(
            "leavers_unknown",
            f"Brevo does not export contacts, so no run can ask who left its list: {message}",
            'Let the account and its key export contacts, or set "leavers": "not_asked" in the connection. Runs may '
            "then put back who left.",
        )
    return "Brevo takes such requests, so runs can ask who left their list."


def probe_text(connection: Connection, accounts: Rows, now: datetime) -> str:
    """What was probed and when; that nobody has is no fault."""
    answers = read_probe(accounts, connection.api_key.setting)
    if answers is None:
        command = f"`segment-export probe {connection.id} --list LIST`"
        return (
            f"Not tried yet. {command}, with an empty list of yours, tries with contacts of its own what no page of "
            "Brevo's says: what imports do with who left a list, with numbers of others, with dates."
        )
    return f"Tried on {age_text(answers, now)}: {'; '.join(described(answers))}."


def last_passed(connection: Connection, accounts: Rows) -> datetime | None:
    """When Brevo has last answered for the account's contract, which is the last of its steps; within some minutes."""
    row = accounts.get(connection.api_key.setting, _ALLOWANCE)
    return datetime.fromtimestamp(float(row.values["at"]), UTC) if row else None


def _consent(connection: Connection, now: datetime) -> str:
    if connection.consent is None:
        raise ExportError("consent_missing", "Consent is missing.", "An administrator records the consent.")
    if connection.consent.agreed_on > (now + _MOST_AHEAD).date():
        raise ExportError(
            "consent_in_future",
            f"Consent is dated {connection.consent.agreed_on}, which is still to come.",
            "An administrator corrects the date, or records the consent once it is given.",
        )
    return f"Agreed on {connection.consent.agreed_on}."
