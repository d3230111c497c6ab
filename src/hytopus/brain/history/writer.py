"""Adding measurements to the tables, a few hundred rows in a transaction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import case
from sqlalchemy.dialects import postgresql, sqlite

from hytopus.brain.db.base import Base
from hytopus.brain.db.engine import Database
from hytopus.brain.history.models import STEPS, DurationHistory, FleetHistory, InstanceHistory, NodeHistory
from hytopus.brain.history.sums import Span, as_rows, span_of

BATCH: Final = 100
"""Things in one transaction, each with a row in both resolutions: some 5 ms of SQLite's writer."""

_MAXIMA: Final = frozenset({"cpu_percent_max"})


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of one table that are written together or not at all."""

    table: type[Base]
    rows: Sequence[Mapping[str, Any]]
    at: int


def batches(span: Span) -> Iterator[Batch]:
    """All of a span. Rows are in the order of their keys, so that Brains that add to the same ones do not deadlock."""
    numbers = [
        {"name": name, "samples": sums.samples, "total": sums.total} for name, sums in sorted(span.numbers.items())
    ]
    durations = [
        {"kind": kind, "bound_ms": bound, "count": count} for (kind, bound), count in sorted(span.durations.items())
    ]
    yield from _cut(FleetHistory, numbers, span.at)
    yield from _cut(DurationHistory, durations, span.at)
    yield from _cut(NodeHistory, list(as_rows(span.nodes, "node_id")), span.at)
    yield from _cut(InstanceHistory, list(as_rows(span.instances, "instance_id")), span.at)


async def write(database: Database, batch: Batch) -> None:
    """Add the rows to what is there, in both resolutions."""
    statement = _adding(batch.table, database.dialect)
    async with database.write() as session:
        for step in STEPS:
            at = span_of(batch.at, step)
            await session.execute(statement, [{"step": step, "at": at, **row} for row in batch.rows])


def _cut(table: type[Base], rows: Sequence[Mapping[str, Any]], at: int) -> Iterator[Batch]:
    for start in range(0, len(rows), BATCH):
        yield Batch(table, rows[start : start + BATCH], at)


def _adding(model: type[Base], dialect: str) -> Any:
    table = model.__table__
    insert = (sqlite if dialect == "sqlite" else postgresql).insert(model)
    keys = {column.name for column in table.primary_key}
    changes = {
        column.name: _higher(column, insert.excluded[column.name])
        if column.name in _MAXIMA
        else column + insert.excluded[column.name]
        for column in table.columns
        if column.name not in keys
    }
    return insert.on_conflict_do_update(index_elements=list(table.primary_key), set_=changes)


def _higher(mine: Any, other: Any) -> Any:
    return case((other > mine, other), else_=mine)
