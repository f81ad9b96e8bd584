"""What becomes of a row, as the number that stands for it while rows are mapped."""

from typing import Literal

Fate = Literal[
    "contact",
    "missing_email",
    "invalid_email",
    "duplicate_email",
    "merged",
    "undecided",
    "filtered",
    "left_list",
    "missing_customer_id",
    "duplicate_customer_id",
    "blocked_new_address",
    "address_of_another",
    "waiting",
    "outside",
    "excluded",
]
FATE: dict[Fate, int] = {
    "contact": 0,
    "missing_email": 1,
    "invalid_email": 2,
    "duplicate_email": 3,
    "merged": 4,
    "undecided": 5,
    "filtered": 6,
    "left_list": 7,
    "missing_customer_id": 8,
    "duplicate_customer_id": 9,
    "blocked_new_address": 10,
    "address_of_another": 11,
    "waiting": 12,
    "outside": 13,
    "excluded": 14,
}
# What is not reported row by row. Rows that wait are reported once they are decided; those outside are no part of a
# trial.
NO_FAULTS: tuple[Fate, ...] = ("contact", "merged", "filtered", "waiting", "outside")
# What is left where every row that is decided is to be reported.
UNDECIDED: tuple[Fate, ...] = ("waiting", "outside")
