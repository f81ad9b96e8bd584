"""Contacts go to bodies with their origins, line by line in both, however the lines stand in what is read at once."""

import random

import pytest

from shared.mapping.origins import Origins
from shared.mapping.results import MappedChunk
from shared.staging import bodies
from shared.staging.bodies import HEAD, grouped


@pytest.mark.parametrize("piece_bytes", [1, 7, 64, 65_536])
@pytest.mark.parametrize("seed", range(5))
def test_each_group_has_the_origins_of_its_contacts(tmp_path, monkeypatch, seed, piece_bytes):
    monkeypatch.setattr(bodies, "_PIECE_BYTES", piece_bytes)
    dice = random.Random(seed)
    chunks, wanted = [], []
    for number in range(3):
        rows = [(f'{{"n":{number}{row}{"x" * dice.randrange(30)}}},', f"{row}\tC{number}") for row in range(40)]
        chunk = MappedChunk(
            tmp_path / f"contacts{number}", tmp_path / f"places{number}", Origins((0,), (2,), (0,), (0,))
        )
        chunk.contacts.write_text("".join(f"{contact}\n" for contact, _ in rows))
        chunk.places.write_text("".join(f"{place}\n" for _, place in rows))
        chunks.append(chunk)
        wanted += rows
    found = []
    for group in grouped(chunks, 200):
        contacts = b"".join(group.contacts).decode().splitlines()
        origins = [line for line in b"".join(group.origins).splitlines() if not line.startswith(HEAD)]
        assert len(contacts) == len(origins) == group.count
        found += zip(contacts, (origin.decode() for origin in origins), strict=True)
    assert found == wanted
