"""Tables of measurements: one row for each thing and span of time, in two resolutions.

A row holds sums and how many samples went into them, so that any number of Brains may add what they heard without
counting anything twice, and in any order. The keys begin with time: rows are appended, pruning cuts off the beginning,
and a chart reads its few hundred moments by their keys.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from sqlalchemy import BigInteger, SmallInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from hytopus.brain.db.base import Base

FINE: Final = 300
COARSE: Final = 3600
STEPS: Final = (FINE, COARSE)
"""Seconds that one row spans."""

Sum = Annotated[int, mapped_column(BigInteger)]
"""Of many samples: more than 32 bits hold."""

_IN_ORDER: Final[Any] = {"sqlite_with_rowid": False}
"""SQLite keeps the rows in the order of their keys, without an index beside them."""


class _Measured:
    """What every table of measurements begins with. `at` is in seconds since 1970: the beginning of the span."""

    step: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False, sort_order=-2)
    at: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False, sort_order=-1)


class NodeHistory(_Measured, Base):
    """How busy a node was. Hits, misses, requests and bytes are those of the span."""

    __tablename__ = "node_history"
    __table_args__ = _IN_ORDER

    node_id: Mapped[str] = mapped_column(String(16), primary_key=True)
    samples: Mapped[int]
    cpu_percent: Mapped[Sum]
    """Sums of tenths of a percent."""
    cpu_percent_max: Mapped[int]
    memory_used_mb: Mapped[Sum]
    disk_free_mb: Mapped[Sum]
    running: Mapped[Sum]
    players: Mapped[Sum]
    network_in: Mapped[Sum]
    network_out: Mapped[Sum]
    cache_hits: Mapped[Sum]
    cache_misses: Mapped[Sum]
    s3_requests: Mapped[Sum]
    s3_bytes: Mapped[Sum]


class InstanceHistory(_Measured, Base):
    """How busy an instance was."""

    __tablename__ = "instance_history"
    __table_args__ = _IN_ORDER

    instance_id: Mapped[str] = mapped_column(String(16), primary_key=True)
    samples: Mapped[int]
    cpu_percent: Mapped[Sum]
    """Sums of tenths of a percent."""
    cpu_percent_max: Mapped[int]
    memory_mb: Mapped[Sum]
    players: Mapped[Sum]
    network_in: Mapped[Sum]
    network_out: Mapped[Sum]


class FleetHistory(_Measured, Base):
    """One number about all of it: `instances.running`, `nodes.online`, `players`, `cpu` …"""

    __tablename__ = "fleet_history"
    __table_args__ = _IN_ORDER

    name: Mapped[str] = mapped_column(String(48), primary_key=True)
    samples: Mapped[Sum]
    total: Mapped[Sum]
    """Sum of the samples, in tenths."""


class DurationHistory(_Measured, Base):
    """How many of a kind took no longer than a bound, and longer than the next lower one."""

    __tablename__ = "duration_history"
    __table_args__ = _IN_ORDER

    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    """`start` (an instance, until it is ready for players) or `api` (a request)."""
    bound_ms: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    """-1: longer than every bound."""
    count: Mapped[Sum]
