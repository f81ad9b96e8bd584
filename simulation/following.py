"""Judges lists that follow their segments: who is removed, when, and who is left when a run succeeds."""

from collections import defaultdict
from datetime import datetime
from typing import TYPE_CHECKING

from simulation.excuses import CLOCKS_DIFFER_SECONDS

if TYPE_CHECKING:
    from simulation.judge import Judge


class Following:
    """A part of the judge. `sent` is who was ever sent to each list, and `last` whom the newest run there has sent."""

    def __init__(self, judge: "Judge") -> None:
        self._judge = judge
        self.sent: dict[int, set[str]] = defaultdict(set)
        self.last: dict[int, set[str]] = defaultdict(set)

    def removed(self, list_id: int, gone: set[str]) -> None:
        """Brevo has taken these out of a list."""
        if others := gone - self.sent[list_id]:
            self._judge.violate("others untouched", f"{len(others)} are taken out of list {list_id}, and not ours")
        export = f"gold{list_id - 12}"
        open_runs = [each for each in self._judge.open_runs if self._judge.runs[each][0] == export]
        if not open_runs and gone & self.last[list_id]:
            self._judge.violate(
                "removed last", f"somebody is taken out of list {list_id} whom its last run has put there"
            )
        for run_id in open_runs:
            run = self._judge.run(run_id)
            if gone & self._judge.refreshes[run.snapshot].people.keys() if run.snapshot else set():
                self._judge.violate("removed last", f"{run_id} takes out somebody who is in its snapshot")
            own = [each for each in self._judge.brevo.imports if each.batch.startswith(f"{run_id}/{run.staging_id}/")]
            if any(not each.over_at and each.is_known for each in own):
                self._judge.violate("removed last", f"{run_id} takes out {len(gone)}, and its imports are still open")

    def check(self, run_id: str, list_id: int, people: set[str]) -> None:
        """A run of a mirror has succeeded."""
        self.last[list_id] = people
        begun = min(map(datetime.fromisoformat, self._judge.run(run_id).times.values())).timestamp()
        begun -= CLOCKS_DIFFER_SECONDS  # by the clock of the worker that wrote it down
        late: set[str] = set()
        for each in self._judge.brevo.imports:
            if each.batch.startswith(run_id):
                continue
            # What another run's import brings after the list was read, or after a person was shown who is to be
            # removed, is for the next run.
            if not each.over_at or each.over_at > begun:
                late |= each.contacts.keys()
        ours = self.sent[list_id] & self._judge.brevo.lists[list_id]
        if surplus := ours - people - late:
            self._judge.violate("list follows", f"{run_id} leaves {len(surplus)} who are not in its snapshot")
