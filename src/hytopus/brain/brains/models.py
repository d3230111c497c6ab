"""The table of Brains."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from hytopus.brain.db.base import Base
from hytopus.kit.ids import new_id


class Brain(Base):
    """One run of a Brain, from its start to its end. Times are the database's."""

    __tablename__ = "brains"

    id: Mapped[str] = mapped_column(String(16), primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(255))
    """The machine it runs on, or what its settings call it."""
    session_address: Mapped[str] = mapped_column(String(255))
    """`host:port` where nodes and the other Brains reach it."""
    release: Mapped[str] = mapped_column(String(64))
    protocol: Mapped[int]
    ca_fingerprint: Mapped[str] = mapped_column(String(128))
    started_at: Mapped[datetime]
    heard_at: Mapped[datetime]
    """Its last sign of life."""
    stopped_at: Mapped[datetime | None]
    """Set when it stops in order."""
