"""App settings and host.json, read as Azure reads them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Environment = Mapping[str, str]

# Azurite's published development account: not a secret, the same on every machine.
# Source: https://learn.microsoft.com/azure/storage/common/storage-use-azurite (2026-11)
_DEVELOPMENT_STORAGE = (
    "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;"
    # pragma: allowlist nextline secret
    "AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;"
    "BlobEndpoint=http://127.0.0.1:10000/devstoreaccount1;"
    "QueueEndpoint=http://127.0.0.1:10001/devstoreaccount1;"
    "TableEndpoint=http://127.0.0.1:10002/devstoreaccount1;"
)
SHORTEST_POLL_SECONDS = 0.1


class SettingError(Exception):
    """An app setting or a value of host.json is missing or cannot be used; the message says which."""


def resolve(text: str, environment: Environment) -> str:
    """Put the values of app settings in the place of `%NAME%`."""

    def value(match: re.Match[str]) -> str:
        name = match[1]
        if name not in environment:
            raise SettingError(f"'%{name}%' does not resolve to a value: set {name} in the environment")
        return environment[name]

    return re.sub(r"%([^%]+)%", value, text)


def connection_string(name: str | None, environment: Environment) -> str:
    """Find the connection string that a binding names; without a name it is `AzureWebJobsStorage`.

    Raises: SettingError where it is missing, or where only an identity-based connection is set.
    """
    name = name or "AzureWebJobsStorage"
    for candidate in (f"AzureWebJobs{name}", name):
        value = environment.get(candidate)
        if value:
            return _DEVELOPMENT_STORAGE if value.startswith("UseDevelopmentStorage=true") else value
    raise SettingError(f"no connection string: set {name} in the environment (local hosts have no managed identity)")


@dataclass(frozen=True)
class QueueSettings:
    """The `extensions.queues` part of host.json, with the platform's own defaults.

    Source: https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-queue (2026-11)
    """

    batch_size: int = 16
    new_batch_threshold: int = 8
    visibility_timeout_seconds: float = 0
    max_dequeue_count: int = 5
    base64: bool = True
    longest_poll_seconds: float = 60


@dataclass(frozen=True)
class HostSettings:
    """What the host reads of host.json. Units: `function_timeout_seconds` is None where there is no limit."""

    route_prefix: str = "api"
    function_timeout_seconds: float | None = 1800
    queues: QueueSettings = QueueSettings()


def read_host_json(app_directory: Path, environment: Environment) -> HostSettings:
    """Read host.json of an app. As in Azure, a setting `AzureFunctionsJobHost__a__b` wins over its `a.b`."""
    path = app_directory / "host.json"
    try:
        root = _lower_keys(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise SettingError(f"{path} is missing: every function app has a host.json") from None
    except ValueError as error:
        raise SettingError(f"{path} is not JSON: {error}") from error
    _apply_overrides(root, environment)
    extensions = root.get("extensions", {})
    timeout = root.get("functiontimeout")
    return HostSettings(
        route_prefix=str(extensions.get("http", {}).get("routeprefix", "api")).strip("/"),
        function_timeout_seconds=1800 if timeout is None else _timeout_seconds(str(timeout)),
        queues=_queue_settings(extensions.get("queues", {})),
    )


def _queue_settings(queues: Mapping[str, Any]) -> QueueSettings:
    batch_size = int(queues.get("batchsize", 16))
    if not 1 <= batch_size <= 32:
        raise SettingError(f"host.json: queues.batchSize is {batch_size}, and goes from 1 to 32")
    encoding = str(queues.get("messageencoding", "base64")).lower()
    if encoding not in ("base64", "none"):
        raise SettingError(f"host.json: queues.messageEncoding is {encoding!r}, and is base64 or none")
    longest_poll_seconds = seconds_of(str(queues.get("maxpollinginterval", "00:01:00")))
    if longest_poll_seconds < SHORTEST_POLL_SECONDS:
        raise SettingError(f"host.json: queues.maxPollingInterval is {longest_poll_seconds:g} s, and is 0.1 s at least")
    return QueueSettings(
        batch_size=batch_size,
        new_batch_threshold=int(queues.get("newbatchthreshold", batch_size // 2)),
        visibility_timeout_seconds=seconds_of(str(queues.get("visibilitytimeout", "00:00:00"))),
        max_dequeue_count=int(queues.get("maxdequeuecount", 5)),
        base64=encoding == "base64",
        longest_poll_seconds=longest_poll_seconds,
    )


def seconds_of(time_span: str) -> float:
    """Turn a .NET time span, `[days.]hh:mm:ss[.fraction]`, into seconds."""
    match = re.fullmatch(r"(?:(\d+)\.)?(\d+):(\d+):(\d+(?:\.\d+)?)", time_span.strip())
    if match is None:
        raise SettingError(f"host.json: {time_span!r} is not a time span like 00:05:00")
    days, hours, minutes, seconds = match.groups()
    return int(days or 0) * 86_400 + int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def _timeout_seconds(text: str) -> float | None:
    return None if text.strip() == "-1" else seconds_of(text)


def _lower_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key).lower(): _lower_keys(item) for key, item in value.items()}
    return value


def _apply_overrides(root: dict[str, Any], environment: Environment) -> None:
    prefix = "azurefunctionsjobhost__"
    for name, value in environment.items():
        if not name.lower().startswith(prefix):
            continue
        *path, last = name.lower().removeprefix(prefix).split("__")
        place = root
        for part in path:
            place = place.setdefault(part, {})
        place[last] = value
