"""Tables of authorities, of join tokens, and of the certificates that were signed for nodes."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from hytopus.brain.db.base import Base
from hytopus.brain.db.sealed import Sealed
from hytopus.kit.ids import new_id


class AuthorityRecord(Base):
    """A certificate authority of this Brain, present or past; all Brains on this database share them."""

    __tablename__ = "authorities"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """1, 2, … in the order they were made: two Brains cannot make the same one."""
    fingerprint: Mapped[str] = mapped_column(String(64), unique=True)
    certificate_pem: Mapped[str]
    key_pem: Mapped[str | None] = mapped_column(Sealed("authorities.key_pem"))
    """Forgotten when it is retired."""
    created_at: Mapped[datetime]
    retired_at: Mapped[datetime | None]


class JoinToken(Base):
    """Permission for one machine to become a node. The token itself is not kept, only its hash."""

    __tablename__ = "join_tokens"

    id: Mapped[str] = mapped_column(String(16), primary_key=True, default=new_id)
    secret_hash: Mapped[str] = mapped_column(String(64), unique=True)
    node_name: Mapped[str | None] = mapped_column(String(64))
    """The only name the machine may take; None leaves the choice to whoever joins."""
    rejoins: Mapped[str | None] = mapped_column(String(16))
    """The node whose place the machine takes: it was installed anew, or is another one."""
    created_by: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]
    key_hash: Mapped[str] = mapped_column(String(64), default="")
    """The key it was used with: the same machine may ask again if the answer was lost."""
    node_id: Mapped[str | None] = mapped_column(String(16))


class NodeCertificate(Base):
    """A certificate that proves to be a node, until it runs out or is revoked."""

    __tablename__ = "node_certificates"

    serial: Mapped[str] = mapped_column(String(40), primary_key=True)
    node_id: Mapped[str] = mapped_column(String(16), index=True)
    issued_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    authority: Mapped[str] = mapped_column(String(64), default="")
    """Fingerprint of the one that signed it; empty: the first."""
