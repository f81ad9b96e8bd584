"""What can be set on the sandbox, from the command line, a test or the control endpoint."""

from dataclasses import dataclass, fields
from typing import Any, Literal, Self, get_args, get_origin

Plan = Literal["general", "professional", "enterprise"]
ReportForm = Literal["url", "counts", "urls"]
SharedPhone = Literal["skip_contact", "drop_phone"]
Kept = Literal["first", "last"]
DateFormat = Literal["yyyy-mm-dd", "dd-mm-yyyy", "mm-dd-yyyy"]
RunningStatus = Literal["processing", "in_process"]
Notify = Literal["once", "off", "twice"]
Language = Literal["en", "fr"]
ExportOutcome = Literal["completed", "failed", "cancelled", "stuck", "refused_400", "refused_403"]
ExportName = Literal["SEARCH_EXPORT_USERS_API", "SEARCH_EXPORT_USERS"]
ExportHeader = Literal["upper", "lower", "title"]
ExportDelimiter = Literal[";", ","]
ExportNumber = Literal["none", "CONTACT ID", "CONTACT_ID", "ID"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxSettings:
    """How the sandbox behaves; every field has a default that fits a demonstration.

    Units: seconds and bytes as the names say; `limit_speedup` divides the length of the rate windows
    (3600 makes an hour last a second). `None` for a limit means: the number of the plan.
    `latency_seconds` is how long each call of the API is on its way. With `defers_work` an import is done when it is
    accepted, and read only when `POST /sandbox/settle` asks: a benchmark then measures its client alone.
    """

    api_key: str = "sandbox-key"
    port: int = 0

    plan: Plan = "general"
    contacts_per_second: int | None = None
    contacts_per_hour: int | None = None
    general_per_hour: int | None = None
    limit_speedup: float = 1.0

    seconds_fixed: float = 1.0
    seconds_per_contact: float = 0.000_02
    parallel_imports: int = 1
    defers_work: bool = False
    latency_seconds: float = 0.0
    running_status: RunningStatus = "processing"
    report_form: ReportForm = "url"
    process_details: bool = False
    unknown_process_code: str = "invalid_parameter"

    shared_phone: SharedPhone = "skip_contact"
    repeated_email_keeps: Kept = "first"
    date_format: DateFormat = "yyyy-mm-dd"
    ignores_false: bool = False
    reimport_puts_back_leavers: bool = True
    new_address_lifts_block: bool = True
    exact_list_totals: bool = True
    language: Language = "en"

    export_outcome: ExportOutcome = "completed"
    export_seconds_fixed: float = 1.0
    export_seconds_per_contact: float = 0.000_02
    export_process_name: ExportName = "SEARCH_EXPORT_USERS_API"
    export_header: ExportHeader = "upper"
    export_delimiter: ExportDelimiter = ";"
    export_contact_number: ExportNumber = "CONTACT ID"
    export_bom: bool = False

    notify: Notify = "once"
    notify_delay_seconds: float = 0.0

    body_limit_bytes: int = 10_000_000
    slow_seconds: float = 30.0
    fault_reset_seconds: int = 1
    endless_report_bytes: int = 2_000_000_000

    def __post_init__(self) -> None:
        for field in fields(self):
            _check(field.name, field.type, getattr(self, field.name))

    @classmethod
    def quick(cls, **changes: Any) -> Self:
        """Settings for tests: imports finish at once and the rate limits stay out of the way."""
        calm: dict[str, Any] = {
            "seconds_fixed": 0.0,
            "seconds_per_contact": 0.0,
            "export_seconds_fixed": 0.0,
            "export_seconds_per_contact": 0.0,
            "contacts_per_second": 1_000_000,
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
