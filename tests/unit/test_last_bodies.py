"""The last bodies of a run, of contacts that are sent once more: there may be as many as the run has contacts."""

from collections.abc import Iterator
from typing import Any

from shared.brevo.body import ImportRequest, room_whatever_the_end
from shared.staging.bodies import write_last_bodies

CONTACT = b'{"email":"person%04d@example.com","attributes":{"NOTE":"%s"}},'
HEAD = b'{"starts": [0], "offsets": [2], "file_starts": [0], "files": [0]}'


class Moved:
    """Blobs of a hundred contacts each, so large that three of them are more than a body; what is done is noted."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def chunks(self, container: str, name: str, etag: str | None) -> Iterator[bytes]:
        self.done.append(f"read {name}")
        note = b"x" * (room_whatever_the_end() // 250)
        for number in range(100):
            yield b"%s\n%s\n0\tC-%d\n" % (CONTACT % (number, note), HEAD, number)

    def read(self, container: str, name: str) -> bytes:
        return b"".join(self.chunks(container, name, None))

    def write(self, container: str, name: str, data: bytes) -> None:
        self.done.append(f"write {name}")


def test_each_body_is_written_before_contacts_of_the_next_but_one_are_read():
    blobs: Any = Moved()
    moved = [(number, "id") for number in range(1, 11)]
    bodies = write_last_bodies(blobs, "run/staging", ImportRequest(7, erase_empty=False, notify_url=None), moved, 11)
    assert sum(body.contacts for body in bodies) == 1_000
    assert [body.number for body in bodies] == [11, 12, 13, 14, 15]
    first = blobs.done.index("write run/staging/00011.json")
    assert sum(each.startswith("read") for each in blobs.done[:first]) == 3
