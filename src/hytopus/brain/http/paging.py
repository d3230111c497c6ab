"""Cursor paging: stable while rows are added and removed, and as fast on the last page as on the first."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, ClassVar, Generic, TypeVar

from fastapi import Depends, Query
from pydantic import BaseModel
from sqlalchemy import ColumnElement, Row, Select, literal, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.types import TypeEngine

from hytopus.brain.db.types import UtcDateTime
from hytopus.brain.http.parameters import LARGEST, in_utc
from hytopus.brain.http.schemas import is_text
from hytopus.errors import HytopusError

T = TypeVar("T")
R = TypeVar("R")


class BadCursor(HytopusError):
    code: ClassVar[str] = "bad_cursor"
    status: ClassVar[int] = 422
    template: ClassVar[str] = "The cursor {cursor!r} is not one this list gave out."
    remedy: ClassVar[str] = "Start again without a cursor, and pass on `next_cursor` exactly as it came."


class Page(BaseModel, Generic[T]):
    """One page of a list. `next_cursor` is null on the last one."""

    items: list[T]
    next_cursor: str | None = None


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Where a page begins and how long it may be."""

    limit: int = 100
    cursor: str | None = None

    async def keyset(
        self,
        session: AsyncSession,
        statement: Select[R],
        *columns: InstrumentedAttribute[Any],
        descending: bool = False,
    ) -> tuple[list[R], str | None]:
        """The page's rows in the order of `columns` (unique together, never null), and the next page's cursor."""
        found = await session.scalars(self._wanted(statement, columns, descending))
        return self._cut(list(found), columns)

    async def keyset_of_columns(
        self,
        session: AsyncSession,
        statement: Select[Any],
        *columns: InstrumentedAttribute[Any],
        descending: bool = False,
    ) -> tuple[list[Row[Any]], str | None]:
        """The same for a statement that selects columns, those of the order among them."""
        found = await session.execute(self._wanted(statement, columns, descending))
        return self._cut(list(found), columns)

    def _wanted(
        self, statement: Select[R], columns: Sequence[InstrumentedAttribute[Any]], descending: bool
    ) -> Select[R]:
        """One more than fits, which tells whether there is another page."""
        if self.cursor is not None:
            statement = statement.where(_beyond(columns, _decode(self.cursor, columns), descending))
        order = [column.desc() if descending else column.asc() for column in columns]
        return statement.order_by(*order).limit(self.limit + 1)

    def _cut(self, rows: list[T], columns: Sequence[InstrumentedAttribute[Any]]) -> tuple[list[T], str | None]:
        if len(rows) <= self.limit:
            return rows, None
        last = rows[self.limit - 1]
        return rows[: self.limit], _encode([getattr(last, column.key) for column in columns])


async def _page(
    limit: Annotated[int, Query(ge=1, le=500, description="Most items on one page.")] = 100,
    cursor: Annotated[str | None, Query(max_length=1000, description="`next_cursor` of the page before.")] = None,
) -> PageRequest:
    return PageRequest(limit, cursor)


PageDep = Annotated[PageRequest, Depends(_page)]


def _beyond(
    columns: Sequence[InstrumentedAttribute[Any]], values: Sequence[Any], descending: bool
) -> ColumnElement[bool]:
    left = tuple_(*columns)
    right = tuple_(*(literal(value, column.type) for value, column in zip(values, columns, strict=True)))
    return left < right if descending else left > right


def _encode(values: Sequence[Any]) -> str:
    plain = [value.isoformat() if isinstance(value, datetime) else value for value in values]
    return base64.urlsafe_b64encode(json.dumps(plain, separators=(",", ":")).encode()).decode().rstrip("=")


def _decode(cursor: str, columns: Sequence[InstrumentedAttribute[Any]]) -> list[Any]:
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not isinstance(values, list) or len(values) != len(columns):
            raise BadCursor(cursor=cursor)
        return [_typed(value, column.type) for value, column in zip(values, columns, strict=True)]
    except (ValueError, TypeError, RecursionError, binascii.Error) as error:
        raise BadCursor(cursor=cursor) from error


def _typed(value: Any, kind: TypeEngine[Any]) -> Any:
    if isinstance(kind, UtcDateTime):
        return in_utc(datetime.fromisoformat(value))
    if isinstance(value, int) and (isinstance(value, bool) or abs(value) > LARGEST):
        raise ValueError(f"{value!r} is no number of a row")
    if value is None or not isinstance(value, kind.python_type) or (isinstance(value, str) and not is_text(value)):
        raise TypeError(f"{value!r} is not {kind}")
    return value
