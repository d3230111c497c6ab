"""The table of the keys this database was sealed with: their ids, so that a Brain without them says so at once."""

from __future__ import annotations

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from hytopus.brain.db.base import Base


class SealingKey(Base):
    __tablename__ = "sealing_keys"

    id: Mapped[str] = mapped_column(String(12), primary_key=True)
