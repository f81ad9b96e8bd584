"""Writes the files of a snapshot at random, with every freedom that docs/configure.md leaves to them.

A row keeps its cells as they are meant, so that who judges it need not read the file.
"""

import gzip
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from unicodedata import normalize

from shared.storage.blobs import Blob

FOLDER = "CustomerInsights_abcd1234/BlobExport"
TIME = "2026/11/24/0500"
BEFORE = "2026/11/23/0500"
NOW = datetime(2026, 11, 24, 5, tzinfo=UTC)
SPARE = ("Notes", "Score", "Älter", "Spend 2024")


@dataclass(frozen=True)
class Row:
    """A row where it stands. `fault` is the reason of one that cannot be read."""

    segment: str
    file: str
    line: int
    cells: dict[str, str]
    fault: str = ""


@dataclass(eq=False)
class Memory:
    """Storage that holds some blobs."""

    blobs: dict[str, bytes] = field(default_factory=dict)

    def listing(self, container: str, prefix: str) -> list[Blob]:
        return [
            Blob(name, f"{hash(data)}", len(data), NOW)
            for name, data in sorted(self.blobs.items())
            if name.startswith(prefix)
        ]

    def files(self, container: str, prefix: str) -> list[Blob]:
        return [blob for blob in self.listing(container, prefix) if "/" not in blob.name[len(prefix) :]]

    def folders(self, container: str, prefix: str) -> list[str]:
        below = [blob.name[len(prefix) :] for blob in self.listing(container, prefix)]
        return sorted({name.split("/")[0] for name in below if "/" in name})

    def chunks(self, container: str, name: str, etag: str) -> Iterator[bytes]:
        yield self.blobs[name]


class SnapshotWriter:
    """Writes one snapshot. `columns` are those that a mapping needs; `same_columns`: the files have no others."""

    def __init__(self, rng: random.Random, columns: list[str], *, same_columns: bool) -> None:
        self.rng = rng
        self.columns = columns
        self.same_columns = same_columns
        self.escape = rng.choice(['"', '"', "\\"])
        self.delimiter: str | None = rng.choice([None, None, ";", "\t", "|", ","])
        self.has_model = rng.random() < 0.5
        self.memory = Memory()
        self.rows: list[Row] = []
        self._entities: list[dict[str, object]] = []

    def segment(self, name: str, rows: list[dict[str, str]], formats: dict[str, str]) -> None:
        """Writes the rows as partitions of the segment. `formats` are the annotations of its columns' dates."""
        rng = self.rng
        described = self._header(in_any_case=False)
        entity: dict[str, object] = {"$type": "LocalEntity", "name": name}
        entity["attributes"] = [
            {"name": column, "annotations": [{"name": "ci:CustomDateFormat", "value": formats[column]}]}
            if column in formats
            else {"name": rng.choice(["{}", "{}", " {}\u200b"]).format(column)}
            for column in described
        ]
        partitions = []
        numbers = sorted(rng.sample(range(1, 30), rng.randint(1, 3)))
        ends = sorted(rng.randint(0, len(rows)) for _ in numbers[1:])
        for number, first, end in zip(numbers, [0, *ends], [*ends, len(rows)], strict=True):
            file = f"{name}_{number}.csv{rng.choice(['', '', '.gz'])}"
            is_header = rng.choice([True, True, False, None]) if self.has_model else True
            sign = self.delimiter or (rng.choice([",", ";", "|", "\t"]) if self.has_model else ",")
            written = rng.choice(["\\t", "Tab", "\t"]) if sign == "\t" else sign
            partitions.append(
                {
                    "location": f"https://a.blob.core.windows.net/c/{FOLDER}/{name}/{TIME}/{file}",
                    "fileFormatSettings": {"columnHeaders": is_header, "delimiter": written},
                }
            )
            data = self._file(name, file, rows[first:end], described, is_header, sign)
            self.memory.blobs[f"{FOLDER}/{name}/{TIME}/{file}"] = data
        entity["partitions"] = partitions
        self._entities.append(entity)
        self.memory.blobs[f"{FOLDER}/{name}/{BEFORE}/{name}_1.csv"] = b"an older refresh"

    def done(self) -> Memory:
        if self.has_model:
            document = json.dumps({"name": "BlobExport", "entities": self._entities}).encode()
            self.memory.blobs[f"{FOLDER}/model.json"] = self.rng.choice([b"", b"\xef\xbb\xbf"]) + document
        return self.memory

    def _header(self, *, in_any_case: bool) -> list[str]:
        rng = self.rng
        spare = [] if self.same_columns else rng.sample(SPARE, rng.randint(0, 3))
        header = [*self.columns, *spare]
        rng.shuffle(header)
        if in_any_case and not self.same_columns:
            header = [rng.choice([name, name, name.upper(), normalize("NFD", name)]) for name in header]
        return header

    def _file(
        self,
        segment: str,
        file: str,
        rows: list[dict[str, str]],
        described: list[str],
        is_header: bool | None,
        sign: str,
    ) -> bytes:
        rng = self.rng
        end = rng.choice(["\n", "\n", "\r\n", "\r"])
        parts = [rng.choice(["", "", "\ufeff", "\ufeff\ufeff"])]
        line = 1 + rng.choice([0, 0, 3])
        parts.append(end * (line - 1))
        names = described
        if is_header or (is_header is None and rng.random() < 0.5):
            names = self._header(in_any_case=True)
            padded = [rng.choice(["{}", "{}", " {} ", "\u00a0{}\ufeff", "\t{}"]).format(name) for name in names]
            header = sign.join(self._cell(name, sign, end) for name in padded)
            parts += [header, end]
            line += 1
        by_name = {normalize("NFC", name).casefold(): name for name in self.columns}
        for cells in rows:
            if rng.random() < 0.03:
                parts.append(end * 2)
                line += 2
            values = [
                cells.get(by_name.get(normalize("NFC", name).casefold(), ""), rng.choice(["", "x", "7"]))
                for name in names
            ]
            fault, written = self._written(values, sign, end)
            self.rows.append(Row(segment, file, line, cells, fault))
            parts += [written, end]
            line += 1 + written.count("\n" if end == "\r\n" else end)
        if parts[-1] == end and len(parts) > 3 and rng.random() < 0.3:
            parts.pop()
        data = b"".join(part.encode("utf-8", "surrogateescape") for part in parts)
        is_gzip = file.endswith(".gz")
        return gzip.compress(data) if is_gzip != (rng.random() < 0.1 and data != b"") else data

    def _written(self, values: list[str], sign: str, end: str) -> tuple[str, str]:
        """The reason where the row cannot be read, and the row."""
        rng = self.rng
        cells = [self._cell(value, sign, end) for value in values]
        lot = rng.random()
        if lot < 0.01:
            return "malformed_row", sign.join(cells[:-1])
        if lot < 0.02:
            return "malformed_row", sign.join([*cells, "x"])
        if lot < 0.03:
            return "invalid_encoding", sign.join(["I\udce9n", *cells[1:]])
        return "", sign.join([*cells, *[""] * rng.choice([0, 0, 0, 0, 2])])

    def _cell(self, value: str, sign: str, end: str) -> str:
        rng = self.rng
        is_plain = not set(value) & {sign, "\n", "\r"} and not value.lstrip(" ").startswith('"')
        if is_plain and rng.random() < 0.8:
            return value
        inside = value.replace("\\", "\\\\") if self.escape == "\\" else value
        inside = inside.replace('"', self.escape + '"').replace("\n", end)
        return f'{rng.choice(["", "", " "])}"{inside}"{rng.choice(["", "", "  "])}'
