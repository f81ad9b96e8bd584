"""What must be true when all has come to rest."""

from collections import Counter
from collections.abc import Iterator

from shared.runs.state import SUCCEEDED, Run
from simulation.excuses import CLOCKS_DIFFER_SECONDS, DEADLINE_SECONDS, loses_something, may_refuse_notices
from simulation.judge import Judge


class AtRest:
    """Judges what is left of a history."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge

    def check(self) -> None:
        """Reports the first violation to the judge."""
        runs = [self._judge.run(run_id) for run_id in self._judge.runs]
        for name, text in (
            *self._still_open(),
            *self._strangers_touched(),
            *self._too_many_open(),
            *self._of_runs(runs),
            *self._repeats(),
            *self._left(),
            *self._told(runs),
            *self._settled(),
            *self._missing(),
        ):
            self._judge.violate(name, text)

    def _still_open(self) -> Iterator[tuple[str, str]]:
        for run_id in sorted(self._judge.open_runs):
            yield "every run ends", f"{run_id} is {self._judge.runs[run_id][1]}"
        for partition, key in self._judge.kept.tables["runs"]:
            if key == "active" or partition == "open":
                yield "every run ends", f"the row {partition}/{key} is left"
        for kind, messages in (("step", self._judge.kept.messages), ("poison", self._judge.kept.poison)):
            for message in messages:
                yield "every run ends", f"a {kind} message is left: {message.text}"

    def _strangers_touched(self) -> Iterator[tuple[str, str]]:
        for email, value in self._judge.strangers.items():
            if self._judge.brevo.values.get(email) != value or not any(
                email in each for each in self._judge.brevo.lists.values()
            ):
                yield "others untouched", "somebody who is in no segment is not as before"

    def _too_many_open(self) -> Iterator[tuple[str, str]]:
        # A batch whose answer was lost is sent again at once: it may have two open, of which one's number is known.
        in_time = [each for each in self._judge.brevo.imports if not each.is_late]
        for each in in_time:
            at_once = [
                other
                for other in in_time
                if other.taken_at <= each.taken_at
                and (not other.over_at or other.over_at > each.taken_at)
                and each.taken_at - other.taken_at < DEADLINE_SECONDS - CLOCKS_DIFFER_SECONDS
            ]
            known = Counter(other.batch for other in at_once if other.is_known)
            if sum(max(1, known[batch]) for batch in {other.batch for other in at_once}) > self._judge.plan.slots:
                yield "imports open", f"at once: {', '.join(f'{other.id} of {other.batch}' for other in at_once)}"

    def _of_runs(self, runs: list[Run]) -> Iterator[tuple[str, str]]:
        for run in runs:
            if run.state == "failed" and not (run.error and run.error.code in self._judge.may_fail):
                yield "trouble only delays", f"{run.run_id} failed as {run.error.code if run.error else 'nothing'}"
            if run.run_id not in self._judge.ended_lines:
                yield "end is logged", f"{run.run_id} ended as {run.state}"
            sent = [each for each in self._judge.brevo.imports if each.batch.startswith(f"{run.run_id}/")]
            if sent and run.error is not None and run.error.message.endswith("Nothing was sent."):
                yield "nothing sent is true", f"{run.run_id} says so, and Brevo has {len(sent)} imports of it"
            yield from (("books balance", f"{run.run_id}: {text}") for text in self._books(run))

    def _books(self, run: Run) -> Iterator[str]:
        counts = run.counts
        if counts.rows_read != counts.contacts_mapped + counts.rows_merged + counts.rows_filtered + sum(
            counts.rows_rejected.values()
        ):
            yield "the rows do not add up"
        if counts.open_contacts < 0 or counts.contacts_delivered > counts.contacts_to_send:
            yield "the contacts do not add up"
        if run.state not in SUCCEEDED:
            return
        if counts.contacts_delivered != counts.contacts_to_send or counts.open_contacts:
            yield "not all are delivered and confirmed"
        if self._reports_broken:
            return
        brevo = self._judge.brevo
        # Not the whole snapshot: who left the list is not sent.
        imports = [each for each in brevo.imports if each.batch.startswith(f"{run.run_id}/")]
        people = {email for each in imports for email in each.contacts}
        if counts.rejected_by_brevo != len(people & brevo.refused):
            yield f"Brevo has rejected {len(people & brevo.refused)}"
        shared = len((people & brevo.shared) - brevo.refused)
        if counts.warnings.get("brevo_duplicate_phone", 0) != shared:
            yield f"Brevo has {shared} without their number"

    @property
    def _reports_broken(self) -> bool:
        return any(each.is_report_broken for each in self._judge.brevo.imports)

    def _repeats(self) -> Iterator[tuple[str, str]]:
        if self._judge.stands_still or loses_something(self._judge.plan):
            return
        batches = [each.batch for each in self._judge.brevo.imports]
        for each in set(batches):
            if batches.count(each) > 1:
                yield "no needless repeats", f"{each} went out {batches.count(each)} times"

    def _left(self) -> Iterator[tuple[str, str]]:
        for name in self._judge.kept.blob_names("staged"):
            yield "no body left", name

    def _told(self, runs: list[Run]) -> Iterator[tuple[str, str]]:
        for run in runs:
            code = run.error.code if run.error else ""
            if run.state != "failed" and code != "hold_expired":
                continue
            for setting, notification in (("SIMULATED_TEAMS", "team"), ("SIMULATED_WEBHOOK", "hook")):
                if not self._judge.told[setting, run.run_id] and not self._given_up(run, notification):
                    yield "told once", f"{run.run_id} {run.state} as {code}, and {notification} was not told"

    def _given_up(self, run: Run, notification: str) -> bool:
        """True where nobody may try the notice again: it may have arrived, or its receiver refuses it for good."""
        excused = {"unknown", "given_up"} if may_refuse_notices(self._judge.plan) else {"unknown"}
        rows = self._judge.kept.tables["notices"].items()
        return any(
            partition == run.run_id and key.startswith(f"{run.run_id}-{notification}-")
            for (partition, key), (values, _) in rows
            if values["state"] in excused
        )

    def _missing(self) -> Iterator[tuple[str, str]]:
        """Who was taken out of a list behind the success of the run that had put them there."""
        brevo = self._judge.brevo
        excused = brevo.ever_left | brevo.refused | brevo.unread
        for export, refresh in self._judge.newest.items():
            members = brevo.lists[self._judge.plan.list_of(int(export[-1]))]
            if refresh.id in self._judge.sent and (gone := refresh.people.keys() - members - excused):
                yield "nobody lost", f"{len(gone)} of {refresh.id} of {export} are not in the list in the end"

    def _settled(self) -> Iterator[tuple[str, str]]:
        for refresh in self._judge.unsettled():
            states = ", ".join(
                f"{run_id} {state}" for run_id, (export, state) in self._judge.runs.items() if export == refresh.export
            )
            yield "snapshot settled", f"{refresh.id} of {refresh.export} was not sent (its runs: {states or 'none'})"
