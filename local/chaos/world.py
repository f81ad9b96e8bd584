"""What all scenarios share: where logs go, how large everything is, and a way to tell how it goes."""

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.chaos.site import Site


@dataclass
class World:
    """`small` makes everything tiny, for a test."""

    folder: Path
    small: bool = False
    quiet: bool = False
    _started: float = field(default_factory=time.monotonic)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def say(self, text: str) -> None:
        """One line of progress."""
        if not self.quiet:
            with self._lock:
                print(f"{time.monotonic() - self._started:5.0f} s  {text}", flush=True)

    def site(self, name: str, **options: Any) -> Site:
        """A ground for one scenario; the options are those of `Site`."""
        return Site(name, self.folder, self.say, **options)

    def scaled[T](self, full: T, small: T) -> T:
        """The one value in a full chaos, the other in a small one."""
        return small if self.small else full
