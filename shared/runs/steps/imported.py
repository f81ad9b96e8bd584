"""What is posted for a batch: its body, or the link to its file; and bodies in the place of a file that was no use.

A file is fetched by Brevo through a link that ends with its blob: at the import's end, at the latest at its deadline.
Where Brevo refuses a file, or its import fails, nobody can tell whether it may fetch from this storage at all. So its
contacts are written as bodies, and sent in these.
"""

from urllib.parse import urlsplit

from shared.app import App
from shared.brevo.body import ImportRequest
from shared.brevo.probed import ProbeAnswers
from shared.config.document import ReadyExport
from shared.config.models import Export
from shared.errors import ConfigurationError, PermanentError
from shared.runs.batch import SPLIT, Batch
from shared.runs.state import Run
from shared.settings import THIS_MACHINE
from shared.staging.bodies import STAGED, body_name
from shared.staging.parts import write_as_bodies
from shared.storage.failures import NotFound


def import_request(app: App, run: Run, export: Export) -> ImportRequest:
    """What the run's imports say besides their contacts."""

    def notify_url(number: int) -> str:
        # Brevo strips the query string of the call-back, so what identifies it is in the path.
        return f"{app.settings.public_url}/api/imports/{run.run_id}/{number}/{run.token}"

    return ImportRequest(export.list_id, export.erase_empty, notify_url if app.settings.public_url else None)


def why_no_files(app: App, run: Run, export: Export, probed: ProbeAnswers | None) -> str | None:
    """None where the run's contacts are to be written as files; else why not, empty where nobody asked for it.

    Raises TransientError.
    """
    if export.delivery == "body" or run.is_trial:
        return ""
    blobs = app.storage.app_blobs
    if blobs.host in THIS_MACHINE and urlsplit(app.settings.brevo_base_url).hostname not in THIS_MACHINE:
        return "Sent in bodies, not by file: storage is on this machine, where Brevo cannot fetch a file."
    if probed and probed.takes_files in ("not_taken", "changed"):
        return "Sent in bodies, not by file: the last probe has shown that the account does not take files as they are."
    try:
        blobs.link(STAGED, body_name(run.run_id, 0), app.time(), 1)
    except ConfigurationError as error:
        return f"Sent in bodies, not by file: {error.message}"
    return None


def read_import(app: App, run: Run, ready: ReadyExport, batch: Batch) -> bytes:
    """The body to post. That of a file holds a secret link. Raises PermanentError where it is gone."""
    if not batch.by_file:
        return read_body(app, batch)
    name, hours = body_name(batch.staging, batch.number), ready.connection.import_deadline_hours
    link = app.storage.app_blobs.link(STAGED, name, app.time(), hours)
    return import_request(app, run, ready.export).of_file(batch.number, link)


def read_body(app: App, batch: Batch) -> bytes:
    """The batch's body as it was staged. Raises PermanentError where it is gone."""
    try:
        return app.storage.app_blobs.read(STAGED, body_name(batch.staging, batch.number))
    except NotFound:
        raise missing(batch) from None


def note_unusable(app: App, run: Run, batch: Batch, why: str) -> None:
    """Writes down why the batch's file is not imported."""
    text = f"The {batch.contacts:,} contacts of file {batch.number} are sent in bodies: {why}"
    app.store.add_event(run.run_id, "in_bodies", text)


def pass_over_files(app: App, run: Run, batches: list[Batch]) -> list[Batch]:
    """All batches. Where Brevo could not import a file and has imported none yet, the others are not tried.

    Mostly storage is closed to it: each file would take the time of an import that fails.
    """
    files = [batch for batch in batches if batch.by_file]
    if all(batch.state not in SPLIT for batch in files) or any(batch.state == "confirmed" for batch in files):
        return batches
    return [_passed_over(app, run, batch) if batch.passed_over() else batch for batch in batches]


def _passed_over(app: App, run: Run, batch: Batch) -> Batch:
    note_unusable(app, run, batch, "Brevo could not import another file of the run.")
    return app.store.update_batch(run, batch.number, Batch.passed_over, batch)


def put_into_bodies(app: App, run: Run, export: Export, batch: Batch) -> None:
    """Lets bodies take the place of the batch's file, once that is decided. Any worker may do this, at any time.

    Raises TransientError, and PermanentError where the file is gone.
    """
    request = import_request(app, run, export)
    try:
        for body in write_as_bodies(app.storage.app_blobs, batch.staging, batch.number, request):
            app.store.add_batch(batch.in_its_place(body.number, body.contacts, body.size_bytes))
    except NotFound:
        now = app.store.batch(run, batch.number)
        if now is not None and now.is_settled:
            return  # by another worker
        raise missing(batch) from None
    close_link(app, app.store.update_batch(run, batch.number, Batch.split, batch))
    clear_if_ended(app, run)


def close_link(app: App, batch: Batch) -> None:
    """Deletes the file of a batch that needs it no more, which ends its link."""
    if batch.by_file and batch.is_settled:
        app.storage.app_blobs.delete(STAGED, body_name(batch.staging, batch.number))


def clear_if_ended(app: App, run: Run) -> None:
    """Deletes what was just written where the run has ended meanwhile, and its bodies with it."""
    now = app.store.load(run.run_id)
    if now is None or now.is_final:
        app.storage.app_blobs.delete_below(STAGED, f"{run.run_id}/")


def missing(batch: Batch) -> PermanentError:
    """The error for a batch whose body is gone."""
    return PermanentError("body_missing", f"The staged body of batch {batch.number} is gone.", "Run the export again.")
