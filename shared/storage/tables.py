"""Table rows with optimistic concurrency, and nothing else of the SDK."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from azure.core import MatchConditions
from azure.data.tables import EdmType, EntityProperty, TableClient, TableEntity, UpdateMode

from shared.storage.failures import MOST_CONFLICTS, BusyError, Conflict, NotFound, storage_failures
from shared.storage.forms import OtherFormError, with_form, without_form

Value = str | int | float | bool | None
# Changes. https://learn.microsoft.com/rest/api/storageservices/performing-entity-group-transactions
MOST_A_TRANSACTION = 100


@dataclass(frozen=True, slots=True)
class Row:
    """One table row as it was read; `etag` proves that it has not changed since."""

    partition: str
    key: str
    values: Mapping[str, Any] = field(default_factory=dict)
    etag: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a transaction. `replace` and `delete` need the row as it was read."""

    kind: Literal["insert", "put", "replace", "delete"]
    row: Row


@dataclass(frozen=True, slots=True)
class OneOf:
    """A text property and the values that are wanted of it."""

    name: str
    values: Collection[str]


# What becomes of a row of another form in a query: without this it is raised.
OnOther = Callable[[OtherFormError], object]


def pass_over(error: OtherFormError) -> None:
    """For lists of things that have nothing to do with each other: what this release cannot read is not shown."""


# The row as it stands now, or None; gives its new values, or None to leave it alone.
NewValues = Callable[[Row | None], Mapping[str, Any] | None]


class Rows(ABC):
    """What follows from reading and conditional writing alone, whatever keeps the rows.

    Every row carries the number of its form. Reading one of another number raises OtherFormError
    (`shared.storage.forms`).
    """

    name: str

    def written(self, row: Row) -> dict[str, Any]:
        """The row's values as they are kept."""
        return with_form(self.name, row.key, row.values)

    def as_read(self, partition: str, key: str, values: Mapping[str, Any], etag: str | None) -> Row:
        """The row that was kept like this. Raises OtherFormError."""
        return Row(partition, key, without_form(self.name, key, values), etag)

    def readable(self, rows: Iterator[Row], on_other: OnOther | None) -> Iterator[Row]:
        """Those that this release reads; `on_other` gets the error of each other one. Raises OtherFormError without."""
        for row in rows:
            try:
                read = self.as_read(row.partition, row.key, row.values, row.etag)
            except OtherFormError as error:
                if on_other is None:
                    raise
                on_other(error)
                continue
            yield read

    @abstractmethod
    def get(self, partition: str, key: str) -> Row | None:
        """The row, or None."""

    @abstractmethod
    def insert(self, row: Row) -> str:
        """The row's etag. Raises Conflict where the row is there already."""

    @abstractmethod
    def replace(self, row: Row) -> str:
        """The row's new etag. Raises Conflict where it has changed since it was read, NotFound where it is gone."""

    @abstractmethod
    def transact(self, changes: Sequence[Change]) -> None:
        """All changes or none; they share one partition. Raises Conflict where one cannot be made."""

    def save(self, row: Row) -> str:
        """Writes a row that was read, or is new: then it has no etag. Raises Conflict where another was faster."""
        return self.insert(row) if row.etag is None else self.replace(row)

    def change(
        self,
        partition: str,
        key: str,
        change: NewValues,
        known: Row | None = None,
    ) -> Row | None:
        """Changes the values of the row as it stands now; returns the row as it then is.

        `change` sees the row, or None where there is none, perhaps more than once; where it returns None, the row is
        left alone. `known` is the row as it was read or written before: where it has changed since, it is read again.
        Raises BusyError where others are faster each time.
        """
        return self._changed(partition, key, change, known)[0]

    def take(
        self,
        partition: str,
        key: str,
        change: NewValues,
        known: Row | None = None,
    ) -> Row | None:
        """Like `change`, but None where the row was left alone: nobody else has made this change."""
        row, is_changed = self._changed(partition, key, change, known)
        return row if is_changed else None

    def _changed(self, partition: str, key: str, change: NewValues, known: Row | None) -> tuple[Row | None, bool]:
        for _ in range(MOST_CONFLICTS):
            row, is_fresh, known = known or self.get(partition, key), known is None, None
            values = change(row)
            if values is None and is_fresh:
                return row, False
            if values is None:
                continue
            try:
                etag = self.save(Row(partition, key, values, row.etag if row else None))
            except (Conflict, NotFound):
                continue
            return Row(partition, key, values, etag), True
        raise BusyError(f"a row of the table {self.name}")

    def transact_fresh(self, changes: Callable[[bool], Sequence[Change] | None]) -> bool:
        """Makes changes that were decided on rows as they stand now; False where there is nothing to change.

        `changes(False)` may decide on rows that were read or written before. Where that is nothing to do, or others
        were faster, `changes(True)` reads them again. Raises BusyError where others are faster each time.
        """
        is_again = False
        for _ in range(MOST_CONFLICTS):
            wanted = changes(is_again)
            if wanted is None and is_again:
                return False
            is_again = True
            if wanted is None:
                continue
            try:
                self.transact(wanted)
            except Conflict:
                continue
            return True
        raise BusyError(f"a row of the table {self.name}")


class Table(Rows):
    """One table. Every call raises as `storage_failures` says; the table is made when first missed."""

    def __init__(self, client: TableClient) -> None:
        self._client = client
        self.name = client.table_name
        self._what = f"table {self.name}"

    def get(self, partition: str, key: str) -> Row | None:
        """The row, or None."""
        try:
            with storage_failures(self._what):
                found = _row(self._client.get_entity(partition, key))
        except NotFound:
            return None
        return self.as_read(found.partition, found.key, found.values, found.etag)

    def query(
        self,
        partition: str,
        first: str = "",
        last: str = "",
        limit: int | None = None,
        on_other: OnOther | None = None,
        one_of: OneOf | None = None,
    ) -> Iterator[Row]:
        """The partition's rows with first <= key < last, in the order of their keys; `on_other` as for `readable`.

        With `one_of` only those whose property has one of its values. `limit` counts the rows of other forms too.
        """
        yield from self.readable(self._queried(partition, first, last, limit, one_of), on_other)

    def _queried(self, partition: str, first: str, last: str, limit: int | None, one_of: OneOf | None) -> Iterator[Row]:
        conditions, parameters = ["PartitionKey eq @partition"], {"partition": partition}
        if first:
            conditions.append("RowKey ge @first")
            parameters["first"] = first
        if last:
            conditions.append("RowKey lt @last")
            parameters["last"] = last
        if one_of:
            wanted = {f"value{number}": value for number, value in enumerate(sorted(one_of.values))}
            # The SDK looks for its parameters between blanks.
            conditions.append(f"( {' or '.join(f'{one_of.name} eq @{name}' for name in wanted)} )")
            parameters |= wanted
        return self._found(" and ".join(conditions), parameters, limit)

    def _found(self, condition: str, parameters: dict[str, str], limit: int | None = None) -> Iterator[Row]:
        try:
            with storage_failures(self._what):
                found = self._client.query_entities(condition, parameters=parameters, results_per_page=limit)
                for count, entity in enumerate(found, start=1):
                    yield _row(entity)
                    if count == limit:
                        return
        except NotFound:
            return

    def query_partitions(self, first: str, last: str) -> Iterator[Row]:
        """Every row with first <= partition < last that this release reads, one partition after the other.

        For clearing up, as `rows`.
        """
        condition = "PartitionKey ge @first and PartitionKey lt @last"
        yield from self.readable(self._found(condition, {"first": first, "last": last}), pass_over)

    def rows(self) -> Iterator[Row]:
        """Every row of the table that this release reads: for clearing up, never for a step of a run."""
        yield from self.readable(self._all(), pass_over)

    def _all(self) -> Iterator[Row]:
        try:
            with storage_failures(self._what):
                for entity in self._client.list_entities():
                    yield _row(entity)
        except NotFound:
            return

    def probe(self) -> bool:
        """Writes a row and deletes it; False where the table is not there yet."""
        row = {"PartitionKey": "~probe", "RowKey": "probe"}
        try:
            with storage_failures(self._what):
                self._client.upsert_entity(row)
                self._client.delete_entity(row)
        except NotFound:
            return False
        return True

    def insert(self, row: Row) -> str:
        """The row's etag. Raises Conflict where the row is there already."""
        return str(self._write(lambda: self._client.create_entity(self._entity(row)))["etag"])

    def put(self, row: Row) -> None:
        """Writes the row whole, whatever was there."""
        self._write(lambda: self._client.upsert_entity(self._entity(row), mode=UpdateMode.REPLACE))

    def replace(self, row: Row) -> str:
        """The row's new etag. Raises Conflict where it has changed since it was read."""
        with storage_failures(self._what):
            written = self._client.update_entity(
                self._entity(row),
                mode=UpdateMode.REPLACE,
                etag=row.etag or "*",
                match_condition=MatchConditions.IfNotModified,
            )
            return str(written["etag"])

    def delete(self, row: Row) -> None:
        """Deletes the row as it was read; a row without etag whatever it holds. No row is no fault."""
        try:
            with storage_failures(self._what):
                if row.etag is None:
                    self._client.delete_entity(row.partition, row.key)
                else:
                    self._client.delete_entity(
                        self._entity(row), etag=row.etag, match_condition=MatchConditions.IfNotModified
                    )
        except NotFound:
            return

    def transact(self, changes: Sequence[Change]) -> None:
        """All changes or none; they share one partition. Raises Conflict where one cannot be made."""
        operations = [self._operation(change) for change in changes]
        try:
            self._write(lambda: self._client.submit_transaction(operations))
        except NotFound:
            raise Conflict(self._what) from None

    def _write[T](self, write: Callable[[], T]) -> T:
        try:
            with storage_failures(self._what):
                return write()
        except NotFound:
            self._create()
            with storage_failures(self._what):
                return write()

    def _create(self) -> None:
        try:
            with storage_failures(self._what):
                self._client.create_table()
        except Conflict:
            return

    def _operation(self, change: Change) -> tuple[Any, ...]:
        entity = self._entity(change.row)
        if change.kind == "insert":
            return ("create", entity)
        if change.kind == "put":
            return ("upsert", entity, {"mode": UpdateMode.REPLACE})
        condition = {"etag": change.row.etag or "*", "match_condition": MatchConditions.IfNotModified}
        if change.kind == "delete":
            return ("delete", entity, condition)
        return ("update", entity, {"mode": UpdateMode.REPLACE, **condition})

    def _entity(self, row: Row) -> dict[str, Any]:
        values = {name: _sent(value) for name, value in self.written(row).items() if value is not None}
        return {"PartitionKey": row.partition, "RowKey": row.key, **values}


def _sent(value: Value) -> object:
    # A bare int is sent as one of 32 bits, and refused when it is larger.
    if isinstance(value, int) and not isinstance(value, bool):
        return EntityProperty(value, EdmType.INT64)
    return value


def _read(value: Any) -> Any:
    return value.value if isinstance(value, EntityProperty) else value


def _row(entity: TableEntity) -> Row:
    values = {name: _read(value) for name, value in entity.items() if name not in ("PartitionKey", "RowKey")}
    return Row(entity["PartitionKey"], entity["RowKey"], values, entity.metadata["etag"])
