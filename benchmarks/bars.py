"""The bars: what was measured, what it may be at most or at least, and whether it is."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any, Literal

from benchmarks.cold_start import ColdStart
from benchmarks.race import Result

Runs = Mapping[str, Sequence[Result]]


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar. `unit` stands behind both numbers, as in 2.9x and 281 MB."""

    words: str
    measured: float
    bound: float
    kind: Literal["at most", "at least"] = "at most"
    unit: str = ""

    @property
    def is_met(self) -> bool:
        """Whether it was held; a figure that is not a number is not."""
        return self.measured <= self.bound if self.kind == "at most" else self.measured >= self.bound

    def line(self) -> str:
        """One line for people."""
        verdict = "met" if self.is_met else "MISSED"
        return (
            f"{verdict:<6}  {self.words}: {self._measured_text()}{self.unit} ({self.kind} {self.bound:,g}{self.unit})"
        )

    def document(self) -> dict[str, Any]:
        """For the JSON."""
        return asdict(self) | {"met": self.is_met}

    def _measured_text(self) -> str:
        if not self.measured % 1:
            return f"{self.measured:,.0f}"
        # As many digits as it takes to differ from its bar.
        digits = next((places for places in (1, 2, 3) if round(self.measured, places) != self.bound), 3)
        return f"{self.measured:,.{digits}f}"


def of_the_race(runs: Runs) -> list[Bar]:
    """The bars of a million rows: ratios of medians, all from the same race."""
    floor_cpu, floor_wall = _median(runs, "floor", "cpu"), _median(runs, "floor", "wall")
    our_cpu = _median(runs, "ours", "cpu")
    return [
        Bar("our CPU to the floor's", our_cpu / floor_cpu, 3, unit="x"),
        Bar("naive's CPU to ours", _median(runs, "naive", "cpu") / our_cpu, 10, "at least", "x"),
        Bar(
            "our wall until the last import, imports in parallel, to the floor's wall",
            _median(runs, "ours_parallel", "to_last") / floor_wall,
            4,
            unit="x",
        ),
        Bar(
            "our wall until the first import to the floor's wall",
            _median(runs, "ours", "to_first") / floor_wall,
            3,
            unit="x",
        ),
        Bar("import requests", max(run.imports for run in _ours(runs)), 15),
        Bar("our CPU to the floor's, by file", _median(runs, "ours_by_file", "cpu") / floor_cpu, 2.7, unit="x"),
        Bar("import requests, by file", max(run.imports for run in runs["ours_by_file"]), 1),
        Bar("requests to Brevo in all, by file", max(run.requests for run in runs["ours_by_file"]), 8),
    ]


def of_every_size(runs: Runs, cold: ColdStart) -> list[Bar]:
    """The bars that hold for fewer rows as well."""
    faults = [f"{name}: {run.fault}" for name, results in runs.items() for run in results if run.fault]
    return [
        Bar(
            "peak of any process of ours",
            max(run.peak_of_a_process for run in _of_each_way(runs)) / 1e6,
            300,
            unit=" MB",
        ),
        Bar(f"import function_app to its libraries alone{_loaded(cold)}", cold.ratio, 3, unit="x"),
        Bar(f"modules loaded too early{_loaded(cold)}", len(cold.loaded), 0),
        Bar(f"runs whose result is wrong{f' ({"; ".join(dict.fromkeys(faults))})' if faults else ''}", len(faults), 0),
    ]


def _of_each_way(runs: Runs) -> list[Result]:
    return [*_ours(runs), *runs["ours_by_file"]]


def _ours(runs: Runs) -> list[Result]:
    return [*runs["ours"], *runs["ours_parallel"]]


def _median(runs: Runs, name: str, what: str) -> float:
    return float(median(getattr(run, what) for run in runs[name]))


def _loaded(cold: ColdStart) -> str:
    return f" ({', '.join(cold.loaded)})" if cold.loaded else ""
