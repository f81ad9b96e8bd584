"""What the library says of a phone number leaves nothing behind: a chunk has up to hundreds of thousands of them."""

import gc

import pytest

from shared.mapping.phone_rule import judge_phone


@pytest.mark.parametrize("number", ["+99912345678", "0099912345678", "+0", "00", "abc", "+49 151 23456789"])
@pytest.mark.parametrize("country", ["DE", "US", None])
def test_no_verdict_keeps_its_callers_values_until_python_looks_for_cycles(number, country):
    judge_phone(country, number)  # the first one loads what is known of a country
    gc.collect()
    gc.disable()
    try:
        for _ in range(10):
            judge_phone(country, number)
        assert gc.collect() == 0
    finally:
        gc.enable()
