"""What Azure Storage's failures mean to us."""

from collections.abc import Iterator
from contextlib import contextmanager
from traceback import walk_tb

from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
    ServiceRequestTimeoutError,
    ServiceResponseTimeoutError,
)

from shared.errors import ConfigurationError, DiskFullError, PermanentError, TransientError

# The setting of the app's own account; the segments may lie in another one's.
APP_SETTING = "AzureWebJobsStorage"
SEGMENT_SETTING = "SEGMENT_STORAGE"
# Conflicts with other workers end within a few tries; this many mean that something is wrong.
MOST_CONFLICTS = 30
# The module of azure.data.tables that reads its error answers.
_TABLE_ERRORS = "azure.data.tables._error"
# How headers begin that only storage sends; the second stands in each part of its answer to a transaction.
_OF_STORAGE = ("x-ms-", "dataserviceversion")
# A queue's word, with status 400, for a message that somebody else has taken meanwhile.
_TAKEN_SINCE = "PopReceiptMismatch"


class Conflict(Exception):
    """Somebody else was faster: the row or blob is there already, or is not as we read it."""


class NotFound(Exception):
    """The row, blob, table or container is not there."""


class Silent(Exception):
    """Not asked, since it has not answered a moment ago."""


def _service(what: str) -> str:
    kind = what.partition(" ")[0]
    return kind if kind in ("queue", "table") else "blob"


class BusyError(TransientError):
    """Others were faster at a row or blob, MOST_CONFLICTS times."""

    def __init__(self, what: str) -> None:
        super().__init__("busy", f"Too many workers change {what} at once.", "Try again.", retry_after_seconds=2)


class DeniedError(ConfigurationError):
    """Storage refuses the key or the identity, which lacks a role, or has one that does not count everywhere yet.

    So does an account whose firewall shuts out where the call comes from: that is a 403 too, and no silence.

    `concerns_tables`: whether they are what it denies access to.
    """

    def __init__(self, what: str, setting: str) -> None:
        super().__init__(
            "storage_denied",
            f"Storage denied access to {what}.",
            f"Check {setting}: a key in it may have been rotated; an identity needs its roles on the account, and the "
            "account's firewall must let it in.",
        )
        self.concerns_tables = _service(what) == "table"


class UnreachableError(TransientError):
    """The service did not answer: `blob`, `queue` or `table`, by how the thing reached is named.

    `setting` has the account. `is_hanging`: it was waited for in vain, rather than not found or refused.
    """

    def __init__(self, what: str, setting: str = APP_SETTING, *, is_hanging: bool = False) -> None:
        found = "lets calls hang: its network or firewall, or storage itself" if is_hanging else "cannot be reached"
        super().__init__(
            "storage_unreachable", f"Storage did not answer for {what}.", f"Check the account in {setting}: it {found}."
        )
        self.service = _service(what)


class NotSignedInError(TransientError):
    """No token at all: it is the credential's own failure, and no answer of storage.

    On Azure a token comes from the platform, which may be away for a moment.
    """

    def __init__(self, what: str) -> None:
        super().__init__(
            "storage_not_signed_in",
            f"No identity was found to ask for {what} with.",
            "Sign in with `az login`; on Azure, check that the app has its identity (AZURE_CLIENT_ID).",
        )


# Storage may answer later: nothing follows from these for what was to be read.
NOT_NOW = (UnreachableError, DeniedError, NotSignedInError, BusyError, DiskFullError)


@contextmanager
def storage_failures(what: str, setting: str = APP_SETTING) -> Iterator[None]:
    """Translates the SDK's exceptions; `what` names the thing reached, without personal data, `setting` its account.

    Raises Conflict, NotFound, or one of the three kinds of ExportError.
    Source: https://learn.microsoft.com/rest/api/storageservices/status-and-error-codes2
    """
    try:
        yield
    except Silent:
        raise UnreachableError(what, setting, is_hanging=True) from None
    except AzureError as error:
        raise _meaning(what, setting, error) from None
    except ValueError:  # the SDK's word for a malformed connection string
        raise ConfigurationError(
            "storage_setting",
            f"The storage setting for {what} is not a valid connection string.",
            f"Correct {setting}.",
        ) from None
    except (TypeError, AttributeError, KeyError) as error:
        answer = _answer_not_read(error)
        if answer is not None:
            raise _meaning(what, setting, answer) from None
        if _is_of_a_transaction(error):
            raise UnreachableError(what, setting) from None
        raise


def _meaning(what: str, setting: str, error: AzureError) -> Exception:
    if isinstance(error, ResourceExistsError | ResourceModifiedError):
        return Conflict(what)
    if isinstance(error, ResourceNotFoundError) and _is_of_storage(error):
        return NotFound(what)
    if isinstance(error, ClientAuthenticationError):
        status = error.response.status_code if error.response is not None else 0
        return DeniedError(what, setting) if status in (401, 403) else NotSignedInError(what)
    if isinstance(error, HttpResponseError):
        return _by_status(what, setting, error)
    is_hanging = isinstance(error, ServiceRequestTimeoutError | ServiceResponseTimeoutError)
    return UnreachableError(what, setting, is_hanging=is_hanging)


def _answer_not_read(error: BaseException) -> HttpResponseError | None:
    """The answer that the SDK was reading when it failed.

    It trips over error bodies without a message, as proxies and gateways send them.
    """
    before = error.__context__
    while isinstance(before, TypeError | AttributeError | KeyError):
        before = before.__context__
    return before if isinstance(before, HttpResponseError) else None


def _is_of_a_transaction(error: BaseException) -> bool:
    """True for such a body in answer to a transaction, of which the SDK does not keep the status."""
    frames = list(walk_tb(error.__traceback__))
    return bool(frames) and frames[-1][0].f_globals.get("__name__") == _TABLE_ERRORS


def _is_of_storage(error: HttpResponseError) -> bool:
    """Whether storage itself has answered, by the headers that all its answers have.

    A page of a proxy or gateway says nothing of a row or blob: one that is there would count as gone.
    """
    headers = getattr(error.response, "headers", None)
    return headers is None or any(name.lower().startswith(_OF_STORAGE) for name in headers)


def _by_status(what: str, setting: str, error: HttpResponseError) -> Exception:
    status = error.status_code or 0
    code = getattr(error, "error_code", "") or getattr(error.response, "headers", {}).get("x-ms-error-code")
    if status in (409, 412) or code == _TAKEN_SINCE:
        return Conflict(what)
    if status in (401, 403):
        return DeniedError(what, setting)
    # Below 400: an answer that is cut, or a proxy's page in its stead.
    if status in (408, 429) or status >= 500 or status < 400 or not _is_of_storage(error):
        return UnreachableError(what, setting)
    if status == 404:  # a transaction's own exception, which is no ResourceNotFoundError
        return NotFound(what)
    return PermanentError(
        "storage_refused",
        f"Storage refused a request to {what} with status {status}.",
        "Check the names in the configuration; the status is explained in Azure Storage's reference.",
    )
