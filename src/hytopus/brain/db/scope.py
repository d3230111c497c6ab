"""Sessions that see a part of the world: what lies in the regions and has the tags that somebody may see.

Everything else does not exist for such a session: it is in no list and cannot be found, changed or made. So no feature
has to ask. What must be counted whole all the same (a node's room, a name that is taken) says `EVERYTHING`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final

from sqlalchemy import ColumnElement, String, and_, event, or_, select, true
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Mapped, ORMExecuteState, Session, UOWTransaction, mapped_column
from sqlalchemy.sql.base import ExecutableOption
from sqlalchemy.sql.functions import GenericFunction

from hytopus.errors import HytopusError

EVERYTHING: Final = {"hytopus_everything": True}
"""Execution options of a statement that must see all there is, whoever asks."""


class OutOfScope(HytopusError):
    code: ClassVar[str] = "out_of_scope"
    status: ClassVar[int] = 403
    template: ClassVar[str] = "{name} would lie outside of what you may steer: {scope}."
    remedy: ClassVar[str] = "Give it a region and tags of yours, or ask an admin to do it."


class Placed:
    """What has a region and tags, by which it belongs to a scope or does not."""

    region: Mapped[str] = mapped_column(String(64), default="")
    tags: Mapped[list[str]] = mapped_column(default=list)


@dataclass(frozen=True, slots=True)
class Limit:
    """One of these regions, and one of these tags; empty: any. Or what one of the others admits."""

    regions: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    others: tuple[Limit, ...] = ()
    """Each a limit of its own: nobody gets the regions of one with the tags of another."""

    @classmethod
    def of(cls, document: Mapping[str, Any] | None) -> Limit:
        """From how it is kept: `{"regions": [...], "tags": [...], "others": [{...}]}`."""
        document = document or {}
        others = tuple(cls.of(other) for other in document.get("others", ()))
        return cls(frozenset(document.get("regions", ())), frozenset(document.get("tags", ())), others)

    def __bool__(self) -> bool:
        return bool(self.regions or self.tags) and all(self.others)

    def admits(self, region: str, tags: Collection[str]) -> bool:
        own = (not self.regions or region in self.regions) and (not self.tags or not self.tags.isdisjoint(tags))
        return own or any(other.admits(region, tags) for other in self.others)

    def alternatives(self) -> tuple[Limit, ...]:
        return (replace(self, others=()), *self.others)

    def includes(self, other: Limit) -> bool:
        """Whether it admits at least what the other admits."""
        return all(any(_includes(own, each) for own in self.alternatives()) for each in other.alternatives())

    def __str__(self) -> str:
        parts = [("region", self.regions), ("tag", self.tags)]
        own = ", ".join(f"{what} {' or '.join(sorted(names))}" for what, names in parts if names)
        return " | ".join([own, *map(str, self.others)])


def _includes(wide: Limit, narrow: Limit) -> bool:
    pairs = ((wide.regions, narrow.regions), (wide.tags, narrow.tags))
    return all(not allowed or (asked and asked <= allowed) for allowed, asked in pairs)


Scope = tuple[Limit, ...]
"""All of them must admit; none: everything."""


def includes(wide: Scope, narrow: Scope) -> bool:
    """Whether whoever has the first sees at least what whoever has the second sees."""
    return all(any(limit.includes(other) for other in narrow) for limit in wide)


class json_texts(GenericFunction[Any]):  # noqa: N801 - functions are written as SQL writes them
    """The elements of a JSON array of texts, as a table with the column `value`."""

    inherit_cache = True


@compiles(json_texts, "sqlite")
def _on_sqlite(element: json_texts, compiler: Any, **options: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **options)})"


@compiles(json_texts, "postgresql")
def _on_postgresql(element: json_texts, compiler: Any, **options: Any) -> str:
    return f"json_array_elements_text({compiler.process(element.clauses, **options)})"


def within(model: type[Placed], scope: Scope) -> ColumnElement[bool]:
    """Whether a row lies in the scope, for SQL."""
    return and_(true(), *(_within(model, limit) for limit in scope))


def _within(model: type[Placed], limit: Limit) -> ColumnElement[bool]:
    return or_(*(_within_one(model, each) for each in limit.alternatives()))


def _within_one(model: type[Placed], limit: Limit) -> ColumnElement[bool]:
    conditions: list[ColumnElement[bool]] = [model.region.in_(sorted(limit.regions))] if limit.regions else []
    if limit.tags:
        texts = json_texts(model.tags).table_valued("value")
        conditions.append(select(texts.c.value).where(texts.c.value.in_(sorted(limit.tags))).exists())
    return and_(true(), *conditions)


def narrow(session: AsyncSession, scope: Scope, criteria: Sequence[ExecutableOption]) -> None:
    """Let the session see and make nothing outside of the scope. `criteria` say so for every model concerned."""

    @event.listens_for(session.sync_session, "do_orm_execute")
    def _see(state: ORMExecuteState) -> None:
        inner = state.is_column_load or state.is_relationship_load
        if state.is_select and not inner and not state.execution_options.get("hytopus_everything"):
            state.statement = state.statement.options(*criteria)

    @event.listens_for(session.sync_session, "before_flush")
    def _keep(session: Session, _context: UOWTransaction, _instances: Any) -> None:
        for row in {*session.new, *session.dirty}:
            if isinstance(row, Placed) and not admits(scope, row.region, row.tags):
                raise OutOfScope(name=getattr(row, "name", "It"), scope=describe(scope))


def admits(scope: Scope, region: str, tags: Collection[str]) -> bool:
    return all(limit.admits(region, tags) for limit in scope)


def describe(scope: Scope) -> str:
    """For a person."""
    return "; ".join(str(limit) for limit in scope) or "everything"
