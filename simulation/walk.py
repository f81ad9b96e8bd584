"""Walks all orders of the calls that decide: `python -m simulation.walk`; `--part K/N` an N-th part of them.

Two workers send two batches, each step message comes to both of them, and one thing goes wrong: at one deciding call a
worker dies, loses the answer, or stands still for longer than its claim lasts. Between the calls that decide (claims,
slots, commits, posts, endings) a worker goes on undisturbed; before each of them it may have to let the other go first,
which is a switch out of turn. All ways to place at most three of these are played.
"""

import argparse
import os
import random
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from simulation.clock import BEGINNING
from simulation.faults import BrevoFault, CallFault, CallKind, Faults, Latency, MessageFault
from simulation.history import play
from simulation.many import collected_late, machine
from simulation.patches import replaced
from simulation.plan import Action, Plan

MOST_SWITCHES = 3
# Whoever waits lets the other finish what it is at.
_SWITCH_SECONDS = 3.0
_STILL_SECONDS = 45.0
_DECIDING = {"start", "claimed_run", "_commit", "take_slot", "claimed_batch", "_post", "finish", "_take_completed"}
_WRITES = ("replace", "insert", "put", "delete")
_DEEPEST = 14
_KINDS: tuple[CallKind, ...] = ("dies", "lost", "freezes")

# What may go wrong, in the plan's own words, so that the judge excuses no more than that.
PLAN = Plan(
    schedule=1,
    workers=2,
    exports=1,
    batches=2,
    slots=1,
    call_backs=True,
    with_rejections=False,
    quiet_seconds=0.0,
    real_staging=False,
    latency=Latency(0.0, 0.0, 0.0, 0.0),
    import_seconds=(1.0, 1.0),
    clock_offsets=(0.0, 0.0),
    reorder_share=0.0,
    doubled_share=0.0,
    trouble_seconds=120.0,
    actions=(Action("refresh", 1.0),),
    faults=(CallFault("freezes", "", 0, _STILL_SECONDS),),
)


@dataclass(frozen=True, slots=True)
class Path:
    """What goes wrong and at which deciding call, counted from 0, and before which of them its worker has to wait."""

    kind: CallKind | None
    at: int
    switches: tuple[int, ...]

    def __str__(self) -> str:
        fault = f"{self.kind} at call {self.at}" if self.kind else "nothing goes wrong"
        return f"{fault}, switches before the calls {', '.join(map(str, self.switches)) or 'none'}"


class WalkedFaults(Faults):
    """Lets happen what the path says, and nothing by chance."""

    def __init__(self, path: Path) -> None:
        super().__init__((), PLAN.latency, random.Random(1), BEGINNING)
        self._path = path
        self.deciding = 0

    def latency(self) -> float:
        """None: no other task comes between."""
        return 0.0

    def between(self, least: float, most: float) -> float:
        """Always the same."""
        return least

    def at_call(self, name: str) -> CallFault | None:
        """The path's, where the call decides something."""
        if not name.endswith(_WRITES) or not _is_deciding(name):
            return None
        number, self.deciding = self.deciding, self.deciding + 1
        if number == self._path.at and self._path.kind:
            return CallFault(self._path.kind, name, number, _STILL_SECONDS if self._path.kind == "freezes" else 0.0)
        return CallFault("hangs", name, number, _SWITCH_SECONDS) if number in self._path.switches else None

    def at_brevo(self, name: str) -> BrevoFault | None:
        """A post may have to wait, or lose its answer."""
        if name != "import":
            return None
        number, self.deciding = self.deciding, self.deciding + 1
        if number == self._path.at and self._path.kind == "lost":
            return BrevoFault("reset-after", name, number)
        return BrevoFault("slow", name, number, _SWITCH_SECONDS) if number in self._path.switches else None

    def at_message(self) -> MessageFault | None:
        """Each message comes twice, to one worker each."""
        return None if self.is_over else MessageFault("doubled", 0, 0.0)


def _is_deciding(name: str) -> bool:
    """True for a write that one of the deciding functions has asked for; of the account's rows for its slots alone."""
    wanted = {"take_slot"} if name.startswith("accounts") else _DECIDING
    frame = sys._getframe(2)
    for _ in range(_DEEPEST):
        if frame.f_code.co_name in wanted:
            return True
        if frame.f_back is None:
            return False
        frame = frame.f_back
    return False


def _play(path: Path) -> tuple[int, str]:
    """How many calls decided something, and which invariant was violated."""
    faults = WalkedFaults(path)
    violation = play(PLAN, faults).violation
    return faults.deciding, f"{violation.name}: {violation.text}" if violation else ""


def walk(path: Path, most: int) -> Iterator[tuple[Path, str]]:
    """The path, and every one that adds switches behind its last."""
    calls, violated = _play(path)
    yield path, violated
    if len(path.switches) < most:
        for number in range(path.switches[-1] + 1 if path.switches else 0, calls):
            yield from walk(Path(path.kind, path.at, (*path.switches, number)), most)


def _walked(path: Path, most: int) -> tuple[int, list[str]]:
    with replaced(), collected_late():
        found = list(walk(path, most))
    return len(found), [f"{each}: {violated}" for each, violated in found if violated]


def first_paths(calls: int, part: tuple[int, int] = (1, 1)) -> list[Path]:
    """The paths without switches: nothing goes wrong, or one thing at one of so many calls. Of N parts the K-th."""
    number, count = part
    paths = [Path(None, -1, ()), *(Path(kind, at, ()) for at in range(calls) for kind in _KINDS)]
    return paths[number - 1 :: count]


def _part_of(text: str) -> tuple[int, int]:
    number, count = (int(each) for each in text.split("/"))
    if not 1 <= number <= count:
        raise ValueError(f"{text} is no part: K/N needs 1 <= K <= N")
    return number, count


def main() -> int:
    """Returns the exit status: 1 where an invariant was violated."""
    parser = argparse.ArgumentParser(prog="python -m simulation.walk", description=__doc__)
    parser.add_argument("--switches", type=int, default=MOST_SWITCHES, help="how many at most (3)")
    parser.add_argument("--part", type=_part_of, default=(1, 1), metavar="K/N", help="the K-th of N parts (1/1)")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    began = time.monotonic()
    with replaced():
        calls, _ = _play(Path(None, -1, ()))
    paths = first_paths(calls, options.part)
    orders, violated = 0, []
    with ProcessPoolExecutor(options.processes) as pool:
        for count, failures in pool.map(_walked, paths, [options.switches] * len(paths)):
            orders += count
            violated += failures
    number, count = options.part
    print(
        f"part {number} of {count}: {orders:,} orders of {calls} deciding calls, 2 workers, 2 batches, "
        f"at most 1 fault and {options.switches} switches out of turn, in {time.monotonic() - began:.0f} s; "
        f"{len(violated)} violate an invariant. {machine()}."
    )
    for line in violated[:20]:
        print(line)
    return 1 if violated else 0


if __name__ == "__main__":
    sys.exit(main())
