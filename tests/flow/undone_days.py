"""Days of a mirror beside another export, in an account that others change: runs, undos and repairs, by plain sets."""

from shared.runs.holding import approve
from shared.runs.starting import start_on_demand
from shared.runs.status import find_run
from tests.flow.undoing import undo
from tests.flow.verifying import verify

OTHER = 77
HEAD = "CustomerId,EMail,FirstName\n"


class UndoneDays:
    """A mirror of the segment Gold; the export Silver of the same list, which sends changes only, keeps whom it sends.

    `known` are whom the mirror has put into the list: those who are in the segment with the value True. `added` and
    `removed` are what its last run has done; of whom it removed by number, with the address.
    """

    def __init__(self, flow, chance):
        self.flow, self.random, self.account = flow, chance, flow.sandbox.account
        self.pool = [f"p{number}@example.com" for number in range(16)]
        self.known, self.theirs, self.staff, self.segment = {}, set(), set(), set()
        self.added, self.removed, self.to_undo = set(), {}, None
        self.day = self.undone = 0
        self._write("Staff", set())
        self.silver = flow.add_export(
            "silver", sync_mode="changes_only", segments=["Silver"], exclude={"segments": [], "list_ids": []}
        )

    def pass_by(self, days):
        for self.day in range(days):
            self._events(6)
            self.segment = self._some(4, 12)
            self._write("Gold", self.segment)
            if self.random.random() < 0.25:
                self.run_silver()
            self.run(is_repair=self.random.random() < 0.3)
            if self.to_undo and self.random.random() < 0.6:
                self._events(5)
                self.undo()

    # What a run, a repair and an undo must do

    def run(self, *, is_repair):
        before, left = self._in(self.flow.list_id), set(self._left().values())
        stays = self.segment & left
        sendable = self.segment - left - self._excluded()
        known = {each for each in self.known if not is_repair or each in before.values()}
        sent = {each for each in sendable if each not in known or not self.known[each]}
        removed = {n: each for n, each in before.items() if each in known - sendable - stays - self.theirs}
        status = self._repaired() if is_repair else self.flow.run(accept=True)
        assert status["status"].startswith("succeeded"), status
        assert status["contacts_delivered"] == len(sent)
        assert self._members() == {each for n, each in before.items() if n not in removed} | sent
        self.added, self.removed = sent - set(before.values()), removed
        self.known = {each: False for n, each in before.items() if each in known and n not in removed}
        self.known |= dict.fromkeys(sendable, True)
        self.to_undo = status if sent or removed else None

    def _repaired(self):
        """Approved where all of ours are to be removed."""
        status = verify(self.flow, repair=True)
        if status["status"] == "held":
            approve(self.flow.app, find_run(self.flow.app, status["run_id"]), "tester")
            status = self.flow.finish(status["run_id"])
        return status

    def run_silver(self):
        silver = self._some(1, 6)
        self._write("Silver", silver)
        status = self.flow.finish(start_on_demand(self.flow.app, self.silver, "terminal", "tester", accept=True).run_id)
        assert status["status"].startswith("succeeded"), status
        self.theirs |= silver - set(self._left().values())

    def undo(self):
        before, left, out = self._in(self.flow.list_id), self._left(), self._in(OTHER)
        to_remove = {n for n, each in before.items() if each in (self.added & self.known.keys()) - self.theirs}
        willing = {n: each for n, each in self.removed.items() if n not in left and each not in left.values()}
        there = self.account.numbered.keys() - before.keys() - out.keys()
        to_add = {n for n in willing.keys() & there if willing[n] not in self._excluded()}
        undo(self.flow, self.to_undo)
        assert self._in(self.flow.list_id).keys() == (before.keys() - to_remove) | to_add
        stay = {each for n, each in before.items() if each in self.added & self.known.keys() and n not in to_remove}
        back = {each for n, each in willing.items() if n in to_add or n in before}
        self.known = {each: sure for each, sure in self.known.items() if each not in self.added}
        self.known |= dict.fromkeys(stay | back, False)
        self.undone, self.to_undo = self.undone + 1, None

    # What there is

    def _in(self, number):
        return {each.id: each.email for each in self.account.lists[number].members.values()}

    def _left(self):
        return {each.id: each.email for each in self.account.lists[self.flow.list_id].leavers.values()}

    def _members(self):
        return set(self._in(self.flow.list_id).values())

    def _excluded(self):
        return self.staff | set(self._in(OTHER).values())

    def _some(self, least, most):
        return set(self.random.sample(self.pool, self.random.randint(least, most)))

    def _write(self, name, people):
        rows = "".join(f"C-{each},{each},Name\n" for each in sorted(people) or ["z@example.org"])
        self.flow.segment(f"{HEAD}{rows}", name=name)

    # What others do

    def _events(self, most):
        for _ in range(self.random.randint(0, most)):
            contact = self.random.choice(list(self.account.numbered.values()))
            some = self.account.lists[self.random.choice([self.flow.list_id, self.flow.list_id, OTHER])]
            self.random.choice(self.EVENTS)(self, contact, some)

    def _is_renamed(self, contact, _):
        address = self.random.choice([*self.pool, f"x{self.random.randrange(99)}@example.com"])
        if address not in self.account.contacts:
            self.account.change_address(contact, address, lifts_block=True)

    def _is_deleted(self, contact, _):
        if len(self.account.numbered) > 3:
            self.account.delete(contact)

    def _is_created(self, _, some):
        some.join(self.account.contact_for(self.random.choice(self.pool), 0.0))

    def _joins(self, contact, some):
        some.join(contact)

    def _leaves(self, contact, some):
        some.leave(contact)

    def _is_taken_out(self, contact, some):
        some.members.pop(contact.id, None)

    def _is_blocked(self, contact, _):
        self.account.block(contact, email=self.random.random() < 0.7)

    def _is_staff(self, *_):
        self.staff ^= {self.random.choice(self.pool)}
        self._write("Staff", self.staff)

    EVENTS = (_is_renamed, _is_deleted, _is_created, _joins, _leaves, _is_taken_out, _is_blocked, _is_staff)
