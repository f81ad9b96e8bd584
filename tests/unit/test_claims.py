"""A claim is renewed as long as its work goes on, whatever one renewal meets."""

import logging

from shared.runs.claim import _renewing
from tests.waiting import wait_until


def test_claim_is_renewed_again_behind_an_error_that_nobody_foresaw(caplog):
    calls = []

    def renew():
        calls.append(len(calls))
        if len(calls) == 1:
            raise RuntimeError("ana@example.com")

    with caplog.at_level(logging.ERROR), _renewing(renew, 0.001):
        wait_until(lambda: len(calls) > 2, seconds=5)
    assert "a claim was not renewed: RuntimeError at test_claims.py" in caplog.text
    assert "ana@" not in caplog.text
