"""The app's settings: environment variables, read in one place."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from shared.errors import ConfigurationError, did_you_mean

AZURITE = (
    "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;"
    # Azurite's published account key: the same on every machine, and no secret.
    # pragma: allowlist nextline secret
    "AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;"
    "BlobEndpoint=http://127.0.0.1:10000/devstoreaccount1;"
    "QueueEndpoint=http://127.0.0.1:10001/devstoreaccount1;"
    "TableEndpoint=http://127.0.0.1:10002/devstoreaccount1;"
)


# What `make serve` writes while it is up, in its folder.
_SERVE_ENV = ".local/serve.env"
THIS_MACHINE = ("127.0.0.1", "localhost", "::1")
_BREVO = "https://api.brevo.com/v3"


@dataclass(frozen=True, slots=True)
class StorageAccount:
    """How to reach one storage account: by connection string, or at its services' addresses with the app's identity."""

    connection_string: str | None = field(default=None, repr=False)  # it holds the account's key
    blob_url: str = ""
    queue_url: str = ""
    table_url: str = ""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment says."""

    app_storage: StorageAccount
    segment_storage: StorageAccount
    export_config: str
    brevo_base_url: str
    snapshot_quiet_seconds: float
    snapshot_complete_hours: float
    public_url: str | None
    export_schedule: str = ""
    """When the timer runs; empty where this process does not say so."""


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings, from the process's environment unless another is given.

    Raises ConfigurationError naming the setting that cannot be read.
    """
    env = os.environ if environment is None else environment
    app_storage = _account(env, "AzureWebJobsStorage", "blob", "queue", "table")
    app_storage = app_storage or StorageAccount(connection_string=AZURITE)
    return Settings(
        app_storage=app_storage,
        segment_storage=_account(env, "SEGMENT_STORAGE", "blob") or app_storage,
        export_config=env.get("EXPORT_CONFIG") or "config/exports.json",
        brevo_base_url=_secure_url(
            "BREVO_BASE_URL", env.get("BREVO_BASE_URL") or _BREVO, f"Remove it, to use {_BREVO}.", local=True
        ),
        snapshot_quiet_seconds=_number(env, "SNAPSHOT_QUIET_SECONDS", 120, "seconds"),
        snapshot_complete_hours=_number(env, "SNAPSHOT_COMPLETE_HOURS", 6, "hours"),
        public_url=_public_url(env),
        export_schedule=env.get("EXPORT_SCHEDULE", ""),
    )


def names_storage(environment: Mapping[str, str]) -> bool:
    """Whether a setting names the app's storage: else it is the emulator of this machine."""
    return any(value and name.partition("__")[0] == "AzureWebJobsStorage" for name, value in environment.items())


def is_local_file(location: str, environment: Mapping[str, str] | None = None) -> bool:
    """Whether EXPORT_CONFIG names a file of this machine, and no `container/blob`.

    Where the app's account is reached with an identity, as on Azure, only `./` or `/` begins a path with a folder:
    a terminal in this repository's folder would take its sample config/exports.json for the app's configuration.
    """
    if not os.path.isfile(location):  # noqa: PTH113 - at every step of a run, and several times as fast
        return False
    env = os.environ if environment is None else environment
    is_address = "/" in location and not location.startswith(".") and not Path(location).is_absolute()
    return bool(env.get("AzureWebJobsStorage")) or not names_storage(env) or not is_address


def serve_env_unread(environment: Mapping[str, str]) -> str:
    """The line for a terminal beside `make serve` that has not read what this has written; else empty."""
    if names_storage(environment) or not Path(_SERVE_ENV).is_file():
        return ""
    return f"This terminal has no settings yet: run `. {_SERVE_ENV}`."


def emulator_hint(environment: Mapping[str, str], service: str = "blob") -> str:
    """What to try where this service of these settings' storage does not answer and is on this machine; else empty.

    Without a `service` it was not storage that did not answer.
    """
    setting = environment.get("AzureWebJobsStorage", "")
    by_identity = any(name.startswith(("AzureWebJobsStorage__", "SEGMENT_STORAGE__")) for name in environment)
    if not service or by_identity or environment.get("SEGMENT_STORAGE") not in (None, "", setting):
        return ""
    if not names_storage(environment):
        return serve_env_unread(environment) or "AzureWebJobsStorage is not set here; `make serve` shows how."
    is_default = setting.strip().rstrip(";").lower() == "usedevelopmentstorage=true"
    endpoint = rf"{service}endpoint=\w+://((?:127\.0\.0\.1|localhost):\d+)"
    where = re.search(endpoint, AZURITE if is_default else setting, re.IGNORECASE)
    if where is None:
        return ""
    return (
        f"It is the emulator on this machine ({where[1]}; AzureWebJobsStorage names it): is `make serve` running? "
        "If so, end it and start it again. Each start may have other ports: read its serve.env again."
    )


def read_secret(name: str, what: str = "Brevo API key", environment: Mapping[str, str] | None = None) -> str:
    """The secret in the setting of this name, read at each call so that a rotated one is found.

    Raises ConfigurationError, which names `what` should be there, when the setting is missing, is a Key Vault
    reference that did not resolve, or can be no secret at all.
    """
    known = os.environ if environment is None else environment
    value = known.get(name, "").strip()
    if not value:
        # Another receiver's setting is no misspelling of this one's, and its address would be posted to.
        near = did_you_mean(name, [each for each in known if each.partition("_")[2] != name.partition("_")[2]])
        raise ConfigurationError(
            "setting_missing", f"The setting {name} is not set{near}.", f"Put the {what} into {name}."
        )
    if value.startswith("@Microsoft.KeyVault("):
        raise ConfigurationError(
            "key_vault_reference",
            f"The Key Vault reference in the setting {name} did not resolve.",
            "Check that the secret exists and that the app's identity may read it.",
        )
    if not value.isascii() or not value.isprintable() or " " in value:
        raise ConfigurationError(
            "key_invalid", f"The setting {name} holds characters that no {what} has.", f"Copy the {what} again."
        )
    return value


def _account(env: Mapping[str, str], name: str, *services: str) -> StorageAccount | None:
    """The account of a connection, by the settings that Azure Functions reads too; None where there are none.

    Raises ConfigurationError where one of the services has no address: another storage is never taken instead.
    https://learn.microsoft.com/azure/azure-functions/functions-reference#connecting-to-host-storage-with-an-identity
    """
    if connection_string := env.get(name):
        if connection_string.strip().rstrip(";").lower() == "usedevelopmentstorage=true":
            connection_string = AZURITE
        return StorageAccount(connection_string=connection_string)
    if not any(value for setting, value in env.items() if setting.startswith(f"{name}__")):
        return None
    return StorageAccount(**{f"{service}_url": _service_url(env, name, service) for service in services})


def _service_url(env: Mapping[str, str], name: str, service: str) -> str:
    setting = f"{name}__{service}ServiceUri"
    if url := env.get(setting):
        return _secure_url(setting, url, f"Put the account's {service} endpoint into {setting}.")
    if account_name := env.get(f"{name}__accountName"):
        return f"https://{account_name}.{service}.core.windows.net"
    raise ConfigurationError(
        "setting_missing",
        f"The setting {setting} is not set.",
        f"Set it, or {name}__accountName for an account in Azure's public cloud.",
    )


def _secure_url(setting: str, url: str, advice: str, *, local: bool = False) -> str:
    """The address, without a slash behind it. `local`: on this machine it may be without encryption.

    Raises ConfigurationError, which does not repeat the address: it may hold what is meant for another setting.
    """
    try:
        parts = urlsplit(url)
        is_https = parts.scheme == "https" and bool(parts.hostname)
        is_local = local and parts.scheme == "http" and parts.hostname in THIS_MACHINE
    except ValueError:
        is_https = is_local = False
    if not is_https and not is_local:
        raise ConfigurationError(
            "setting_invalid", f"The setting {setting} is not an address that begins with https://.", advice
        )
    return url.rstrip("/")


def _number(env: Mapping[str, str], name: str, default: float, unit: str) -> float:
    text = env.get(name)
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 <= value < float("inf"):
        raise ConfigurationError(
            "setting_invalid",
            f"The setting {name} must be a number of {unit}, 0 or more.",
            f"Correct {name}, or remove it for the default of {default:g}.",
        )
    return value


def _public_url(env: Mapping[str, str]) -> str | None:
    if url := env.get("PUBLIC_URL"):
        advice = "Put the app's own address into it, or remove it: then Brevo is asked for the end of each import."
        return _secure_url("PUBLIC_URL", url, advice, local=True)
    if host := env.get("WEBSITE_HOSTNAME"):
        return f"https://{host}"
    return None
