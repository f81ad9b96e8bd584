"""Numbers of countries that many rows have are judged where the next rows are read: with the same verdicts."""

import pytest

from shared.mapping import mapper
from tests.flow.one_column import column, send

NUMBERS = [
    "+49 170 0278709",
    "+491704823676",
    "0049 1700749826",
    "+48502809200",
    "+34 606500722",
    "+1 650 253 0000",
    "+7 912 345-67-89",
    "+4917",
    " +491700278710\u00a0",
    "+49 (0)170 0278711",
    "+49 170 0278709",
    "+49170027871x",
    "0722300400",
    "+40722300401",
    "49170",
    "",
    "+999 12345678",
    "4.91700278719E11",
    "491700278712.0",
]


@pytest.fixture
def usual(monkeypatch):
    """The kinds that were usual when each chunk was read."""
    seen = []
    load_sql = mapper.load_sql

    def noting(*arguments):
        seen.append({column: sorted(kinds) for column, kinds in arguments[-1].items() if kinds})
        return load_sql(*arguments)

    monkeypatch.setattr(mapper, "load_sql", noting)
    return seen


def test_numbers_of_a_usual_kind_become_what_they_are_elsewhere(flow, monkeypatch, usual):
    mapping = {"attributes": {"PHONE": {"field": "Value", "type": "phone"}}}
    flow.sandbox.seed(attributes=[{"name": "PHONE"}])
    flow.segment(column(NUMBERS).replace(",a", ",b"), partition=2)
    alone = send(flow, mapping, column(NUMBERS))
    expected, rejected = flow.sent(), flow.places(alone["run_id"])
    assert usual == [{}]
    monkeypatch.setattr("shared.mapping.mapper._WORTH_PLANNING", 1)
    monkeypatch.setattr("shared.staging.reader.CHUNK_BYTES", 100)
    again = send(flow, mapping, column(NUMBERS))
    assert usual[1:] == [{}, {"phone_cell0": ["", "1", "34", "48", "49", "7", "99"]}]
    assert flow.sent() == expected
    assert again["warnings"] == alone["warnings"]
    assert flow.places(again["run_id"]) == rejected
    accepted = [name for name, values in expected.items() if "PHONE" in values]
    assert len(accepted) == 24
