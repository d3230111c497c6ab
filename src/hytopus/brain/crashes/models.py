"""The table of crashes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from hytopus.brain.db.base import Base


class Crash(Base):
    """One end of a server that was none of its own. Outlives the instance and the node, so it names them, too."""

    __tablename__ = "crashes"
    __table_args__ = (
        Index("ix_crashes_at", "at", "id"),
        Index("ix_crashes_instance", "instance_id", "at"),
        Index("ix_crashes_fingerprint", "fingerprint", "at"),
    )

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    """`<instance>-<generation>-<attempt>`: its node made it, so it is the same however often it is told."""
    at: Mapped[datetime]
    instance_id: Mapped[str] = mapped_column(String(16))
    instance_name: Mapped[str] = mapped_column(String(64))
    node_id: Mapped[str] = mapped_column(String(16))
    node_name: Mapped[str] = mapped_column(String(64))
    game: Mapped[str] = mapped_column(String(64))
    generation: Mapped[int]
    attempt: Mapped[int]
    kind: Mapped[str] = mapped_column(String(16))
    """`crash`, `oom`, `configuration`, `start_timeout`, `hang` or `vanished`."""
    exit_code: Mapped[int | None]
    fingerprint: Mapped[str] = mapped_column(String(16))
    """Of its cause."""
    cause: Mapped[str] = mapped_column(String(200))
    layers: Mapped[str] = mapped_column(String(1000))
    """The versions it was made of: `id@version`, separated by spaces."""
    facts: Mapped[dict[str, Any]]
    """The rest of the bundle's `crash.json`."""
    excerpt: Mapped[list[str]]
    """The last lines of its log."""
    size: Mapped[int]
    """Bytes of the bundle."""
    sha256: Mapped[str] = mapped_column(String(64))
    s3_key: Mapped[str] = mapped_column(String(500))
    stored_at: Mapped[datetime | None]
    """When its bundle was found in the object store; None while its node still has it."""
