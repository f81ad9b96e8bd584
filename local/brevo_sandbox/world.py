"""All parts of one sandbox in one place: what the endpoints, the control calls and the page look at."""

import threading
from dataclasses import replace
from typing import Any

from local.brevo_sandbox.exporting import ExportBoard
from local.brevo_sandbox.faults import FaultBox, Faults
from local.brevo_sandbox.importing import ImportBoard
from local.brevo_sandbox.limits import RateLimits
from local.brevo_sandbox.notifying import Notifier
from local.brevo_sandbox.processes import FIRST_PROCESS_ID, Processes, Shop
from local.brevo_sandbox.reports import ReportShelf
from local.brevo_sandbox.request_log import RequestLog
from local.brevo_sandbox.seeding import fresh_account
from local.brevo_sandbox.settings import SandboxSettings
from local.brevo_sandbox.state import Account


class World:
    """The sandbox's state. `reset` replaces everything but the settings and the address."""

    def __init__(self, settings: SandboxSettings, faults: Faults) -> None:
        self.settings = self.usual_settings = settings
        self.local_changes = 0
        self.stopping = threading.Event()
        self.port = 0
        self.faults = FaultBox(faults)
        self.reset()

    def reset(self, account: Account | None = None, first_process: int = FIRST_PROCESS_ID) -> None:
        """Start again with an empty log and unused limits; the storm ends too. Without an account: the default one."""
        if hasattr(self, "account"):
            self.faults.clear()
            self.faults.injected.clear()
        self.account = account or fresh_account(self.settings)
        self.reports = ReportShelf()
        self.notifier = Notifier(self._read_settings, self.stopping)
        self.processes = Processes(first_process)
        shop = Shop(
            self.account, self.processes, self.reports, self._read_settings, self.notifier.notify, self.stopping
        )
        self.imports = ImportBoard(shop)
        self.exports = ExportBoard(shop)
        self.limits = RateLimits(self._read_settings)
        self.log = RequestLog()
        self.canary_visits = 0

    def change(self, **changes: Any) -> None:
        """Change settings while it runs. Raises: ValueError or TypeError for a wrong one."""
        self.settings = replace(self.settings, **changes)
        self.imports.start_waiting()

    @property
    def origin(self) -> str:
        """Where the sandbox listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def canary_address(self) -> str:
        """An address that a careful client never visits: redirects and foreign report links lead to it.

        It is the sandbox under its other name, so that a visit is noticed.
        """
        return f"http://localhost:{self.port}/inner/metadata"

    def _read_settings(self) -> SandboxSettings:
        return self.settings
