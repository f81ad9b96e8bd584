"""Wires the parts together: the one place where settings become storage, configuration and Brevo clients."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache, partial

from shared.brevo.attributes import AccountAttribute
from shared.brevo.client import BrevoClient
from shared.brevo.pace import Pace
from shared.brevo.session import BrevoSession
from shared.config.document import ReadyExport, read_document, ready_export
from shared.config.models import Document
from shared.config.store import DocumentStore
from shared.errors import ConfigurationError, ExportError, PermanentError, TransientError, shown
from shared.runs.graces import Graces
from shared.runs.store import RunStore
from shared.settings import Settings, read_secret, read_settings
from shared.storage.account import Storage, open_storage


@dataclass(frozen=True, slots=True)
class App:
    """What every operation works with."""

    settings: Settings
    storage: Storage
    store: RunStore
    graces: Graces = field(default_factory=Graces)

    def time(self) -> datetime:
        """The time in UTC, as storage sees it."""
        return self.storage.clock.now()

    def now(self) -> float:
        """The same as POSIX seconds."""
        return self.time().timestamp()

    def document(self) -> Document:
        """The configuration as it is now. Raises DocumentError or ConfigurationError."""
        return read_document(self.settings.export_config, self.storage.app_blobs)

    def document_under_way(self) -> Document:
        """The same for work that has begun, which waits where somebody has broken it. Raises TransientError."""
        try:
            return self.document()
        except (ConfigurationError, PermanentError) as error:
            raise TransientError("configuration_unreadable", error.message, error.advice) from None

    @property
    def configuration(self) -> DocumentStore:
        """The same document, for those who change it."""
        return DocumentStore(self.settings.export_config, self.storage.app_blobs, self.storage.clock)

    def ready_export(self, export_id: str) -> ReadyExport:
        """The export with its connection, for a step of its run. Raises ConfigurationError and TransientError."""
        return ready_export(self.document_under_way(), export_id)

    def pace(self, key_setting: str) -> Pace:
        """The account's pace, shared with all other workers."""
        return Pace(self.storage.accounts, key_setting, self.storage.clock)

    def patient(self) -> "App":
        """The same app for a process that goes on with its work: it rides out a restart of storage."""
        return _open(self.settings, hurried=False) if self.storage.is_hurried else self

    def brevo(self, key_setting: str, still_wanted: Callable[[], object] = bool) -> BrevoClient:
        """A client for the account whose key is in the setting of this name. Raises ConfigurationError.

        `still_wanted` is asked just before each request goes out, and raises where it is not to be sent any more.
        """
        session = BrevoSession(
            self.settings.brevo_base_url,
            read_secret(key_setting),
            self.pace(key_setting),
            describe_key=partial(self._where_key_is, key_setting),
            still_wanted=still_wanted,
        )
        return BrevoClient(session)

    def attributes(self, key_setting: str) -> Mapping[str, AccountAttribute]:
        """The attributes of the account whose key is in the setting of this name. Raises as `BrevoSession.call`."""
        return self.brevo(key_setting).attributes()

    def _where_key_is(self, key_setting: str) -> str:
        connections: list[str] = []
        with suppress(ExportError):
            connections = [each.id for each in self.document().connections if each.api_key.setting == key_setting]
        names, setting = ", ".join(connections), shown(key_setting)
        if not connections:
            return f"(setting {setting})"
        return f"of the connection{'s' if len(connections) > 1 else ''} {names} (setting {setting})"


# Replaced only by tests on a host with shorter leases: one factor for all of them, `Graces().scaled(factor)`.
GRACES = Graces()


def open_app() -> App:
    """The app as the environment says, for somebody who waits for an answer: a terminal or an HTTP call.

    Storage that does not answer is given up within 15 seconds. No request is sent to storage or Brevo yet.
    """
    return _open(read_settings(), hurried=True)


def open_worker_app() -> App:
    """The same for the steps of the queue, the timer and events, which ride out a restart of storage."""
    return _open(read_settings(), hurried=False)


@lru_cache(maxsize=2)
def _open(settings: Settings, *, hurried: bool) -> App:
    """Kept for the next invocation, which then finds its connections open."""
    storage = open_storage(settings, hurried=hurried)
    return App(settings, storage, RunStore(storage), GRACES)
