"""What a scenario did and what it checked, as it is shown at the end."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must be true; each failure says which run, what is missing and what was expected."""

    name: str
    looked_at: int
    failures: tuple[str, ...]


@dataclass
class Report:
    """One scenario. `done` counts what was done to the app; `notes` are shown and are no violations."""

    scenario: str
    seed: int
    done: Counter[str] = field(default_factory=Counter)
    checks: list[Check] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    logs: str = ""
    seconds: float = 0.0

    def check(self, name: str, failures: Iterable[str], looked_at: int = 1) -> None:
        """Adds a check; without failures it holds."""
        self.checks.append(Check(name, looked_at, tuple(failures)))

    @property
    def violations(self) -> list[str]:
        """All failures, each with its check's name."""
        return [f"{check.name}: {failure}" for check in self.checks for failure in check.failures]

    def document(self) -> dict[str, Any]:
        """All of it as plain values."""
        return {
            "scenario": self.scenario,
            "seed": self.seed,
            "seconds": round(self.seconds, 1),
            "done": dict(self.done),
            "checks": [
                {"name": check.name, "looked_at": check.looked_at, "failures": list(check.failures)}
                for check in self.checks
            ],
            "notes": self.notes,
            "violations": len(self.violations),
            "logs": self.logs,
        }

    def table(self) -> str:
        """The report for people."""
        state = f"{len(self.violations)} VIOLATIONS" if self.violations else "ok"
        lines = [f"{self.scenario}: {state}, {self.seconds:.0f} s, seed {self.seed}"]
        lines += [f"  did    {count:>7,}  {what}" for what, count in self.done.items()]
        for check in self.checks:
            verdict = f"{len(check.failures)} FAILED" if check.failures else "holds"
            lines.append(f"  check  {check.looked_at:>7,}  {check.name}: {verdict}")
            lines += [f"                    {failure}" for failure in check.failures[:10]]
            if len(check.failures) > 10:
                lines.append(f"                    and {len(check.failures) - 10} more")
        lines += [f"  note            {note}" for note in self.notes]
        if self.violations:
            lines.append(f"  logs            {self.logs}")
        return "\n".join(lines)
