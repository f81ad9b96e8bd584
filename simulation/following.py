"""Judges lists that follow their segments: who is removed, when, and who is left when a run succeeds."""

from collections import defaultdict
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulation.judge import Judge


class Following:
    """A part of the judge. `sent` is who was ever sent to each list."""

    def __init__(self, judge: "Judge") -> None:
        self._judge = judge
        self.sent: dict[int, set[str]] = defaultdict(set)

    def removed(self, list_id: int, gone: set[str]) -> None:
        """Brevo has taken these out of a list."""
        if others := gone - self.sent[list_id]:
            self._judge.violate("others untouched", f"{len(others)} are taken out of list {list_id}, and not ours")
        export = f"gold{list_id - 12}"
        for run_id in [each for each in self._judge.open_runs if self._judge.runs[each][0] == export]:
            run = self._judge.run(run_id)
            if gone & self._judge.refreshes[run.snapshot].people.keys() if run.snapshot else set():
                self._judge.violate("removed last", f"{run_id} takes out somebody who is in its snapshot")
            own = [each for each in self._judge.brevo.imports if each.batch.startswith(f"{run_id}/{run.staging_id}/")]
            if any(not each.over_at and each.is_known for each in own):
                self._judge.violate("removed last", f"{run_id} takes out {len(gone)}, and its imports are still open")

    def check(self, run_id: str, list_id: int, people: set[str]) -> None:
        """A run of a mirror has succeeded."""
        begun = min(map(datetime.fromisoformat, self._judge.run(run_id).times.values())).timestamp()
        late: set[str] = set()
        for each in self._judge.brevo.imports:
            if each.batch.startswith(run_id):
                continue
            # What another run's import brings after the list was read, or after a person was shown who is to be
            # removed, is for the next run. What one brings whose answer was lost, and that was sent again, is nobody's
            # once its run has ended and they were removed.
            if (
                not each.over_at
                or each.over_at > begun
                or (not each.is_known and each.over_at > self._ended(each.batch))
            ):
                late |= each.contacts.keys()
        ours = self.sent[list_id] & self._judge.brevo.lists[list_id]
        if surplus := ours - people - late:
            self._judge.violate("list follows", f"{run_id} leaves {len(surplus)} who are not in its snapshot")

    def _ended(self, batch: str) -> float:
        """When the run of the batch has ended, in POSIX seconds."""
        run = self._judge.run(batch.partition("/")[0])
        return datetime.fromisoformat(run.times[run.state]).timestamp()
