"""The app of one process: the real one, with the world's Brevo in the place of a connection to it."""

from collections.abc import Callable
from typing import cast

import requests

from shared.app import App
from shared.brevo.answers import unreachable
from shared.brevo.client import BrevoClient
from shared.brevo.pace import Pace
from shared.brevo.session import BrevoSession
from shared.runs.store import RunStore
from shared.settings import Settings, StorageAccount, read_secret
from shared.storage.account import Storage
from simulation.brevo import Answer, Brevo
from simulation.config import CONFIG
from simulation.plan import Plan


class SimulatedSession(BrevoSession):
    """Brevo is asked in the same process."""

    brevo: Brevo

    def _send(self, method: str, path: str, params: object, body: bytes | None) -> Answer:
        self.traffic.requests += 1
        self.traffic.bytes_sent += len(body or b"")
        try:
            return self.brevo.ask(method, path, body)
        except requests.ConnectionError as error:
            raise unreachable(type(error).__name__) from None


class SimulatedApp(App):
    """The app of one process, with the world's Brevo."""

    __slots__ = ("brevo_account",)

    brevo_account: Brevo

    def pace(self, key_setting: str) -> Pace:
        """By the process's own clock."""
        clock = self.storage.clock
        return Pace(self.storage.accounts, key_setting, clock, sleep=clock.sleep)

    def brevo(self, key_setting: str, still_wanted: Callable[[], object] = bool) -> BrevoClient:
        """As the real one, without a connection."""
        nothing = cast(requests.Session, None)
        base_url, key = self.settings.brevo_base_url, read_secret(key_setting)
        session = SimulatedSession(base_url, key, self.pace(key_setting), _session=nothing, still_wanted=still_wanted)
        session.brevo = self.brevo_account
        return BrevoClient(session)


def open_app(storage: Storage, brevo: Brevo, plan: Plan) -> SimulatedApp:
    """The app of a new process."""
    account = StorageAccount(connection_string="simulated")
    url = "https://app.example" if plan.call_backs else None
    settings = Settings(account, account, CONFIG, "https://simulated", plan.quiet_seconds, 6.0, url)
    app = SimulatedApp(settings, storage, RunStore(storage))
    object.__setattr__(app, "brevo_account", brevo)  # as every dataclass that is frozen is filled
    return app
