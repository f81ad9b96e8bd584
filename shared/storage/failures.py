"""What Azure Storage's failures mean to us."""

from collections.abc import Iterator
from contextlib import contextmanager

from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)

from shared.errors import ConfigurationError, PermanentError, TransientError

# A queue's word, with status 400, for a message that somebody else has taken meanwhile.
_TAKEN_SINCE = "PopReceiptMismatch"


class Conflict(Exception):
    """Somebody else was faster: the row or blob is there already, or is not as we read it."""


class NotFound(Exception):
    """The row, blob, table or container is not there."""


@contextmanager
def storage_failures(what: str) -> Iterator[None]:
    """Translates the SDK's exceptions; `what` names the thing reached, without personal data.

    Raises Conflict, NotFound, or one of the three kinds of ExportError.
    Source: https://learn.microsoft.com/rest/api/storageservices/status-and-error-codes2
    """
    try:
        yield
    except (ResourceExistsError, ResourceModifiedError) as error:
        raise Conflict(what) from error
    except ResourceNotFoundError as error:
        raise NotFound(what) from error
    except ClientAuthenticationError as error:
        raise (_refused(what) if error.response is not None else _nobody_signed_in(what)) from error
    except HttpResponseError as error:
        raise _by_status(what, error) from error
    except AzureError as error:
        raise _unreachable(what) from error
    except ValueError as error:  # the SDK's word for a malformed connection string
        raise ConfigurationError(
            "storage_setting",
            f"The storage setting for {what} is not a valid connection string.",
            "Correct AzureWebJobsStorage or SEGMENT_STORAGE.",
        ) from error


def _by_status(what: str, error: HttpResponseError) -> Exception:
    status = error.status_code or 0
    if status in (409, 412) or getattr(error, "error_code", "") == _TAKEN_SINCE:
        return Conflict(what)
    if status == 404:  # a transaction's own exception, which is no ResourceNotFoundError
        return NotFound(what)
    if status in (401, 403):
        return _refused(what)
    if status in (408, 429) or status >= 500 or status == 0:
        return _unreachable(what)
    return PermanentError(
        "storage_refused",
        f"Storage refused a request to {what} with status {status}.",
        "Check the names in the configuration; the status is explained in Azure Storage's reference.",
    )


def _refused(what: str) -> ConfigurationError:
    return ConfigurationError(
        "storage_denied",
        f"Storage denied access to {what}.",
        "Check the storage settings, and that the app's identity has its roles on the account.",
    )


def _nobody_signed_in(what: str) -> ConfigurationError:
    """No token at all: it is the credential's own failure, and no answer of storage."""
    return ConfigurationError(
        "storage_not_signed_in",
        f"No identity was found to ask for {what} with.",
        "Sign in with `az login`; on Azure, check that the app has its identity (AZURE_CLIENT_ID).",
    )


def _unreachable(what: str) -> TransientError:
    return TransientError(
        "storage_unreachable",
        f"Storage did not answer for {what}.",
        "Check that the account in AzureWebJobsStorage or SEGMENT_STORAGE can be reached.",
    )
