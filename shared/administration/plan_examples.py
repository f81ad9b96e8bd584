"""A few contacts that a held run would change, masked: what Brevo has now, and what it would have then."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from shared.access import Caller, require
from shared.administration.running import require_for_export
from shared.app import App
from shared.brevo.session import BrevoSession
from shared.brevo.single_contacts import SingleContact, find_single
from shared.errors import ExportError
from shared.runs.status import find_run
from shared.staging.changed import ChangedContact, kept_text, read_changed
from shared.staging.preview import masked_text


@dataclass(frozen=True, slots=True)
class Difference:
    """An attribute, without a name the address, whose value would be another one; empty where there is none.

    `then` is None where Brevo keeps its value, since nothing is sent in its place.
    """

    attribute: str
    now: str
    then: str | None


@dataclass(frozen=True, slots=True)
class Example:
    """A contact. `differences` is None where Brevo has no such contact."""

    email: str
    differences: list[Difference] | None


@dataclass
class PlanExamples:
    """The contacts as far as Brevo could be asked; `unread` is why it could not be asked for the others."""

    contacts: list[Example] = field(default_factory=list)
    unread: ExportError | None = None


def plan_examples(app: App, caller: Caller, run_id: str) -> PlanExamples:
    """What a held run would change, with a call to Brevo for each contact; nothing of a run that is not held.

    For whom a preview of its export would show as much. Raises AccessDenied, and ConfigurationError for an unknown run
    and for one whose export is gone.
    """
    require(caller, "preview_export")
    run, found = find_run(app, run_id), PlanExamples()
    require_for_export(app, caller, "preview_export", run.export)
    kept = read_changed(app.storage.app_blobs, f"{run.run_id}/{run.rejected_id}") if run.is_held else []
    if not kept:
        return found
    try:
        session = app.brevo(run.key_setting).session
        for contact in kept:
            found.contacts.append(_compared(contact, _find(session, contact)))
    except ExportError as error:
        found.unread = error
    return found


def _find(session: BrevoSession, contact: ChangedContact) -> SingleContact | None:
    if contact.ext_id is not None:
        return find_single(session, contact.ext_id, "ext_id")
    return find_single(session, contact.email)


def _compared(contact: ChangedContact, known: SingleContact | None) -> Example:
    return Example(masked_text(contact.email), None if known is None else list(_differences(contact, known)))


def _differences(contact: ChangedContact, known: SingleContact) -> Iterator[Difference]:
    if known.email.lower() != contact.email.lower():
        yield Difference("", masked_text(known.email), masked_text(contact.email))
    for name, forms in contact.attributes.items():
        now = kept_text(known.attributes.get(name))
        if forms and now not in forms:
            yield Difference(name, masked_text(now), masked_text(forms[0]))
        if now and not forms:
            yield Difference(name, masked_text(now), None)
