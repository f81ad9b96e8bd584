"""What was made of a blob's newest version: kept, so that a version is read and parsed once."""

from collections import OrderedDict
from dataclasses import dataclass, field
from threading import Lock
from weakref import WeakKeyDictionary

from shared.storage.blobs import Blobs


@dataclass(frozen=True, slots=True)
class Version[T]:
    """What was made of a blob, and the etag that it had. `size_bytes` is what it was made of."""

    etag: str
    value: T
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Versions[T]:
    """One version of each blob, made of `most_bytes` in all at most: what was not used for longest goes first."""

    most_bytes: int
    _kept: WeakKeyDictionary[Blobs, OrderedDict[str, Version[T]]] = field(default_factory=WeakKeyDictionary)
    _lock: Lock = field(default_factory=Lock)

    def get(self, blobs: Blobs, name: str) -> Version[T] | None:
        """The version that was kept last, whether it is still the newest or not."""
        with self._lock:
            of_account = self._kept.get(blobs, OrderedDict())
            if name in of_account:
                of_account.move_to_end(name)
            return of_account.get(name)

    def keep(self, blobs: Blobs, name: str, version: Version[T]) -> None:
        """Keeps the version in the place of the one before."""
        with self._lock:
            of_account = self._kept.setdefault(blobs, OrderedDict())
            of_account.pop(name, None)
            of_account[name] = version
            while sum(each.size_bytes for each in of_account.values()) > self.most_bytes:
                of_account.popitem(last=False)
