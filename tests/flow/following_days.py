"""Days of two exports on one list: what happens to people, to Brevo and to the app, and what a run must then do."""

import random
from collections import Counter, deque
from contextlib import suppress
from datetime import date, timedelta

from local.brevo_sandbox.applying import is_email
from shared.errors import ConfigurationError
from shared.runs.holding import approve
from shared.runs.status import find_run
from shared.runs.steps.stop import request_cancel
from tests.flow.following_events import Events
from tests.flow.oracle import Sent, TheList
from tests.memory_line import WorkerDied

_IMPORT = "POST /contacts/import"
_REMOVE = "POST /contacts/lists/{listId}/contacts/remove"
_FIRST_DAY = date(2026, 1, 1)
_HEADER = "CustomerId,EMail,FirstName\n"


class Days(Events):
    """The people, and the two exports `Main` (of the segments Gold and Silver) and `Other` (of Bronze)."""

    def __init__(self, flow, monkeypatch, mode, seed):
        self.flow, self.patch = flow, monkeypatch
        self.random = random.Random(f"{mode} {seed}")
        self.label = f"{mode}, seed {seed}"
        self.day = self.made = self.secret = 0
        self.happened, self.story = Counter(), deque(maxlen=6)
        self.list = TheList()
        self.by_hand, self.refused, self.people, self.segment = set(), set(), [], {}
        other = self.random.choice(["full", "changes_only", "mirror"])
        self.sent = {"Main": Sent(mode), "Other": Sent(other)}
        self.mapped = {"Main": "FIRSTNAME", "Other": "FIRSTNAME"}
        flow.change(sync_mode=mode, segments=["Gold", "Silver"], max_shrink=1, max_rejected=0.5, max_warnings=0.5)
        flow.change_connection(leavers="asked")
        self.ids = {
            "Main": flow.export_id,
            "Other": flow.add_export("other", sync_mode=other, segments=["Bronze"]),
        }
        self.line = flow.app.storage.runs._line
        self._draw = flow.sandbox.world.faults.draw
        self.on_request = lambda route: None
        monkeypatch.setattr(flow.sandbox.world.faults, "draw", self._drawn)
        monkeypatch.setattr("shared.brevo.removal.MOST_A_REQUEST", 2)
        monkeypatch.setattr("shared.runs.steps.settle._NOTED_EVERY", 2)
        monkeypatch.setattr(
            "local.brevo_sandbox.applying.is_email", lambda text: text not in self.refused and is_email(text)
        )
        for _ in range(30):
            self._joins()
        for _ in range(4):
            self._form_adds()

    def pass_by(self, days):
        """Lets so many days go by."""
        for _ in range(days):
            self.day += 1
            for _ in range(self.random.randint(3, 9)):
                self._happens(self.EVENTS)
            if self.day > 1 and self.random.random() < 0.2:
                self._happens(self.RARE)
            names = self.random.choice([["Main"], ["Main", "Other"], ["Other", "Main"]])
            for name in names:
                self._refresh(name)
            for name in names:
                self._run(name)

    def _happens(self, events):
        event = self.random.choice(events)
        self.happened[event.__name__] += 1
        event(self)

    # A run, and what it must have done

    def _refresh(self, name):
        folder = f"{_FIRST_DAY + timedelta(self.day):%Y/%m/%d}/0500"
        self.segment[name] = {}
        is_empty = self.day > 2 and self.random.random() < 0.06
        for segment in ["Gold", "Silver"] if name == "Main" else ["Bronze"]:
            rows = [] if is_empty else [each for each in self.people if segment in each.segments]
            self.random.shuffle(rows)
            lines = [f"C-{each.id},{each.address},{each.name}\n" for each in rows]
            for each in rows:
                self.segment[name].setdefault(each.address, (self.mapped[name], each.name))
            lines += [f"D-{each.id},{each.address.upper()},Twice\n" for each in rows[:2]]
            self.flow.segment(_HEADER + "".join(lines), name=segment, refresh=folder)

    def _run(self, name):
        sent, others = self.sent[name], [each for other, each in self.sent.items() if other != name]
        # The mapping may have changed since the segment was written.
        segment = {each: (self.mapped[name], value) for each, (_, value) in self.segment[name].items()}
        wanted = sent.wanted(segment, self.list, others, self.secret)
        trouble = self._trouble(wanted) if self.day > 1 else ""
        status = self._worked(self.ids[name], trouble)
        self.story.append(f"day {self.day} {name} {trouble}: {status['status']} {status['error'] or ''}")
        if not segment:
            self.happened["skipped"] += 1
            self._same(name, "an empty segment", status["status"], "skipped")
            self._same_list(name, self.list.members)
            return
        if status["status"] == "held":
            self._same(name, "held", status["held_for"]["code"], wanted.held)
            self.happened[wanted.held] += 1
            self._same_list(name, self.list.members)
            status, wanted = self._decided(name, status, wanted, segment)
            if status is None:
                return
        elif status["status"].startswith("succeeded") or status["contacts_delivered"]:
            self._same(name, "not held", "", wanted.held)
        self._judge(name, status, wanted)

    def _decided(self, name, status, shown, segment):
        """A person approves or rejects, some time later. The status, and what is now to be done; None when rejected."""
        for _ in range(self.random.randint(0, 2)):
            self._happens((Days._person_leaves_list, Days._colleague_removes, Days._is_blocked))
        run = find_run(self.flow.app, status["run_id"])
        if self.day > 1 and self.random.random() < 0.3:
            self.happened["rejected"] += 1
            request_cancel(self.flow.app, run, "ana")
            self._same(name, "rejected", self.flow.finish(run.run_id)["status"], "cancelled")
            self._same_list(name, self.list.members)
            return None, None
        self.happened["approved"] += 1
        approve(self.flow.app, run, "ana")
        others = [each for other, each in self.sent.items() if other != name]
        wanted = self.sent[name].wanted(segment, self.list, others, self.secret, shown)
        return self.flow.finish(run.run_id), wanted

    def _judge(self, name, status, wanted):
        sent, others = self.sent[name], [each for other, each in self.sent.items() if other != name]
        self.happened[status["status"]] += 1
        refused = wanted.sent & self.refused
        if status["status"].startswith("succeeded"):
            counted = tuple(
                status[f"contacts_{key}"] for key in ("new", "changed", "unchanged", "delivered", "removed")
            )
            numbers = tuple(map(len, (wanted.new, wanted.changed, wanted.unchanged, wanted.sent, wanted.removed)))
            people = f"new {sorted(wanted.new)}, changed {sorted(wanted.changed)}, removed {sorted(wanted.removed)}"
            self._same(name, f"new, changed, unchanged, delivered, removed ({people})", counted, numbers)
            before = len(self.list.members)
            self.list.members = (self.list.members - wanted.removed) | (wanted.sent - refused)
            # Whom mirror_exact takes out, the other export takes for a member.
            is_exact = sent.mode == "mirror_exact"
            self.by_hand = (self.by_hand | (wanted.removed if is_exact else set())) - wanted.sent
            if status["list_before"] is not None:
                after = len(self.list.members | refused)
                self._same(name, "list before, after", (status["list_before"], status["list_after"]), (before, after))
            sent.confirm(wanted, refused, others, self.secret)
            self.happened["removed"] += len(wanted.removed)
            self._check_values(name, wanted, refused)
        else:
            self._same(name, "the end", status["status"] in ("failed", "cancelled"), True)
            self._take_over(name, wanted)
            if find_run(self.flow.app, status["run_id"]).staging_id:
                sent.attempt(wanted, others, self.secret)
        self._same_list(name, self.list.members)
        missing = wanted.segment.keys() - self.list.members - self.by_hand - self.refused
        if status["status"].startswith("succeeded"):
            self._same(name, "missing in the list", missing, set())

    def _take_over(self, name, wanted):
        """After a run that ended half-way: whatever it has done of what it was to do."""
        found, before = set(self.flow.sent()), self.list.members
        self._same(name, "added without need", found - before - wanted.sent, set())
        self._same(name, "removed without need", before - found - wanted.removed, set())
        self.list.members = found
        self.by_hand |= (before - found) if self.sent[name].mode == "mirror_exact" else set()

    def _check_values(self, name, wanted, refused):
        (other,) = (each for each in self.sent if each != name)
        theirs = self.sent[other].known(self.secret) or {}
        members = self.flow.sent()
        stale = {
            each
            for each, (attribute, value) in wanted.segment.items()
            if each in members and each not in theirs and each not in refused and members[each].get(attribute) != value
        }
        self._same(name, "with an old value", stale, set())

    def _same_list(self, name, members):
        account = self.flow.sandbox.account
        found = set(self.flow.sent())
        self._same(name, "in the list and should not be", found - members, set())
        self._same(name, "not in the list and should be", members - found, set())
        self._same(name, "put back", found & self.list.left, set())
        self._same(name, "blocked", account.blocked & self._everybody(), self.list.blocked)
        self._same(name, "emptied at once", account.remove_all_calls, 0)

    def _same(self, name, what, found, wanted):
        where = f"{self.label}, day {self.day}, {name} ({self.sent[name].mode})"
        assert found == wanted, f"{where}: {what}: {found} != {wanted}; {'; '.join(self.story)}"

    # What can go wrong while a run is under way

    def _trouble(self, wanted):
        kinds = ["import-failed", "import-partial", "killed", "killed", "cancelled", "refused"]
        kinds += ["removal refused"] * 2 if wanted.removed else []
        return self.random.choice(kinds) if self.random.random() < 0.35 else ""

    def _worked(self, export_id, trouble):
        self.happened[trouble or "no trouble"] += 1
        started = self.flow.start(export_id)
        assert started.is_new, started
        run_id = started.run_id
        if trouble.startswith("import"):
            self.flow.sandbox.fail_next(_IMPORT, trouble, 2)
        elif trouble == "killed":
            self.line.mode, self.line.at = "dies", self.line.calls + self.random.randint(1, 60)
        elif trouble == "cancelled":
            self._at_request(lambda: self._cancel(run_id))
        elif trouble == "removal refused":
            self._at_request(lambda: self.flow.sandbox.fail_next(_REMOVE, "403"), only=_REMOVE)
        elif trouble == "refused":
            self.refused = set(self.random.sample([each.address for each in self.people], 4))
        else:
            self.refused = set()
        try:
            status = self.flow.finish(run_id)
        except WorkerDied:
            self.line.dead, self.line.mode = False, None
            status = self.flow.finish(run_id)
        self.line.mode, self.on_request = None, lambda route: None
        self.flow.sandbox.world.faults.clear()
        return status

    def _cancel(self, run_id):
        with suppress(ConfigurationError):  # it has ended already
            request_cancel(self.flow.app, find_run(self.flow.app, run_id), "ana")

    def _at_request(self, act, only=""):
        left = self.random.randint(0, 2)

        def on_request(route):
            nonlocal left
            if route == only or (not only and route in (_IMPORT, _REMOVE)):
                left -= 1
                if left == -1:
                    act()

        self.on_request = on_request

    def _drawn(self, route):
        self.on_request(route)
        return self._draw(route)
