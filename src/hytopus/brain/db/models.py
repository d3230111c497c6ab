"""Tables that belong to no feature."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from hytopus.brain.db.base import Base


class SealingKey(Base):
    """The keys this database was sealed with: their ids, so that a Brain without them says so at once."""

    __tablename__ = "sealing_keys"

    id: Mapped[str] = mapped_column(String(12), primary_key=True)


class Lease(Base):
    """Work that only one Brain at a time may do, and until when it is whose."""

    __tablename__ = "leases"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    holder: Mapped[str] = mapped_column(String(16))
    """`Brain.id`."""
    until: Mapped[datetime]
    """By the database's clock."""
