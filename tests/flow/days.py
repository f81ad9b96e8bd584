"""Days of a segment and of the people in it, and what a day's run has done to them."""

import random
from collections import Counter
from dataclasses import dataclass, field

OUTSIDE = 13
_EVENTS_A_DAY = 12


@dataclass
class Customer:
    """A profile as Customer Insights has it."""

    id: str
    address: str
    former: list[str] = field(default_factory=list)


class Days:
    """A segment whose customers change between runs, over a flow.

    `harm` counts what runs have done: who was put back, unblocked, merged away; who got a second contact, and who did
    though blocked or gone.
    """

    def __init__(self, flow, seed, customers=60):
        self.flow = flow
        self.random = random.Random(seed)
        self.customers = []
        self.made = 0
        self.harm = Counter()
        self.happened = Counter()
        for _ in range(customers):
            self._joins()
        known = [{"email": f"outside{n}@example.com", "lists": [OUTSIDE]} for n in range(20)]
        flow.sandbox.seed(contacts=[*known, {"email": "outside-blocked@example.com", "emailBlacklisted": True}])

    def pass_by(self, days):
        """Lets so many days go by, each with some events and then a run."""
        for _ in range(days):
            for _ in range(_EVENTS_A_DAY):
                event = self.random.choice(self.EVENTS)
                self.happened[event.__name__] += 1
                event(self)
            self._leaves_list()
            self._is_blocked()
            self.run()

    def run(self):
        """One run, and a look at what it has done to whom."""
        self.random.shuffle(self.customers)
        seen = {}
        self.listed = [each for each in self.customers if seen.setdefault(each.address, each) is each]
        lines = [f"{each.id},{each.address},{self._phone(each)},{';'.join(each.former)}" for each in self.listed]
        self.flow.segment("\n".join(["CustomerId,EMail,Phone,PreviousCustomerId", *lines, ""]))
        before = self._contacts()
        status = self.flow.run()
        assert status["status"].startswith("succeeded"), status
        after = self._contacts()
        self._judge(before, after)
        self._check_sent(status, {email for email, _, _, is_member, _ in after.values() if is_member})

    def _judge(self, before, after):
        for number, (_, blocked, left, _, _) in before.items():
            if number not in after:
                self.harm["merged away"] += 1
                continue
            self.harm["unblocked"] += blocked and not after[number][1]
            self.harm["put back"] += left and not after[number][2]
        formers = {each.id: {each.id, *each.former} for each in self.customers}
        for number in after.keys() - before.keys():
            ext_id = after[number][4]
            own = [each for each in before.values() if ext_id and each[4] in formers.get(ext_id, {ext_id})]
            self.harm["second contact"] += any(each[4] == ext_id for each in own)
            self.harm["second contact though blocked or gone"] += any(each[1] or each[2] for each in own)

    def _check_sent(self, status, members):
        """Everyone who was sent and not refused by Brevo is in the list under the address that was sent."""
        rows = self.flow.places(status["run_id"])
        warned = set(status["warnings"])
        reported = {line for _, line, reason in rows if reason not in warned}
        sent = {each.address for line, each in enumerate(self.listed, start=2) if line not in reported}
        if self.flow.sandbox.settings.new_address == "changes_address":
            assert sent <= members, sent - members

    def _contacts(self):
        account = self.flow.sandbox.account
        members, leavers = account.lists[self.flow.list_id].members, account.lists[self.flow.list_id].leavers
        return {
            number: (
                each.email,
                each.email_blocked,
                number in leavers,
                number in members,
                account.attributes_of(each).get("EXT_ID"),
            )
            for number, each in account.numbered.items()
        }

    # What happens between runs

    def _new(self, kind):
        self.made += 1
        return f"{kind}{self.made}"

    def _phone(self, customer):
        """Some have one, and some share it."""
        number = sum(map(ord, customer.id)) % 150
        return f"+407221{number:05}" if number % 3 == 0 else ""

    def _any(self):
        return self.random.choice(self.customers)

    def _member(self):
        """A customer's address that is in the list."""
        addresses = {each.address for each in self.customers}
        found = sorted(each[0] for each in self._contacts().values() if each[3] and each[0] in addresses)
        return self.random.choice(found) if found else ""

    def _joins(self):
        self.customers.append(Customer(self._new("C-"), f"{self._new('p')}@example.com"))

    def _goes_out(self):
        self.customers.remove(self._any())

    def _leaves_list(self):
        if email := self._member():
            self.flow.sandbox.change_contact(email, leaves=[self.flow.list_id])

    def _is_blocked(self):
        if email := self._member():
            self.flow.sandbox.change_contact(email, emailBlacklisted=True)

    def _who_left_changes_address(self):
        account = self.flow.sandbox.account
        left = [each.email for each in account.lists[self.flow.list_id].leavers.values()]
        self._change_address_of(left)

    def _blocked_changes_address(self):
        self._change_address_of(self.flow.sandbox.account.blocked)

    def _change_address_of(self, emails):
        emails = set(emails)
        if found := [each for each in self.customers if each.address in emails]:
            self.random.choice(found).address = f"{self._new('p')}@example.com"

    def _changes_address(self):
        self._any().address = f"{self._new('p')}@example.com"

    def _takes_address_from_outside(self):
        self._any().address = f"outside{self.random.randrange(20)}@example.com"

    def _takes_old_address(self):
        self._any().address = self.random.choice([each[0] for each in self._contacts().values()])

    def _swaps_addresses(self):
        one, two = self._any(), self._any()
        one.address, two.address = two.address, one.address

    def _profiles_merge(self):
        one, two = self.random.sample(self.customers, 2)
        self.customers.remove(two)
        one.former = [*one.former, *two.former, one.id, two.id]
        self.random.shuffle(one.former)
        one.id = self._new("C-")
        one.address = self.random.choice([one.address, two.address, f"{self._new('p')}@example.com"])

    def _profile_splits(self):
        one = self._any()
        former = [*one.former, one.id]
        one.id = self.random.choice([one.id, self._new("C-")])
        if one.id not in former:
            one.former = former
        address = self.random.choice([one.address, f"{self._new('p')}@example.com"])
        self.customers.append(Customer(self._new("C-"), address, former))

    def _profile_is_made_again(self):
        self._any().id = self._new("C-")

    EVENTS = (
        _joins,
        _goes_out,
        _leaves_list,
        _is_blocked,
        _who_left_changes_address,
        _blocked_changes_address,
        _changes_address,
        _takes_address_from_outside,
        _takes_old_address,
        _swaps_addresses,
        _profiles_merge,
        _profile_splits,
        _profile_is_made_again,
    )
