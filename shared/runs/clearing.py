"""Clear: a run that takes out of a list whom its export has put there, since the export is to end. It sends nothing.

Whom another export keeps in the list stays, and so does everybody whom this one has not put there. Once it has
succeeded, the export's ledger has nobody but who was left in the list, as leaving: where the other exports end too, the
last one takes them out.
"""

from collections.abc import Callable
from pathlib import Path

from shared.app import App
from shared.config.document import ReadyExport
from shared.config.models import Document, Export
from shared.counting import counted
from shared.errors import ConfigurationError, TransientError
from shared.mapping.leavers import DigestKey
from shared.runs.delivered import may_have_sent
from shared.runs.ledgers import Opened, open_ledger_at
from shared.runs.questions import digest_key
from shared.runs.state import SUCCEEDED, Run
from shared.runs.status import active_run
from shared.staging.folders import working_folder
from shared.storage.failures import Conflict, NotFound
from shared.sync.stored import Address


def impossible(export_id: str, why: str) -> ConfigurationError:
    """The error of an export whose members cannot be taken out of its list."""
    return ConfigurationError(
        "clear_impossible",
        f"The members of {export_id} cannot be taken out of its list: {why}.",
        'With members "stay" the export ends and leaves its list as it is.',
    )


def check_clearable(ready: ReadyExport) -> None:
    """Raises ConfigurationError for an export whose contacts cannot be found in its list."""
    if ready.export.identify_by != "email":
        raise impossible(ready.export.id, 'a list is compared by addresses, and the export has another "identify_by"')


def check_known(app: App, opened: Opened) -> None:
    """Raises ConfigurationError where it is not known whom the export, or another one of the list, has put there."""
    export, files = opened.address.export, opened.files
    if files.unread:
        raise impossible(export, f"whom it has put there cannot be read: {files.unread}")
    if files.before is None:
        if may_have_sent(app, opened.address):
            raise impossible(export, "whom it has put there is not known any more")
    elif not files.is_whole:
        raise impossible(export, "the ledger of another export of this list cannot be read")


def has_members(app: App, ready: ReadyExport) -> bool:
    """Whether somebody may be in the list whom the export has put there, and whom it has not left to another one.

    Raises ConfigurationError where that is not known, TransientError where it changes just now.
    """
    export = ready.export
    address = Address(ready.key_setting, export.list_id, export.id)
    key = digest_key("ledger")  # which says what is wrong with APP_SECRET

    def look(opened: Opened) -> bool:
        check_known(app, opened)
        return bool(_size(opened))

    return _opened(app, address, export, key, look)


def members_of(app: App, document: Document, export: Export) -> int | None:
    """How many contacts the export has put into its list, as far as is known; None where it is not.

    Raises TransientError.
    """
    connection = document.connection_of(export)
    if connection is None:
        return None
    address = Address(connection.api_key.setting, export.list_id, export.id)
    try:
        key = digest_key("ledger")
    except ConfigurationError:
        return None

    def look(opened: Opened) -> int | None:
        return None if opened.files.unread or opened.files.before is None else _size(opened)

    return _opened(app, address, export, key, look)


def open_clear(app: App, export_id: str) -> Run | None:
    """The run that takes the export's members out of its list now, or waits for approval of that."""
    run = active_run(app, export_id)
    return run if run is not None and run.kind == "clear" and not run.is_final else None


def check_no_open_clear(app: App, export_id: str) -> None:
    """Raises ConfigurationError while members are to leave the list first: the end of the export would leave them."""
    if run := open_clear(app, export_id):
        raise ConfigurationError(
            "members_leaving",
            f"The run {run.run_id} takes the members of {export_id} out of its list: it is {run.state}.",
            f"{'Approve it' if run.is_held else 'Wait for its end'}, and end the export once it has succeeded. Where "
            "the members are to stay in the list, cancel that run first.",
        )


def staying_words(members: int, list_id: int) -> str:
    """What becomes of the members of an export that ends and leaves them."""
    stay = "stays" if members == 1 else "stay"
    return f"{counted(members, 'contact')} that it has put into list {list_id} {stay} there"


def has_cleared(app: App, export_id: str) -> bool:
    """Whether the last run of the export, which may be gone by now, has taken its members out of its list."""
    last = next(app.store.latest(export_id, 1), None)
    return last is not None and last.kind == "clear" and last.state in SUCCEEDED


def _opened[Found](
    app: App, address: Address, export: Export, key: DigestKey, look: Callable[[Opened], Found]
) -> Found:
    with working_folder() as folder:
        try:
            return look(open_ledger_at(app, address, export.identify_by, key, Path(folder)))
        except (Conflict, NotFound) as error:
            raise TransientError("storage_conflict", f"{error} was changed meanwhile.") from None


def _size(opened: Opened) -> int:
    from shared.sync.ledger import size  # brings DuckDB

    return size(opened.files.before, opened.files.others, opened.folder)
