"""Stories over Azurite, with quick retries of its clients."""

import pytest

from local.azurite import Azurite
from tests.faults.conftest import Story
from tests.faults.storage.cloud import Cloud


@pytest.fixture(autouse=True)
def _quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDKs' tries stay; the waits between them are short."""
    from azure.storage.blob import ExponentialRetry
    from azure.storage.queue import ExponentialRetry as QueueRetry

    monkeypatch.setattr("shared.storage.account.RETRIES", {"retry_total": 5, "retry_backoff_factor": 0.02})
    for policy in (ExponentialRetry, QueueRetry):
        monkeypatch.setattr(policy, "get_backoff_time", lambda policy, settings: 0.05)


@pytest.fixture
def cloud(story: Story, azurite: Azurite) -> Cloud:
    return Cloud(story, azurite.connection_string)
