"""What can be set on the sandbox, from the command line, a test or the control endpoint."""

from dataclasses import dataclass, fields
from typing import Annotated, Any, Literal, Self, get_args, get_origin

Plan = Literal["general", "professional", "enterprise"]
ReportForm = Literal["url", "counts", "urls"]
SharedPhone = Literal["skip_contact", "drop_phone", "merge"]
ExtId = Literal["attributes", "top_level", "both", "ignored"]
TwoContacts = Literal["merge", "report"]
NewAddress = Literal["changes_address", "report", "ignored"]
CollisionCode = Literal["invalid_parameter", "duplicate_parameter"]
CategoryTakes = Literal["label_or_value", "value"]
LongText = Literal["dropped", "cut"]
Kept = Literal["first", "last"]
DateFormat = Literal["yyyy-mm-dd", "dd-mm-yyyy", "mm-dd-yyyy"]
FileUrl = Literal["fetched", "unreachable", "refused"]
RunningStatus = Literal["processing", "in_process"]
Notify = Literal["once", "off", "twice"]
Language = Literal["en", "fr"]
ExportOutcome = Literal["completed", "failed", "cancelled", "stuck", "refused_400", "refused_403"]
ExportName = Literal["SEARCH_EXPORT_USERS_API", "SEARCH_EXPORT_USERS"]
ExportHeader = Literal["upper", "lower", "title"]
ExportDelimiter = Literal[";", ","]
ExportNumber = Literal["none", "CONTACT ID", "CONTACT_ID", "ID"]
ExportBlocked = Literal["status", "channels", "flags", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxSettings:
    """How the sandbox behaves; every field has a default that fits a demonstration.

    What the vendor does not say, or says in two ways, is a setting here, so that a client can be tried in each mood of
    an account. Beside each type stands the help of its option on the command line. Units: seconds and bytes as the
    names say. `None` for a limit means: the number of the plan.
    """

    api_key: Annotated[str, "the key that callers must send"] = "sandbox-key"
    port: Annotated[int, "port to listen on; 0 takes a free one"] = 0

    plan: Annotated[Plan, "the account's rate limits are those of this plan"] = "general"
    contacts_per_second: Annotated[int | None, "limit of /contacts calls instead of the plan's"] = None
    contacts_per_hour: Annotated[int | None, "limit of /contacts calls instead of the plan's"] = None
    general_per_hour: Annotated[int | None, "limit of /processes and /account instead of the plan's"] = None
    limit_speedup: Annotated[float, "shorten the limits' windows: 3600 makes an hour a second"] = 1.0

    seconds_fixed: Annotated[float, "how long any import takes"] = 1.0
    seconds_per_contact: Annotated[float, "and how long for each contact"] = 0.000_02
    parallel_imports: Annotated[int, "imports that run at once"] = 1
    defers_work: Annotated[
        bool,
        "imports are done at once and read at POST /sandbox/settle, so that a benchmark measures its client alone",
    ] = False
    file_url: Annotated[FileUrl, "whether an import's file is fetched, cannot be, or is refused"] = "fetched"
    file_limit_bytes: Annotated[int, "the largest file of an import"] = 250_000_000
    latency_seconds: Annotated[float, "how long each call is on its way"] = 0.0
    running_status: Annotated[RunningStatus, "the name of the status"] = "processing"
    report_form: Annotated[ReportForm, "what info.import holds: a URL or null, counts, or lists of URLs"] = "url"
    process_details: Annotated[bool, "a process has its times, its error, and the size of an export"] = False
    unknown_process_code: Annotated[str, "code of the 404 for an unknown process"] = "invalid_parameter"

    shared_phone: Annotated[
        SharedPhone,
        "an imported SMS, WHATSAPP or LANDLINE_NUMBER of another contact: the row is left out and reported, "
        "is imported without it and reported, or the two contacts become one",
    ] = "skip_contact"
    repeated_email_keeps: Annotated[Kept, "which row of an address or EXT_ID counts within an import"] = "first"
    ext_id: Annotated[
        ExtId,
        "where an import takes EXT_ID: among the attributes, as ext_id beside them, either, nowhere",
    ] = "attributes"
    ext_id_and_email_of_two: Annotated[
        TwoContacts,
        "an imported EXT_ID and address of two contacts: the address's is deleted, or the row is left out",
    ] = "merge"
    new_address: Annotated[
        NewAddress,
        "a known EXT_ID (or number, where numbers merge) with a new address: the contact gets it, the row is "
        "left out and reported, or the contact keeps its address",
    ] = "changes_address"
    new_address_lifts_block: Annotated[bool, "a blocked contact whose address changes is blocked no more"] = True
    reimport_puts_back_leavers: Annotated[bool, "an import puts back who has unsubscribed from its list"] = True
    collision_code: Annotated[
        CollisionCode,
        "code of the 400 where a single contact's identifier is another's",
    ] = "invalid_parameter"

    date_format: Annotated[DateFormat, "the account's date format"] = "yyyy-mm-dd"
    ignores_false: Annotated[bool, "an import ignores JSON false; the word No is taken"] = False
    category_takes: Annotated[CategoryTakes, "what an import may send for a category's option"] = "label_or_value"
    text_limit: Annotated[int | None, "characters of the longest text that an attribute holds; none by default"] = None
    long_text: Annotated[LongText, "what becomes of a longer text"] = "dropped"
    exact_list_totals: Annotated[bool, "the counters of a list besides uniqueSubscribers are right, not 0"] = True
    test_list: Annotated[int | None, "number of a list for trials; the one before it is for probes"] = None
    language: Annotated[Language, "names of the standard attributes"] = "en"

    export_outcome: Annotated[ExportOutcome, "how every export of contacts ends, or that it is refused"] = "completed"
    export_seconds_fixed: Annotated[float, "how long any export takes"] = 1.0
    export_seconds_per_contact: Annotated[float, "and how long for each contact"] = 0.000_02
    export_process_name: Annotated[ExportName, "the name of an export's process"] = "SEARCH_EXPORT_USERS_API"
    export_header: Annotated[ExportHeader, "spelling of the names in an export's first line"] = "upper"
    export_delimiter: Annotated[ExportDelimiter, "between the cells of an export"] = ";"
    export_contact_number: Annotated[ExportNumber, "the name of the column with the contact's number"] = "CONTACT ID"
    export_blocked: Annotated[
        ExportBlocked,
        "where an export says who is blocked: a column for each channel with a status, one column with the blocked "
        "channels, a column for each channel with true or false, nowhere",
    ] = "status"
    removes_by_number: Annotated[bool, "contacts can be taken out of a list by their numbers"] = True
    export_bom: Annotated[bool, "an export begins with a byte order mark"] = False

    notify: Annotated[Notify, "calls to notifyUrl"] = "once"
    notify_delay_seconds: Annotated[float, "how late the call to notifyUrl comes"] = 0.0

    body_limit_bytes: Annotated[int, "the largest import"] = 10_000_000
    slow_seconds: Annotated[float, "how long the fault slow takes"] = 30.0
    fault_reset_seconds: Annotated[int, "the reset that the fault 429 names"] = 1
    endless_report_bytes: Annotated[int, "where the fault report-endless ends after all"] = 2_000_000_000

    def __post_init__(self) -> None:
        for each in fields(self):
            _check(each.name, get_args(each.type)[0], getattr(self, each.name))

    @classmethod
    def quick(cls, **changes: Any) -> Self:
        """Settings for tests: imports finish at once and the rate limits stay out of the way."""
        calm: dict[str, Any] = {
            "seconds_fixed": 0.0,
            "seconds_per_contact": 0.0,
            "export_seconds_fixed": 0.0,
            "export_seconds_per_contact": 0.0,
            "contacts_per_second": 10_000_000,
            "contacts_per_hour": 1_000_000_000,
            "general_per_hour": 1_000_000,
        }
        return cls(**(calm | changes))


def _check(name: str, declared: Any, value: object) -> None:
    if get_origin(declared) is Literal:
        if value not in get_args(declared):
            raise ValueError(f"{name} must be one of {', '.join(get_args(declared))}")
        return
    if declared is bool or declared is str:
        if not isinstance(value, declared):
            raise ValueError(f"{name} must be of type {declared.__name__}")
        return
    if value is None and declared == int | None:
        return
    numbers = (int, float) if declared is float else int
    if isinstance(value, bool) or not isinstance(value, numbers) or value < 0:
        raise ValueError(f"{name} must be a number of at least 0")
