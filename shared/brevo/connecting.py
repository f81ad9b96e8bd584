"""What is checked of a connection before it is used: its key, what its account lets it do, contract and consent."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from shared.brevo.checks import account_of, allowance_text, why_no_export
from shared.brevo.client import BrevoClient
from shared.brevo.probed import age_text, are_of_another, as_probed, check_probed_account, described, read_probe
from shared.config.models import Connection
from shared.errors import ConfigurationError, ExportError
from shared.settings import read_secret
from shared.storage.tables import Rows

# The row of an account with the answer to the last question.
_ALLOWANCE = "allowance"
_ALLOWANCE_SECONDS = 600.0
# The zone that is furthest ahead of UTC: there it is tomorrow already.
_MOST_AHEAD = timedelta(hours=14)
_NO_ALLOWANCE = "The account shows no allowance now."


@dataclass(frozen=True, slots=True)
class CheckStep:
    """One step of a connection's test; a step after a failed one is not tried.

    `code` is that of the error, as docs/errors.md has it; empty where there is none.
    """

    step: str
    ok: bool
    message: str
    code: str = ""


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
    """The allowance in words. Each question is one of 100 calls an hour, so an answer stands for some minutes.

    For the key that has asked: another one may be another account's.
    """
    setting = connection.api_key.setting
    brevo, row = client(setting), accounts.get(setting, _ALLOWANCE)
    age = now.timestamp() - float(row.values["at"]) if row else _ALLOWANCE_SECONDS
    if row and row.values.get("key_mark") == brevo.session.key_mark and 0 <= age < _ALLOWANCE_SECONDS:
        text = f"{row.values['text'] or _NO_ALLOWANCE} (asked {age / 60:.0f} min ago)"
    else:
        account = account_of(brevo)
        values = {
            "key_mark": brevo.session.key_mark,
            "at": now.timestamp(),
            "text": allowance_text(account),
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
    if message := why_no_export(client(connection.api_key.setting)):
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
    """When Brevo has last answered for the account's contract, which is the last of its steps; within some minutes.

    None where that step has failed by the answer, since another account was probed.
    """
    setting = connection.api_key.setting
    row = accounts.get(setting, _ALLOWANCE)
    if row is None or are_of_another(read_probe(accounts, setting), _account_id(setting, accounts)):
        return None
    return datetime.fromtimestamp(float(row.values["at"]), UTC)


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
