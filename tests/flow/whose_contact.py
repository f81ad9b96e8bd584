"""What docs/configure.md says of the rows of a run by the customer's id, row by row, in plain Python.

| the row's customer has       | the row's address has      | the row                                             |
|------------------------------|----------------------------|-----------------------------------------------------|
| a contact                    | the same one, or nobody    | changes it; left out where a block would be lifted  |
| a contact                    | another one                | left out                                            |
| nobody                       | one without an id          | gives it the id                                     |
| nobody                       | one of another customer    | gives it the id, unless that customer is in the run |
| nobody, but a former id does | nobody                     | changes it; the id follows with the next run        |
"""

from dataclasses import dataclass, field, replace

STAYS = ("contact", "blocked_new_address", "address_of_another")
LEFT_OUT = ("left_list", "excluded", "blocked_new_address", "address_of_another")


@dataclass(frozen=True)
class Contact:
    """A contact of the account; empty texts where it has none. `out`: it is in an excluded list."""

    address: str = ""
    ext_id: str = ""
    phone: str = ""
    name: str = ""
    blocked: bool = False
    left: bool = False
    member: bool = False
    out: bool = False


@dataclass(frozen=True)
class Row:
    """A row of the segment."""

    customer: str
    address: str
    phone: str = ""
    name: str = ""
    former: tuple[str, ...] = ()
    segment: int = 0


@dataclass
class Verdict:
    """What becomes of a row. `known_as` is the EXT_ID that it is sent with where that is a former one."""

    row: Row
    fate: str = "contact"
    own: int | None = None
    known_as: str = ""
    phone: str = ""
    is_awaited: bool = False
    waits: bool = False
    may_be: set[str] = field(default_factory=set)

    @property
    def key(self) -> str:
        return self.known_as or self.row.customer

    @property
    def values(self) -> tuple[str, ...]:
        return self.row.address, self.known_as, self.phone, self.row.name


class Oracle:
    """Judges the rows of a run, in an account as it is before it."""

    def __init__(self, account: dict[int, Contact], out_ids: set[str], out_addresses: set[str]) -> None:
        self.account = account
        self.out_ids = out_ids
        self.out = {each.address for each in account.values() if each.out and each.address} | out_addresses
        self.of_id = {each.ext_id: number for number, each in account.items() if each.ext_id}
        self.of_address = {each.address: number for number, each in account.items() if each.address}
        self.of_phone = {each.phone: number for number, each in account.items() if each.phone}
        self.left = {each.address for each in account.values() if each.left and each.address}

    def judge(self, rows: list[Row]) -> list[Verdict]:
        verdicts = [self._alone(row) for row in rows]
        self._first_ones(verdicts)
        self._wait(verdicts)
        self._phones(verdicts)
        return verdicts

    def _alone(self, row: Row) -> Verdict:
        """The row, whatever others there are."""
        owner, holder = self.of_id.get(row.customer), self.of_address.get(row.address)
        formers = [self.of_id[each] for each in row.former if each in self.of_id]
        theirs = [each for each in (owner, holder, *formers) if each is not None]
        if any(self.account[each].left for each in theirs) or row.address in self.left:
            return Verdict(row, "left_list", may_be={"excluded"} if self._is_out(row, owner, formers) else set())
        if self._is_out(row, owner, formers):
            return Verdict(row, "excluded")
        if owner is not None:
            is_blocked = self.account[owner].blocked and holder != owner
            if holder not in (None, owner):
                return Verdict(row, "address_of_another", may_be={"blocked_new_address"} if is_blocked else set())
            return Verdict(row, "blocked_new_address" if is_blocked else "contact", owner)
        return self._of_nobody(row, holder, formers)

    def _is_out(self, row: Row, owner: int | None, formers: list[int]) -> bool:
        by_id = bool({row.customer, *row.former} & self.out_ids)
        addresses = {row.address, *(self.account[each].address for each in (owner, *formers) if each is not None)}
        is_in_list = any(self.account[each].out for each in (owner, *formers) if each is not None)
        return by_id or bool(addresses & self.out) or is_in_list

    def _of_nobody(self, row: Row, holder: int | None, formers: list[int]) -> Verdict:
        if any(self.account[each].blocked and each != holder for each in formers):
            return Verdict(row, "blocked_new_address")
        if holder is None:
            return Verdict(row, waits=bool(formers), own=formers[0] if formers else None)
        if not self.account[holder].ext_id:
            return Verdict(row, own=holder)
        if self.account[holder].blocked and holder not in formers:
            return Verdict(row, "address_of_another")
        return Verdict(row, own=holder, waits=True, is_awaited=True)

    def _first_ones(self, verdicts: list[Verdict]) -> None:
        """One row of each customer, and one of each address."""
        customers: dict[str, int] = {}
        addresses: dict[tuple[object, ...], int] = {}
        for each in verdicts:
            customer, segment = each.row.customer, each.row.segment
            address = (each.row.address, each.is_awaited and ("own" if self._was_holder(each) else "other"))
            if customer in customers:
                is_known = each.fate != "contact" or addresses.get(address, segment) != segment
                is_merged = customers[customer] != segment and is_known
                each.fate, each.waits = "merged" if is_merged else "duplicate_customer_id", False
                customers[customer] = segment if is_merged else customers[customer]
            elif each.fate == "contact" and address in addresses:
                each.fate, each.waits = "duplicate_email", False
                each.may_be = {"address_of_another"} if each.is_awaited else set()
            else:
                customers[customer] = segment
                if each.fate == "contact":
                    addresses[address] = segment

    def _was_holder(self, each: Verdict) -> bool:
        return each.own is not None and self.account[each.own].ext_id in each.row.former

    def _wait(self, verdicts: list[Verdict]) -> None:
        """Rows that depend on others of the run."""
        here = {each.row.customer for each in verdicts if each.fate in ("contact", *LEFT_OUT)}
        waiting = [each for each in verdicts if each.waits]
        later = {each.own for each in waiting if each.is_awaited and self._was_holder(each)}
        for each in waiting:
            if each.is_awaited and each.own is not None:
                is_taken = self.account[each.own].ext_id in here or (each.own in later and not self._was_holder(each))
                each.fate = "address_of_another" if is_taken else "contact"
        taken = {each.own for each in verdicts if each.fate == "contact" and (each.is_awaited or not each.waits)}
        anywhere = {each.row.customer for each in verdicts if each.fate not in ("duplicate_customer_id", "merged")}
        for each in waiting:
            if each.is_awaited or each.own is None:
                continue
            if each.own in taken or self.account[each.own].ext_id in anywhere:
                each.own = None
            else:
                taken.add(each.own)
                each.known_as = self.account[each.own].ext_id

    def _phones(self, verdicts: list[Verdict]) -> None:
        taken = set()
        for each in sorted((each for each in verdicts if each.fate == "contact"), key=lambda each: each.waits):
            phone = each.row.phone
            if phone and phone not in taken and self.of_phone.get(phone, each.own) == each.own:
                taken.add(phone)
                each.phone = phone


def applied(account: dict[int, Contact], sent: list[Verdict]) -> tuple[dict[int, Contact], list[Contact]]:
    """The account after these rows were imported; and who is new in it. Raises AssertionError where a row does harm."""
    after, new, touched = dict(account), [], set()
    for each in sent:
        row, ext_id = each.row, each.key
        met = {number for number, one in account.items() if ext_id == one.ext_id or row.address == one.address}
        assert len(met) <= 1, ("two contacts become one", each)
        assert not met & touched, ("two rows change one contact", each)
        touched |= met
        values = {"address": row.address, "ext_id": ext_id, "name": row.name, "member": True}
        values |= {"phone": each.phone} if each.phone else {}
        if not met:
            new.append(Contact(**values))
        for number in met:
            before = account[number]
            assert not before.left, ("who left is put back", each)
            assert not before.blocked or before.address == row.address, ("a block is lifted", each)
            after[number] = replace(before, **values)
    return after, new


@dataclass
class Ledger:
    """What is known of an export that sends changes only."""

    values: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def sends(self, each: Verdict) -> bool:
        return self.values.get(each.key) != each.values

    def confirmed(self, verdicts: list[Verdict]) -> None:
        now = {each.key: each.values for each in verdicts if each.fate == "contact"}
        stays = {each.key for each in verdicts if each.fate in STAYS}
        self.values = {key: values for key, values in self.values.items() if key in stays} | now
