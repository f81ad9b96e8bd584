"""Access keys: who may call what."""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from local.private_file import write_private

_KEPT = ("host", "master", "event_grid")


def new_key() -> str:
    """Make up a key."""
    return secrets.token_urlsafe(32)


def kept_keys(path: Path) -> dict[str, str]:
    """The keys `host`, `master` and `event_grid` of a file; a file that is missing or no JSON is made again.

    Raises: OSError.
    """
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        return {name: str(kept[name]) for name in _KEPT}
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        made = {name: new_key() for name in _KEPT}
        write_private(path, json.dumps(made))
        return made


@dataclass(frozen=True)
class Keys:
    """The keys of an app: `master` opens everything, `host` every function, the others one thing each."""

    host: str = field(default_factory=new_key)
    master: str = field(default_factory=new_key)
    event_grid: str = field(default_factory=new_key)
    functions: Mapping[str, str] = field(default_factory=dict)

    def allows_function(self, level: str, function_name: str, presented: str | None) -> bool:
        """Tell whether a key may call a function of an auth level (anonymous, function or admin)."""
        if level.lower() == "anonymous":
            return True
        accepted = [self.master]
        if level.lower() == "function":
            accepted.append(self.host)
            accepted.extend(key for name, key in self.functions.items() if name.lower() == function_name.lower())
        return _is_one_of(presented, accepted)

    def allows_admin(self, presented: str | None) -> bool:
        """Tell whether a key may call the control endpoints: the master key only."""
        return _is_one_of(presented, [self.master])

    def allows_event_grid(self, presented: str | None) -> bool:
        """Tell whether a key may deliver events."""
        return _is_one_of(presented, [self.master, self.event_grid])

    def refusal_status(self, presented: str | None) -> int:
        """The status for a key that does not open an endpoint of the host itself: 403 where it opens another thing."""
        known = [self.master, self.host, self.event_grid, *self.functions.values()]
        return 403 if _is_one_of(presented, known) else 401


def _is_one_of(presented: str | None, accepted: list[str]) -> bool:
    if presented is None:
        return False
    given = presented.encode()
    return sum(hmac.compare_digest(given, key.encode()) for key in accepted) > 0
