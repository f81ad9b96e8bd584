"""The same sample segments again and again, each time as a new snapshot with a later refresh."""

import dataclasses
import json
from datetime import UTC, datetime, timedelta

from azure.storage.blob import ContainerClient

from local.sample_data import FOLDER, SegmentPlan, make_export, model_json

OVERLAP = 0.2


class SampleSnapshots:
    """Segments that share a fifth of their customers, one row in fifty at fault, made once and kept in memory.

    `most` snapshots can be dropped, a minute apart, without one that is refreshed later than now.
    """

    def __init__(
        self, names: tuple[str, ...], rows: int, *, seed: int = 7, flaws: float = 0.02, most: int = 60
    ) -> None:
        step = round(rows * (1 - OVERLAP))
        self._plans = [
            SegmentPlan(name=name, rows=rows, seed=seed, flaws=flaws, first_customer=place * step)
            for place, name in enumerate(names)
        ]
        export = make_export(*self._plans)
        self._files = export.files
        self.expected = export.expected
        self._taken = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=most)

    def drop(self, connection_string: str, container: str) -> str:
        """Uploads the next snapshot, as Customer Insights does it; returns the time of its refresh."""
        self._taken += timedelta(minutes=1)
        plans = [dataclasses.replace(plan, taken=self._taken) for plan in self._plans]
        with ContainerClient.from_connection_string(connection_string, container) as client:
            for first, now in zip(self._plans, plans, strict=True):
                for (source, _), (path, _) in zip(first.files(), now.files(), strict=True):
                    client.upload_blob(path, self._files[source], overwrite=True)
            client.upload_blob(f"{FOLDER}/model.json", _encoded(plans, client.url), overwrite=True)
        return f"{self._taken:%Y-%m-%d %H:%M}"


def _encoded(plans: list[SegmentPlan], base_url: str) -> bytes:
    return json.dumps(model_json(plans, base_url), indent=2).encode()
