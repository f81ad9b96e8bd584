"""What is wrong with an export, checked before it is saved: its list, its attributes, the columns of its segments."""

from collections.abc import Mapping

from shared.administration.items import InvalidInput
from shared.app import App
from shared.brevo.attributes import AccountAttribute, AskAttributes, fault_of
from shared.brevo.checks import check_excluded_list, check_list
from shared.brevo.probed import read_probe
from shared.config.document import ReadyExport
from shared.config.mapping import AttributeType
from shared.config.models import Connection, Export
from shared.errors import ConfigurationError, did_you_mean, shown
from shared.mapping.plan import CUSTOMER_ID, columns_text, find_column, make_plan, near_column
from shared.runs.identity import check_probe
from shared.segments.reading import SegmentStream
from shared.segments.snapshot import SegmentFile, find_snapshot
from shared.staging.completeness import check_complete
from shared.staging.excluded import find_excluded

_NOT_THERE_YET = ("snapshot_missing", "container_missing")


def check_export(
    app: App,
    export: Export,
    connection: Connection | None,
    ask: AskAttributes | None = None,
    *,
    has_list: bool = True,
) -> list[str]:
    """Looks at Brevo and at the newest snapshot. Returns what could not be checked yet.

    `ask` is for who needs the account's attributes as well. Without `has_list` its list is still to be made.

    Raises InvalidInput with a line for each fault, or TransientError where one of the two does not answer.
    """
    columns, notes = _columns(app, export)
    problems = _column_problems(export, columns) + _excluded_problems(app, export)
    if connection is not None:
        if connection.consent is None:
            problems.append(f"connection: consent for {connection.id} is missing; connect it first")
        else:
            problems += _brevo_problems(app, export, connection, columns, ask or app.attributes, has_list=has_list)
            problems += _identity_problems(app, export, connection)
    if problems:
        raise InvalidInput(problems)
    return notes


def _columns(app: App, export: Export) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    """The columns of each segment's first file by the file's name; none, and a note, where there is no snapshot yet."""
    blobs, source = app.storage.segment_blobs, export.source
    try:
        snapshot = find_snapshot(blobs, source, export.segments)
    except ConfigurationError as error:
        if error.code in _NOT_THERE_YET:
            return {}, [f"The mapping's columns are not checked yet: {error.message}"]
        raise InvalidInput([f"segments: {_told(error)}"]) from None
    notes = [f"Passed over: {text}." for text in snapshot.passed_over]
    try:
        check_complete(snapshot)
    except ConfigurationError as error:
        notes.append(f"A run would fail now: {error.message}")
    first = [part.files[0] for part in snapshot.segments if part.files]
    try:
        return {f"{source.container}/{file.blob.name}": _header(app, export, file) for file in first}, notes
    except ConfigurationError as error:
        raise InvalidInput([f"segments: {_told(error)}"]) from None


def _header(app: App, export: Export, file: SegmentFile) -> tuple[str, ...]:
    return SegmentStream(app.storage.segment_blobs, export.source, file).header.columns


def _column_problems(export: Export, files: dict[str, tuple[str, ...]]) -> list[str]:
    paths = _mapped_columns(export)
    mapped = [column for _, column in paths]
    return [
        f"{path}: {where} has no column {shown(column)!r}{near_column(column, columns, mapped)}, or more than one; "
        f"{columns_text(columns, mapped).rstrip('.')}"
        for where, columns in files.items()
        for path, column in paths
        if columns and find_column(column, columns) is None
    ]


def _excluded_problems(app: App, export: Export) -> list[str]:
    """What is wrong with the excluded segments. That the container is not there yet is said of the export's own."""
    try:
        found = find_excluded(app.storage.segment_blobs, export)
        first = [part.files[0] for part in found.segments if part.files] if found else []
        headers = {f"{export.source.container}/{file.blob.name}": _header(app, export, file) for file in first}
    except ConfigurationError as error:
        return [] if error.code == "container_missing" else [f"exclude.segments: {_told(error)}"]
    column, mapped = export.mapping.email, [each for _, each in _mapped_columns(export)]
    return [
        f"exclude.segments: {where} has no column {shown(column)!r}{near_column(column, columns, mapped)}, "
        "or more than one"
        for where, columns in headers.items()
        if columns and find_column(column, columns) is None
    ]


def _mapped_columns(export: Export) -> list[tuple[str, str]]:
    mapping = export.mapping
    found = [("mapping.email", mapping.email)]
    found += [(f"mapping.{key}", field.field) for key, _, field in mapping.standard_fields()]
    if isinstance(mapping.attributes, dict):
        found += [(f"mapping.attributes.{name}", field.field) for name, field in mapping.attributes.items()]
    found += [("source.only", each.column) for each in export.source.only]
    return found + ([("identify_by", CUSTOMER_ID)] if export.identify_by == "customer_id" else [])


def _told(error: ConfigurationError) -> str:
    return str(error).rstrip(".")


def _identity_problems(app: App, export: Export, connection: Connection) -> list[str]:
    try:
        ready = ReadyExport(export, connection)
        check_probe(ready, read_probe(app.storage.accounts, ready.key_setting))
    except ConfigurationError as error:
        return [f"identify_by: {_told(error)}"]
    return []


def _brevo_problems(
    app: App,
    export: Export,
    connection: Connection,
    files: dict[str, tuple[str, ...]],
    ask: AskAttributes,
    *,
    has_list: bool,
) -> list[str]:
    ready = ReadyExport(export, connection)
    try:
        brevo = app.brevo(ready.key_setting)
        known = ask(ready.key_setting)
    except ConfigurationError as error:
        return [f"connection: {_told(error)}"]
    problems = []
    if has_list:
        try:
            check_list(brevo, export.list_id)
        except ConfigurationError as error:
            problems.append(f"list_id: {_told(error)}")
    for list_id in export.exclude.list_ids:
        try:
            check_excluded_list(brevo, list_id)
        except ConfigurationError as error:
            problems.append(f"exclude.list_ids: {_told(error)}")
    return problems + [
        f"{path_of(export, attribute)}: {fault}"
        for attribute, given in _types(ready, files).items()
        if (fault := _fault(export, attribute, given, known))
    ]


def _fault(export: Export, attribute: str, given: AttributeType | None, account: Mapping[str, AccountAttribute]) -> str:
    """Why a run could not fill the attribute; empty where it could."""
    known = account.get(attribute)
    if known is None and not (export.create_missing_attributes or export.leave_out_missing_attributes):
        near = did_you_mean(attribute, account)
        return (
            f"the Brevo account has no attribute {attribute}{near}; make it there, or set create_missing_attributes or "
            "leave_out_missing_attributes"
        )
    fault = fault_of(attribute, given, known)
    return _told(fault) if fault else ""


def _types(ready: ReadyExport, files: dict[str, tuple[str, ...]]) -> dict[str, AttributeType | None]:
    """The attributes that a run would fill, as far as can be known, and their types in the mapping.

    Faults of the columns are reported elsewhere.
    """
    for where, columns in files.items():
        try:
            return make_plan(ready.export, ready.connection, columns, where).types
        except ConfigurationError:
            continue
    return {name: field.own_type for name, field in ready.export.mapping.named_fields().items()}


def path_of(export: Export, attribute: str) -> str:
    """The path of the mapping's key that fills the attribute."""
    for key, filled, _ in export.mapping.standard_fields():
        if filled == attribute:
            return f"mapping.{key}"
    return "mapping.attributes" + (f".{attribute}" if isinstance(export.mapping.attributes, dict) else "")
