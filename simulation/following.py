"""Judges lists that follow their segments: who is removed, when, and who is left when a run succeeds."""

from collections import defaultdict
from datetime import datetime
from typing import TYPE_CHECKING

from simulation.excuses import CLOCKS_DIFFER_SECONDS
from simulation.sharing import is_of

if TYPE_CHECKING:
    from simulation.judge import Judge


class Following:
    """A part of the judge. `sent` is who was ever sent to each list, and `last` whom each export's newest run sends."""

    def __init__(self, judge: "Judge") -> None:
        self._judge = judge
        self.sent: dict[int, set[str]] = defaultdict(set)
        self.last: dict[str, set[str]] = defaultdict(set)

    def removed(self, list_id: int, gone: set[str]) -> None:
        """Brevo has taken these out of a list."""
        if others := gone - self.sent[list_id]:
            self._judge.violate("others untouched", f"{len(others)} are taken out of list {list_id}, and not ours")
        for number in range(self._judge.plan.exports):
            if self._judge.plan.list_of(number) == list_id:
                self._removed_beside(f"gold{number}", list_id, gone)

    def _removed_beside(self, export: str, list_id: int, gone: set[str]) -> None:
        """The same, as one of the list's exports sees it."""
        open_runs = [each for each in self._judge.open_runs if self._judge.runs[each][0] == export]
        if not open_runs and gone & self.last[export]:
            self._judge.violate(
                "removed last", f"somebody is taken out of list {list_id} whom the last run of {export} has put there"
            )
        own = {each for each in gone if is_of(each, export)}
        for run_id in open_runs if own else ():
            self._removed_by(run_id, own)

    def _removed_by(self, run_id: str, gone: set[str]) -> None:
        run = self._judge.run(run_id)
        if gone & self._judge.refreshes[run.snapshot].people.keys() if run.snapshot else set():
            self._judge.violate("removed last", f"{run_id} takes out somebody who is in its snapshot")
        own = [each for each in self._judge.brevo.imports if each.batch.startswith(f"{run_id}/{run.staging_id}/")]
        if any(not each.over_at and each.is_known for each in own):
            self._judge.violate("removed last", f"{run_id} takes out {len(gone)}, and its imports are still open")

    def check(self, run_id: str, export: str, people: set[str]) -> None:
        """A run of a mirror has succeeded."""
        self.last[export] = people
        list_id = self._judge.run(run_id).list_id
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
        ours = {each for each in self.sent[list_id] & self._judge.brevo.lists[list_id] if is_of(each, export)}
        if surplus := ours - people - late:
            self._judge.violate("list follows", f"{run_id} leaves {len(surplus)} who are not in its snapshot")
