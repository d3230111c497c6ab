"""A column whose values are sealed before they reach the database, and sealing what lies there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import JSON, Column, Dialect, String, Table, cast, select, type_coerce, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.types import TypeDecorator

from hytopus.brain.db.base import Base
from hytopus.brain.db.engine import Database
from hytopus.brain.db.keyring import PREFIX, KeyRing, SealingKeyMissing

_BATCH: Final = 200


class Sealed(TypeDecorator[Any]):
    """JSON that only who holds the key can read. Nothing (None, an empty object) is kept as it is.

    A column type sees nothing but the dialect, so `Database.use_keys` leaves the keys there.
    """

    impl = JSON
    cache_ok = True

    def __init__(self, purpose: str) -> None:
        super().__init__(none_as_null=True)
        self.purpose = purpose

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return value if not value else self._keys(dialect).seal(self.purpose, value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        return self._keys(dialect).unseal(self.purpose, value) if is_sealed(value) else value

    def _keys(self, dialect: Dialect) -> KeyRing:
        keys: KeyRing | None = getattr(dialect, "hytopus_keys", None)
        if keys is None:
            raise SealingKeyMissing(key_id=f"for {self.purpose}", where="this process")
        return keys


def is_sealed(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(PREFIX)


async def seal_all(database: Database, keys: KeyRing) -> int:
    """Seal with the ring's first key what lies open or under another key. Returns how many values that were."""
    done = 0
    for table, column in _sealed_columns():
        while True:
            async with database.write() as session:
                count = await _seal_some(session, table, column, keys)
            done += count
            if count < _BATCH:
                break
    return done


def _sealed_columns() -> Iterator[tuple[Table, Column[Any]]]:
    for table in Base.metadata.sorted_tables:
        for column in table.columns:
            if isinstance(column.type, Sealed):
                yield table, column


async def _seal_some(session: AsyncSession, table: Table, column: Column[Any], keys: KeyRing) -> int:
    assert isinstance(column.type, Sealed)
    purpose, text = column.type.purpose, cast(column, String)
    stale = text.not_in(("{}", "null")) & text.not_like(f'"{PREFIX}{keys.first}:%')
    key = list(table.primary_key)
    found = select(*key, type_coerce(column, JSON)).where(column.is_not(None), stale).limit(_BATCH).with_for_update()
    rows = (await session.execute(found)).all()
    for row in rows:
        value = keys.unseal(purpose, row[-1]) if is_sealed(row[-1]) else row[-1]
        where = [each == row[index] for index, each in enumerate(key)]
        await session.execute(update(table).where(*where).values({column.name: value}))
    return len(rows)
