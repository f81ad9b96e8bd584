"""The sandbox for use inside a test or another program."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

from local.brevo_sandbox.control import digest, summary
from local.brevo_sandbox.exporting import ExportBoard
from local.brevo_sandbox.faults import FaultKind, Faults
from local.brevo_sandbox.importing import ImportBoard
from local.brevo_sandbox.limits import RateLimits
from local.brevo_sandbox.people import change_contacts
from local.brevo_sandbox.request_log import RequestLog
from local.brevo_sandbox.seeding import seed
from local.brevo_sandbox.server import SandboxServer
from local.brevo_sandbox.settings import SandboxSettings
from local.brevo_sandbox.state import Account
from local.brevo_sandbox.world import World


class BrevoSandbox:
    """A stand-in for the vendor's API on a port of this machine.

    ``with BrevoSandbox(SandboxSettings.quick()) as sandbox:`` starts and stops it. All state may be looked at
    while it runs.
    """

    def __init__(self, settings: SandboxSettings | None = None, faults: Faults | None = None) -> None:
        self.world = World(settings or SandboxSettings(), faults or Faults())
        self._server = SandboxServer(self.world, self.world.settings.port)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening and cut the open connections."""
        self.world.stopping.set()
        if self._thread.is_alive():
            self._server.shutdown()
        self._server.server_close()

    def serve_forever(self) -> None:
        """Serve until the program is interrupted."""
        self._thread.start()
        self._thread.join()

    @property
    def base_url(self) -> str:
        """The address for `base_url` of a client: with /v3, without a slash at the end."""
        return f"{self.origin}/v3"

    @property
    def origin(self) -> str:
        """The address of the page, the reports and the control calls."""
        return self.world.origin

    @property
    def settings(self) -> SandboxSettings:
        """How it behaves now."""
        return self.world.settings

    @property
    def api_key(self) -> str:
        """The key that it takes."""
        return self.world.settings.api_key

    @property
    def account(self) -> Account:
        """Lists, contacts, attributes."""
        return self.world.account

    @property
    def imports(self) -> ImportBoard:
        """The imports."""
        return self.world.imports

    @property
    def exports(self) -> ExportBoard:
        """The exports of contacts that were asked for."""
        return self.world.exports

    @property
    def limits(self) -> RateLimits:
        """The rate limits, with how often each was exceeded."""
        return self.world.limits

    @property
    def log(self) -> RequestLog:
        """The requests so far."""
        return self.world.log

    def change(self, **changes: Any) -> None:
        """Change settings while it runs."""
        self.world.change(**changes)

    @contextmanager
    def slow_imports(self, seconds: float) -> Iterator[None]:
        """Imports that are taken in the block need so long."""
        before = self.settings.seconds_fixed
        self.change(seconds_fixed=seconds)
        try:
            yield
        finally:
            self.change(seconds_fixed=before)

    def reset(self) -> None:
        """Start again."""
        self.world.reset()

    def seed(self, **parts: list[dict[str, Any]]) -> None:
        """Add `folders`, `lists`, `attributes` or `contacts`; see `seeding.seed` for their shape."""
        seed(self.account, parts, self.settings)

    def change_contact(self, email: str, **change: Any) -> None:
        """What a person or an editor does: `leaves=[12]`, `joins=[12]`, `newEmail=…`; see `people`."""
        change_contacts(self.account, [{"email": email} | change], self.settings)

    def fail_next(self, route: str, kind: FaultKind | str, times: int = 1) -> None:
        """Let the next calls of a route fail: `fail_next("POST /contacts/import", "524-after")`."""
        self.world.faults.fail_next(route, kind, times)

    def storm(self, faults: Faults) -> None:
        """Replace the storm; `Faults()` ends it."""
        self.world.faults.storm(faults)

    def members(self, list_id: int) -> dict[str, dict[str, Any]]:
        """The members of a list: their attributes by e-mail address."""
        return {each.email: self.account.attributes_of(each) for each in self.account.snapshot(list_id)}

    def digest(self, list_id: int | None = None, attributes: list[str] | None = None) -> dict[str, Any]:
        """`{"count", "digest"}` of a list or of all contacts; compare with `digest_of`."""
        return digest(self.world, list_id, attributes)

    def summary(self) -> dict[str, Any]:
        """Counts of everything."""
        return summary(self.world)

    def wait_until_idle(self, timeout_seconds: float = 60.0) -> None:
        """Wait for imports and exports to finish. Raises: TimeoutError."""
        for board in (self.imports, self.exports):
            if not board.wait_until_idle(timeout_seconds):
                raise TimeoutError(f"imports or exports are still open after {timeout_seconds} s")
