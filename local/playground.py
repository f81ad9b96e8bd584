"""What is in the storage of `make serve`: the configuration, sample segments, and a person's own segment files."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import BlobServiceClient, ContainerClient

from local.sample_data import FOLDER
from local.sample_snapshots import SampleSnapshots
from local.stack import CONFIG, CONTAINER, ShippedExport

CONFIG_BLOB = "config/playground.json"
_ENDINGS = (".csv", ".csv.gz")


def put_configuration(storage: str, location: str) -> bool:
    """Put the example where no document is yet; False where there is one, or where the location is a local file.

    Raises: AzureError, or ValueError where the location is neither a file nor container/blob.
    """
    container, _, blob = location.partition("/")
    if Path(location).is_file():
        return False
    if not (container and blob):
        raise ValueError(f"EXPORT_CONFIG is {location!r}: neither a local file that is there, nor container/blob")
    with BlobServiceClient.from_connection_string(storage) as service:
        with suppress(ResourceExistsError):
            service.create_container(container)
        try:
            service.get_blob_client(container, blob).upload_blob(CONFIG.read_bytes())
        except ResourceExistsError:
            return False
    return True


def has_segments(storage: str) -> bool:
    """Whether anything lies in the container with segments. Raises: AzureError."""
    with ContainerClient.from_connection_string(storage, CONTAINER) as client:
        return next(iter(client.list_blobs(results_per_page=1)), None) is not None


def drop_sample(storage: str, rows: int) -> tuple[str, ...]:
    """Put the next snapshot of the example's segments there; returns their names. Raises: AzureError."""
    names = ShippedExport.first().segments
    SampleSnapshots(names, rows, most=1).drop(storage, CONTAINER)  # refreshed now: it is the newest one
    return names


def own_files(folder: Path) -> dict[str, Path]:
    """Where each file of a person's folder goes in the container.

    `Gold.csv` is the segment Gold, refreshed now. A folder without such files is taken as it is: it has the folders
    that Customer Insights makes. Raises: ValueError where there is no file at all.
    """
    now = datetime.now(UTC)
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        ending = next((one for one in _ENDINGS if path.is_file() and path.name.endswith(one)), "")
        if ending:
            name = path.name.removesuffix(ending)
            found[f"{FOLDER}/{name}/{now:%Y/%m/%d/%H%M}/{name}_1{ending}"] = path
    if not found:
        found = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    if not found:
        raise ValueError(f"{folder} holds no segment files: NAME.csv, or the folders that Customer Insights makes")
    return found


def put_files(storage: str, files: dict[str, Path]) -> None:
    """Upload them. Raises: AzureError, OSError."""
    with ContainerClient.from_connection_string(storage, CONTAINER) as client:
        for blob, path in files.items():
            with path.open("rb") as file:
                client.upload_blob(blob, file, overwrite=True)
