"""The messages between the functions host and Microsoft's Python worker library, shaped like protobuf ones.

The worker library gets this module as its `protos`: it reads requests by attribute and `WhichOneof`, and
builds its answers from the classes here. Names and spellings are those of the FunctionRpc protocol.

Source: https://github.com/Azure/azure-functions-language-worker-protobuf
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar


class TypedData:
    """One value with its kind, e.g. `TypedData(string="a")`; without a value, nothing was sent."""

    def __init__(self, **value: Any) -> None:
        if len(value) > 1:
            raise ValueError(f"one kind of data at a time, not {sorted(value)}")
        self._kind: str | None = next(iter(value), None)
        self._value: Any = next(iter(value.values()), None)

    def WhichOneof(self, group: str) -> str | None:  # noqa: N802
        """Tell the kind of the value, or None."""
        return self._kind

    @property
    def value(self) -> Any:
        """The value, whatever its kind."""
        return self._value

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name != self._kind:
            raise AttributeError(name)
        return self._value


@dataclass
class RpcHttp:
    """A request to, or a response of, an HTTP function."""

    method: str = ""
    url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: TypedData = field(default_factory=TypedData)
    params: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    status_code: str = ""
    enable_content_negotiation: bool = False
    cookies: Sequence[RpcHttpCookie] | None = None


@dataclass
class RpcHttpCookie:
    """A cookie that a function sets."""

    class SameSite:
        """The values of `same_site`."""

        Lax: ClassVar[str] = "Lax"
        Strict: ClassVar[str] = "Strict"
        ExplicitNone: ClassVar[str] = "None"

    name: str
    value: str
    domain: Nullable | None = None
    path: Nullable | None = None
    expires: Nullable | None = None
    secure: Nullable | None = None
    http_only: Nullable | None = None
    same_site: str | None = None
    max_age: Nullable | None = None


# The worker library looks the unset value up by this name, which Python keeps for itself.
setattr(RpcHttpCookie.SameSite, "None", None)


@dataclass
class Nullable:
    """A value that may be missing."""

    value: Any = None


NullableString = NullableBool = NullableDouble = NullableTimestamp = Nullable


@dataclass
class Timestamp:
    """A moment. Units: seconds since 1970."""

    seconds: int


@dataclass
class ParameterBinding:
    """The value of one parameter of a function."""

    name: str
    data: TypedData | None

    def WhichOneof(self, group: str) -> str:  # noqa: N802
        """Tell how the value travels: always inside the message."""
        return "data"


@dataclass
class BindingInfo:
    """One binding of a function."""

    undefined: ClassVar[int] = 0
    out: ClassVar[int] = 1
    inout: ClassVar[int] = 2

    type: str
    data_type: Any = None
    direction: int = 0


@dataclass
class RpcException:
    """An exception of a function or of the worker library."""

    message: str
    stack_trace: str = ""


@dataclass
class StatusResult:
    """How a request went."""

    Failure: ClassVar[int] = 0
    Success: ClassVar[int] = 1

    status: int
    exception: RpcException | None = None


@dataclass
class WorkerMetadata:
    """What the worker library says about itself."""

    runtime_name: str
    runtime_version: str
    worker_version: str
    worker_bitness: str
    custom_properties: Mapping[str, str]


@dataclass
class WorkerInitResponse:
    """The answer to `worker_init_request`."""

    result: StatusResult
    capabilities: Mapping[str, str] = field(default_factory=dict)
    worker_metadata: WorkerMetadata | None = None


@dataclass
class RpcRetryOptions:
    """A retry policy set by a decorator."""

    max_retry_count: int
    retry_strategy: str | None = None
    delay_interval: Any = None
    minimum_interval: Any = None
    maximum_interval: Any = None


@dataclass
class RpcFunctionMetadata:
    """One function that the worker library found. Shape: `raw_bindings` are JSON texts."""

    name: str
    function_id: str
    directory: str
    script_file: str
    entry_point: str
    language: str
    bindings: Mapping[str, BindingInfo]
    raw_bindings: Sequence[str]
    managed_dependency_enabled: bool = False
    is_proxy: bool = False
    retry_options: RpcRetryOptions | None = None
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass
class FunctionMetadataResponse:
    """The answer to `functions_metadata_request`."""

    result: StatusResult
    use_default_metadata_indexing: bool = False
    function_metadata_results: Sequence[RpcFunctionMetadata] | None = None


@dataclass
class FunctionLoadResponse:
    """The answer to `function_load_request`."""

    function_id: str
    result: StatusResult


@dataclass
class InvocationResponse:
    """The answer to `invocation_request`."""

    invocation_id: str
    result: StatusResult
    return_value: TypedData | None = None
    output_data: Sequence[ParameterBinding] = ()


@dataclass
class WorkerInitRequest:
    """Asks the worker library to index the app in a directory."""

    function_app_directory: str
    capabilities: Mapping[str, str] = field(default_factory=dict)


@dataclass
class FunctionLoadRequest:
    """Asks the worker library to make one function ready."""

    function_id: str


@dataclass
class TraceContext:
    """The W3C trace of an invocation."""

    trace_parent: str = ""
    trace_state: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass
class RetryContext:
    """Which try of a retry policy this is: none here."""

    retry_count: int = 0
    max_retry_count: int = 0
    exception: RpcException | None = None


@dataclass
class InvocationRequest:
    """Asks the worker library to run a function once."""

    invocation_id: str
    function_id: str
    input_data: Sequence[ParameterBinding]
    trigger_metadata: Mapping[str, TypedData]
    trace_context: TraceContext = field(default_factory=TraceContext)
    retry_context: RetryContext = field(default_factory=RetryContext)


@dataclass
class StreamingMessage:
    """The envelope of a request; one of its fields is set."""

    worker_init_request: WorkerInitRequest | None = None
    function_load_request: FunctionLoadRequest | None = None
    invocation_request: InvocationRequest | None = None


@dataclass
class WorkerRequest:
    """What each coroutine of the worker library takes."""

    request: StreamingMessage
    properties: Mapping[str, Any]
