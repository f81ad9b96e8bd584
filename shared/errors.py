"""Errors, divided by what to do next.

    ExportError                a code, a sentence and an advice; both are safe to show and to log
    ├── ConfigurationError     a person must act: never retried
    ├── TransientError         may pass by itself: retried, with the time to wait
    └── PermanentError         will not pass by itself, and no setting would help

The adapter that meets another system's answer decides which it is; nobody above looks at status codes.
Messages never hold keys, addresses, names, phone numbers or report links, and no error is chained to its cause: whoever
logs an error logs its causes too, and those of other libraries quote what they stumbled over.
"""

import errno
import re
import traceback
from collections.abc import Iterable
from pathlib import Path

_MOST_FRAMES = 10
# Each try reads the segment again. What a killed worker has left there is deleted after an hour.
_DISK_FULL_SECONDS = 900.0
# In the words of the system, and of the database that may use what is free.
_DISK_FULL_WORDS = re.compile("No space left on device|Disk quota exceeded|max_temp_directory_size")
DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
"""What the system calls a full disk."""
_LONGEST_NAME = 60
_NEAR = 0.75
_GUESS = " (did you mean "
# An address, a link, a phone or customer number, or a word as long as keys are.
_ADDRESS = re.compile(r"[^\s/\\,;:<>()\"'|=]{1,200}[@\uff20][^\s/\\,;:<>()\"'|=]+")
# What moves a terminal's cursor, begins a line of its own in a log, or turns the direction of writing.
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]+")
_HIDDEN = re.compile(r"[@\uff20]|://|xkeysib|whsec_|sig=|[\w+/=-]{41}|(?:\d[ ().-]*){7}", re.IGNORECASE)


class ExportError(Exception):
    """Something went wrong that can be shown to a person in one sentence, which names no address."""

    def __init__(self, code: str, message: str, advice: str = "") -> None:
        self.code = code
        self.message = masked(one_line(message))
        self.advice = masked(one_line(advice))
        super().__init__(self.message)

    def __str__(self) -> str:
        return f"{self.message} {self.advice}".strip()


class ConfigurationError(ExportError):
    """A person must act before another try makes sense."""


class TransientError(ExportError):
    """May pass by itself. `retry_after_seconds` is what the other system asked for, if it did."""

    def __init__(self, code: str, message: str, advice: str = "", *, retry_after_seconds: float | None = None) -> None:
        super().__init__(code, message, advice)
        self.retry_after_seconds = retry_after_seconds


class PermanentError(ExportError):
    """Will not pass by itself."""


class DiskFullError(TransientError):
    """The worker's temporary disk has no room for what a step writes there. Another worker's may have."""

    def __init__(self) -> None:
        super().__init__(
            "worker_disk_full",
            "The temporary disk of the worker is full.",
            "A run tries it again; if it stays so, choose larger instances or split the segment in Customer Insights.",
            retry_after_seconds=_DISK_FULL_SECONDS,
        )


class UnforeseenError(Exception):
    """A fault of ours, named by its place. Raised so that the host tries again, and gives up after a few times."""


class by_place:  # noqa: N801 - read as `with by_place("timer"):`
    """What leaves a function in this block holds no word that is not ours: the host logs it, with all its causes.

    Raises UnforeseenError in the stead of what nobody foresaw; `what` names what was being done. An error of ours says
    all in its sentence: it leaves without the frames that led to it, of which the host would log a screenful each time.
    """

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ExportError | UnforeseenError):
            error.__traceback__ = error.__cause__ = None
            error.__suppress_context__ = True
        elif isinstance(error, Exception):
            raise UnforeseenError(f"{self._what}: {place_of(error)}") from None  # its words may hold personal data


def masked(text: str) -> str:
    """The text without e-mail addresses: a file's name, and so whatever names a file, may hold one."""
    return _ADDRESS.sub("(address)", text) if "@" in text or "\uff20" in text else text


def one_line(text: str) -> str:
    """The text without line breaks and control characters: a file's name, or a list's, may hold any."""
    return _UNSEEN.sub(" ", text)


def shown(text: str) -> str:
    """A word that somebody typed as it may stand in a line of our text; none that may be an address, key or number."""
    if _HIDDEN.search(text):
        return "(not shown)"
    return (text if text.isprintable() else ascii(text)[1:-1])[:60]


def did_you_mean(typed: str, known: Iterable[str]) -> str:
    """` (did you mean …?)` with the nearest of the other known names; empty where none is near."""
    from difflib import get_close_matches  # only where something is wrong

    names = {name.lower(): name for name in sorted(known) if name != typed}
    near = get_close_matches(typed[:_LONGEST_NAME].lower(), names, 1, _NEAR)
    return f"{_GUESS}{names[near[0]]}?)" if near else ""


def has_guess(text: str) -> bool:
    """Whether the text proposes a name that may have been meant."""
    return _GUESS in text


def is_disk_full(error: Exception) -> bool:
    """Whether what nobody foresaw is that the disk is full."""
    if isinstance(error, OSError):
        return error.errno in DISK_FULL
    return _DISK_FULL_WORDS.search(str(error)) is not None


def described(error: Exception) -> str:
    """An error in one line that is safe to show and to log: our own sentence, or the place of what nobody foresaw."""
    if isinstance(error, ExportError):
        return str(error)
    return DiskFullError().message if is_disk_full(error) else f"An unforeseen error: {place_of(error)}."


def place_of(error: BaseException) -> str:
    """An unforeseen error's type, the line that raised it, and each line of ours that led there, the last one first.

    Its own words may hold personal data; files and lines hold none.
    """
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames[:-1] if "site-packages" not in frame.filename][-_MOST_FRAMES:]
    lines = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in [*frames[-1:], *reversed(ours)]]
    called = f", called from {' < '.join(lines[1:])}" if lines[1:] else ""
    return f"{type(error).__name__}{f' at {lines[0]}' if lines else ''}{called}"
