"""Trials: a few customers of an export, really sent, to another list, so that the first real run is not all of them.

A trial is a run of a kind of its own. What differs is data: the list it goes to and the customers that it takes. It
says nothing of its export: no snapshot counts as exported by it, no guard compares with it, no notice is sent.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

from shared.app import App
from shared.config.document import ReadyExport
from shared.config.models import Document, Export
from shared.counting import counted
from shared.errors import ConfigurationError
from shared.runs.kinds import Kind
from shared.runs.state import Run

MOST_CUSTOMERS = 100
DEFAULT_CUSTOMERS = 20
MOST_ID_CHARACTERS = 100
_ADVICE = "Name a list of the account that no export has or excludes, such as one that is made for trials."


@dataclass(frozen=True, slots=True)
class Trial:
    """What a trial is to send, and to which list: the first `customers`, or those with these ids."""

    kind: ClassVar[Kind] = "trial"
    list_id: int
    customers: int
    customer_ids: tuple[str, ...] = ()
    list_name: str = ""

    @classmethod
    def of(cls, list_id: int, customers: int, customer_ids: Sequence[str]) -> Self:
        """A trial as somebody orders it; ids count more than a number. Raises ConfigurationError."""
        ids = tuple(dict.fromkeys(each.strip() for each in customer_ids))
        if len(ids) > MOST_CUSTOMERS:
            raise _invalid(f"takes at most {MOST_CUSTOMERS} customer ids, not {len(ids):,}")
        if any(not _is_id(each) for each in ids):
            raise _invalid(
                f"takes customer ids of 1 to {MOST_ID_CHARACTERS} printable characters, and no addresses: none is kept"
            )
        if not 1 <= customers <= MOST_CUSTOMERS:
            raise _invalid(f"takes 1 to {MOST_CUSTOMERS} customers, not {customers:,}")
        return cls(list_id, len(ids) or customers, ids)

    def to_list_named(self, name: str) -> Self:
        """The same with the list's name."""
        return replace(self, list_name=name[:MOST_ID_CHARACTERS])

    def run(self, run: Run) -> Run:
        """The run as a trial."""
        return replace(
            run,
            kind=self.kind,
            list_id=self.list_id,
            list_name=self.list_name,
            customers=self.customers,
            customer_ids=list(self.customer_ids),
        )


def _is_id(text: str) -> bool:
    return 1 <= len(text) <= MOST_ID_CHARACTERS and text.isprintable() and "@" not in text and "\uff20" not in text


def _invalid(what: str) -> ConfigurationError:
    return ConfigurationError("trial_invalid", f"A trial {what}.")


def ready_for(app: App, run: Run) -> ReadyExport:
    """The run's export as this run is to send it: a trial's has the trial's list.

    Raises TransientError, and ConfigurationError, such as where the export was pointed elsewhere since the run began:
    what is known of the one list says nothing of the other.
    """
    ready = app.ready_export(run.export)
    if run.is_trial:
        # Somebody may have made an export of that list, or have excluded it, since the trial began.
        check_no_export_has(app.document_under_way(), ready.export, run.list_id)
        ready = replace(ready, export=ready.export.model_copy(update={"list_id": run.list_id}))
    if (ready.key_setting, ready.export.list_id) != (run.key_setting, run.list_id):
        raise ConfigurationError(
            "export_changed", "The export's connection or list was changed during the run.", "Run the export again."
        )
    return ready


def check_no_export_has(document: Document, export: Export, list_id: int) -> None:
    """Raises ConfigurationError for a list of any export, whatever its account: a trial would put people there.

    So is one that is excluded: whom a trial puts there, no export would send any more.
    """
    if export.list_id == list_id:
        raise ConfigurationError(
            "trial_list_taken", f"List {list_id} is the list of the export {export.id} itself.", _ADVICE
        )
    if other := next((each for each in document.exports if each.list_id == list_id), None):
        raise ConfigurationError("trial_list_taken", f"List {list_id} is the list of the export {other.id}.", _ADVICE)
    if other := next((each for each in document.exports if list_id in each.exclude.list_ids), None):
        raise ConfigurationError("trial_list_taken", f"List {list_id} is excluded by the export {other.id}.", _ADVICE)


def check_customers(run: Run) -> None:
    """Raises ConfigurationError for a trial of which no row was read, since none names its customers."""
    if run.customer_ids:
        raise ConfigurationError(
            "customers_missing",
            f"None of the {len(run.customer_ids)} customers of the trial is in the snapshot.",
            "Take ids from the segment's column CustomerId.",
        )


def newest_runs(app: App, export_id: str) -> tuple[Run | None, Run | None]:
    """The export's newest run, and the newest one that sends its segment."""
    newest = next(app.store.latest(export_id, 1), None)
    if newest is None or newest.sends_segment:
        return newest, newest
    return newest, next((run for run in app.store.latest(export_id, None) if run.sends_segment), None)


def trial_words(customers: int, list_id: int, list_name: str | None) -> str:
    """A trial in words, behind the word itself."""
    return f"of {counted(customers, 'customer')} to list {list_id}{f' ({list_name})' if list_name else ''}"
