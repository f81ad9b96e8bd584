"""Days of a segment, and of an account in which colleagues, forms and the people themselves change things too."""

from collections import Counter
from dataclasses import replace

from tests.flow.whose_contact import Contact, Ledger, Oracle, Row, applied

OTHER = 13
SEGMENTS = ["Gold", "Silver"]
FIELDS = {"SMS": "phone", "FIRSTNAME": "name", "EXT_ID": "ext_id"}


class LivingAccount:
    """The people of a flow, by the customer's id, day by day."""

    def __init__(self, flow, chance):
        self.flow, self.random = flow, chance
        self.made = self.day = 0
        self.rows, self.gone = [], []
        self.staff = []
        self.ledger = Ledger()
        for _ in range(self.random.choice([4, 12, 30])):
            self._joins()
        for _ in range(self.random.choice([0, 6, 20])):
            self._is_created()

    # One day

    def pass_by(self, days):
        for self.day in range(days):
            for _ in range(self.random.choice([2, 8, 16])):
                self.random.choice(self.EVENTS)(self)
            self.run()

    def run(self):
        self.random.shuffle(self.rows)
        rows = sorted(self.rows or [Row("C-0", "c0@example.com")], key=lambda row: row.segment)
        for number, name in enumerate(SEGMENTS):
            self.flow.segment(self._text([row for row in rows if row.segment == number]), name=name)
        staff = "".join(f"{customer},{address}\n" for customer, address in self.staff or [("X", "x@example.org")])
        self.flow.segment(f"CustomerId,EMail\n{staff}", name="Staff")
        before = self.contacts()
        oracle = Oracle(before, {each for each, _ in self.staff}, {each for _, each in self.staff})
        wanted = oracle.judge(rows)
        status = self.flow.run(accept=True)
        assert status["status"].startswith("succeeded"), status
        self._check_rows(status, wanted)
        contacts = [each for each in wanted if each.fate == "contact"]
        sends_all = self.flow.export["sync_mode"] == "full"
        sent = [each for each in contacts if sends_all or self.ledger.sends(each)]
        assert status["contacts_delivered"] == len(sent), (status, sent)
        after, new = applied(before, sent)
        found = self.contacts()
        assert {number: found.get(number) for number in before} == after
        assert sorted(map(repr, (found[number] for number in found.keys() - before.keys()))) == sorted(map(repr, new))
        self.ledger.confirmed(wanted)

    def _check_rows(self, status, wanted):
        found = {}
        for row in self.flow.rejects(status["run_id"]):
            place = row["segment"], int(row["line"])
            found.setdefault(place, []).append((row["reason"], row["outcome"]))
        lines = Counter()
        for each in wanted:
            line = SEGMENTS[each.row.segment], 2 + lines[each.row.segment]
            lines[each.row.segment] += 1
            said = found.pop(line, [])
            if each.fate == "merged":
                assert not said, (line, each, said)
            elif each.fate != "contact":
                assert len(said) == 1 and said[0][0] in {each.fate, *each.may_be}, (line, each, said)
            elif each.row.phone != each.phone:
                assert said == [("duplicate_phone", "sent_without_value")], (line, each, said)
            else:
                assert not said, (line, each, said)
        assert not found

    def _text(self, rows):
        lines = [f"{r.customer},{r.address},{r.name},{r.phone},{';'.join(r.former)}\n" for r in rows]
        return "".join(["CustomerId,EMail,FirstName,Phone,PreviousCustomerId\n", *lines])

    def contacts(self):
        """All contacts of the account, by number."""
        account, own = self.flow.sandbox.account, self.flow.list_id
        found = {}
        for number, each in account.numbered.items():
            values = account.attributes_of(each)
            named = {field: values.get(name, "") for name, field in FIELDS.items()}
            named["phone"] = f"+{named['phone']}" if named["phone"] else ""
            found[number] = Contact(
                each.email,
                **named,
                blocked=each.email_blocked,
                left=number in account.lists[own].leavers,
                member=number in account.lists[own].members,
                out=number in account.lists[OTHER].members,
            )
        return found

    # What is drawn

    def _new_address(self):
        self.made += 1
        return f"p{self.made}@example.com"

    def _new_id(self):
        self.made += 1
        return f"C-{self.made}"

    def _any_id(self):
        ids = [each.customer for each in (*self.rows, *self.gone)] + [each.ext_id for each in self.contacts().values()]
        return self.random.choice([each for each in ids if each] or ["C-0"])

    def _any_address(self):
        known = [each.address for each in (*self.rows, *self.contacts().values()) if each.address]
        return self.random.choice([*known, self._new_address()])

    def _phone(self):
        return self.random.choice(["", "", f"+4072210{self.random.randrange(40):04}"])

    def _contact(self):
        contacts = list(self.flow.sandbox.account.numbered.values())
        return self.random.choice(contacts) if contacts else None

    def _list(self):
        return self.flow.sandbox.account.lists[self.random.choice([self.flow.list_id, OTHER])]

    def _change(self, **changes):
        if self.rows:
            place = self.random.randrange(len(self.rows))
            self.rows[place] = replace(self.rows[place], **changes)

    # In the segment

    def _joins(self):
        self.rows.append(Row(self._new_id(), self._new_address(), self._phone(), f"Name{self.made}"))

    def _joins_with_a_known_address(self):
        self.rows.append(Row(self._new_id(), self._any_address(), self._phone(), "Known"))

    def _joins_with_a_known_id(self):
        self.rows.append(Row(self._any_id(), self._any_address(), self._phone(), "KnownId"))

    def _is_in_both(self):
        if self.rows:
            each = self.random.choice(self.rows)
            address = self.random.choice([each.address, each.address, self._any_address()])
            self.rows.append(replace(each, segment=1 - each.segment, address=address))

    def _changes_segment(self):
        self._change(segment=self.random.randrange(2))

    def _goes_out(self):
        if len(self.rows) > 1:
            self.gone.append(self.rows.pop(self.random.randrange(len(self.rows))))

    def _returns(self):
        if self.gone:
            self.rows.append(self.gone.pop(self.random.randrange(len(self.gone))))

    def _changes_address(self):
        self._change(address=self._new_address())

    def _takes_an_address(self):
        self._change(address=self._any_address())

    def _changes_name(self):
        self._change(name=f"Name{self.random.randrange(1000)}")

    def _changes_phone(self):
        self._change(phone=self._phone())

    def _swap_addresses(self):
        if len(self.rows) > 1:
            one, two = self.random.sample(range(len(self.rows)), 2)
            addresses = self.rows[one].address, self.rows[two].address
            self.rows[one] = replace(self.rows[one], address=addresses[1])
            self.rows[two] = replace(self.rows[two], address=addresses[0])

    def _gets_another_id(self):
        if self.rows:
            place = self.random.randrange(len(self.rows))
            each = self.rows[place]
            self.rows[place] = replace(each, customer=self._new_id(), former=(*each.former, each.customer))

    def _profiles_merge(self):
        if len(self.rows) > 1:
            one, two = (self.rows.pop(self.random.randrange(len(self.rows))) for _ in range(2))
            former = [*one.former, *two.former, one.customer, two.customer]
            customer = self.random.choice([self._new_id(), one.customer])
            former = [each for each in former if each != customer]
            self.random.shuffle(former)
            address = self.random.choice([one.address, two.address, self._new_address()])
            self.rows.append(Row(customer, address, one.phone, two.name, tuple(former)))

    def _profile_splits(self):
        if self.rows:
            each = self.random.choice(self.rows)
            address = self.random.choice([each.address, self._new_address()])
            self.rows.append(Row(self._new_id(), address, "", "Split", (*each.former, each.customer)))

    def _staff(self):
        if self.staff and self.random.random() < 0.6:
            self.staff.pop()
        else:
            customer = self.random.choice([self._any_id(), self._any_id(), self._new_id()])
            self.staff.append((customer, self.random.choice([self._any_address(), self._new_address()])))

    # In the account

    def _is_created(self):
        account = self.flow.sandbox.account
        address = self.random.choice([*[self._any_address()] * 3, ""])
        ext_id, phone = self.random.choice(["", self._any_id(), self._new_id()]), self._phone()
        if address in account.contacts or ext_id in account.owners["EXT_ID"] or phone[1:] in account.owners["SMS"]:
            return
        if not (address or ext_id):
            return
        contact = account.contact_for(address, 0.0)
        self._store(contact, EXT_ID=ext_id or None, SMS=phone[1:] or None, FIRSTNAME="ByHand")
        if self.random.random() < 0.4:
            account.lists[self.flow.list_id].join(contact)
        if self.random.random() < 0.2:
            account.block(contact, email=True)

    def _store(self, contact, **values):
        account = self.flow.sandbox.account
        places = {each.name: place for place, each in enumerate(account.attributes)}
        account.store(contact, {places[name]: value for name, value in values.items()})

    def _is_deleted(self):
        if contact := self._contact():
            self.flow.sandbox.account.delete(contact)

    def _are_merged(self):
        """The first one stays, and gets what it does not have."""
        account = self.flow.sandbox.account
        one, two = self._contact(), self._contact()
        if one is two or one is None:
            return
        values, of_two = account.attributes_of(one), account.attributes_of(two)
        address, lists = two.email, [each for each in account.lists.values() if two.id in each.members]
        account.delete(two)
        self._store(one, **{name: of_two[name] for name in FIELDS if name in of_two and name not in values})
        if address and self.random.random() < 0.5:
            account.change_address(one, address, lifts_block=True)
        for each in lists:
            each.join(one)

    def _is_renamed(self):
        account, address = self.flow.sandbox.account, self._any_address()
        if (contact := self._contact()) and address not in account.contacts:
            account.change_address(contact, address, lifts_block=True)

    def _gets_another_ext_id(self):
        ext_id = self.random.choice([None, self._any_id(), self._new_id()])
        is_free = ext_id not in self.flow.sandbox.account.owners["EXT_ID"]
        if is_free and (contact := self._contact()) and (contact.email or ext_id):
            self._store(contact, EXT_ID=ext_id)

    def _number_moves(self):
        one, two = self._contact(), self._contact()
        if one is not two and one is not None:
            number = self.flow.sandbox.account.attributes_of(one).get("SMS")
            self._store(one, SMS=None)
            self._store(two, SMS=number)

    def _is_blocked(self):
        if contact := self._contact():
            self.flow.sandbox.account.block(contact, email=True)

    def _is_unblocked(self):
        if contact := self._contact():
            self.flow.sandbox.account.block(contact, email=False)

    def _leaves_list(self):
        if contact := self._contact():
            self._list().leave(contact)

    def _joins_list(self):
        if contact := self._contact():
            self._list().join(contact)

    def _is_taken_out(self):
        if contact := self._contact():
            self._list().members.pop(contact.id, None)

    EVENTS = (
        _joins,
        _joins_with_a_known_address,
        _joins_with_a_known_id,
        _goes_out,
        _returns,
        _changes_address,
        _takes_an_address,
        _changes_name,
        _changes_phone,
        _swap_addresses,
        _gets_another_id,
        _profiles_merge,
        _profile_splits,
        _staff,
        _is_in_both,
        _is_in_both,
        _changes_segment,
        _changes_segment,
        _is_created,
        _is_deleted,
        _are_merged,
        _is_renamed,
        _gets_another_ext_id,
        _number_moves,
        _is_blocked,
        _is_unblocked,
        _leaves_list,
        _joins_list,
        _is_taken_out,
    )
