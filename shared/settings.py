"""The app's settings: environment variables, read in one place."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from shared.errors import ConfigurationError

AZURITE = (
    "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;"
    # Azurite's published account key: the same on every machine, and no secret.
    # pragma: allowlist nextline secret
    "AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;"
    "BlobEndpoint=http://127.0.0.1:10000/devstoreaccount1;"
    "QueueEndpoint=http://127.0.0.1:10001/devstoreaccount1;"
    "TableEndpoint=http://127.0.0.1:10002/devstoreaccount1;"
)


@dataclass(frozen=True, slots=True)
class StorageAccount:
    """How to reach one storage account: by connection string, or by name with the app's identity."""

    connection_string: str | None = None
    account_name: str | None = None


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


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings, from the process's environment unless another is given.

    Raises ConfigurationError naming the setting that cannot be read.
    """
    env = os.environ if environment is None else environment
    app_storage = _account(env, "AzureWebJobsStorage") or StorageAccount(connection_string=AZURITE)
    return Settings(
        app_storage=app_storage,
        segment_storage=_account(env, "SEGMENT_STORAGE") or app_storage,
        export_config=env.get("EXPORT_CONFIG") or "config/exports.json",
        brevo_base_url=(env.get("BREVO_BASE_URL") or "https://api.brevo.com/v3").rstrip("/"),
        snapshot_quiet_seconds=_number(env, "SNAPSHOT_QUIET_SECONDS", 120, "seconds"),
        snapshot_complete_hours=_number(env, "SNAPSHOT_COMPLETE_HOURS", 6, "hours"),
        public_url=_public_url(env),
    )


def read_secret(name: str, what: str = "Brevo API key") -> str:
    """The secret in the setting of this name, read anew each time so that a rotated one is found.

    Raises ConfigurationError, which names `what` should be there, when the setting is missing, is a Key Vault
    reference that did not resolve, or can be no secret at all.
    """
    value = os.environ.get(name, "").strip()
    if not value:
        raise ConfigurationError("setting_missing", f"The setting {name} is not set.", f"Put the {what} into {name}.")
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


def _account(env: Mapping[str, str], name: str) -> StorageAccount | None:
    if connection_string := env.get(name):
        if connection_string.strip().rstrip(";").lower() == "usedevelopmentstorage=true":
            connection_string = AZURITE
        return StorageAccount(connection_string=connection_string)
    if account_name := env.get(f"{name}__accountName"):
        return StorageAccount(account_name=account_name)
    return None


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
        return url.rstrip("/")
    if host := env.get("WEBSITE_HOSTNAME"):
        return f"https://{host}"
    return None
