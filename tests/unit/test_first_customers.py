"""Which rows are sent where contacts are identified by customers' ids, against the same rule written row by row."""

import random

import pytest

from shared.mapping.customers import FirstCustomers
from shared.mapping.engine import open_engine
from shared.mapping.fate import FATE


def row_by_row(chunks):
    """The fates of the chunks' rows, which are (segment, customer, address, fate)."""
    customers, addresses, found = {}, {}, []
    for segment, customer, address, fate in (row for chunk in chunks for row in chunk):
        if fate in ("contact", "waiting", "left_list"):
            before = customers.get(customer)
            if before is not None:
                is_merged = before != segment and (fate == "left_list" or addresses.get(address, segment) != segment)
                fate = "merged" if is_merged else "duplicate_customer_id"
                customers[customer] = segment if is_merged else before
            elif fate != "left_list" and address in addresses:
                fate = "duplicate_email"
            else:
                customers[customer] = segment
                if fate != "left_list":
                    addresses[address] = segment
        found.append(fate)
    return found


@pytest.mark.parametrize("seed", range(20))
def test_rows_of_few_customers_and_addresses_end_as_they_do_row_by_row(tmp_path, seed):
    draw = random.Random(seed)
    kinds = ["contact"] * 4 + ["waiting", "left_list", "invalid_email"]
    chunks = [
        [
            (segment, f"C-{draw.randrange(12)}", f"a{draw.randrange(12)}@x", draw.choice(kinds))
            for _ in range(draw.randrange(12))
        ]
        for segment in (0, 0, 1, 1, 2)
    ]
    found = []
    db = open_engine(tmp_path)
    names = {number: name for name, number in FATE.items()}
    customers = FirstCustomers(db, tmp_path, is_judged=False)
    for segment, chunk in zip((0, 0, 1, 1, 2), chunks, strict=True):
        db.execute("CREATE OR REPLACE TEMP TABLE chunk (customer_id VARCHAR, email VARCHAR, fate UTINYINT)")
        for _, customer, address, fate in chunk:
            db.execute("INSERT INTO chunk VALUES (?, ?, ?)", [customer, address, FATE[fate]])
        customers.settle(segment)
        found += [names[fate] for (fate,) in db.execute("SELECT fate FROM chunk ORDER BY rowid").fetchall()]
    db.close()
    assert found == row_by_row(chunks)
