"""The table of idempotency keys."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from hytopus.brain.db.base import Base


class IdempotencyKey(Base):
    """A creation that was asked for with a key, and the answer it got."""

    __tablename__ = "idempotency_keys"

    actor_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    key: Mapped[str] = mapped_column(String(128), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    """sha256 of method, path and body."""
    status: Mapped[int]
    body: Mapped[bytes] = mapped_column(LargeBinary)
    expires_at: Mapped[datetime] = mapped_column(index=True)
