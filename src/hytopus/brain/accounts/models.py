"""Tables of users and their tokens."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from hytopus.brain.accounts.roles import Role
from hytopus.brain.db.base import Base
from hytopus.brain.db.types import EnumText
from hytopus.kit.ids import new_id


class TokenKind(StrEnum):
    SESSION = "session"
    """Made by a login; ends by logout, or when it is not used for a while."""
    API = "api"
    """Made by a person for a program; lives until it expires or is revoked."""


class User(Base):
    __tablename__ = "users"
    __table_args__ = (UniqueConstraint("name"),)

    id: Mapped[str] = mapped_column(String(16), primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(64))
    password_hash: Mapped[str] = mapped_column(String(255))
    role: Mapped[Role] = mapped_column(EnumText(Role))
    disabled: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
    last_login_at: Mapped[datetime | None]


class Token(Base):
    """A secret that stands for a user. Only its SHA-256 is kept; a revoked one is deleted."""

    __tablename__ = "tokens"
    __table_args__ = (UniqueConstraint("token_hash"), Index("ix_tokens_owner", "user_id", "kind", "id"))

    id: Mapped[str] = mapped_column(String(16), primary_key=True, default=new_id)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    kind: Mapped[TokenKind] = mapped_column(EnumText(TokenKind))
    name: Mapped[str] = mapped_column(String(64))
    token_hash: Mapped[str] = mapped_column(String(64))
    hint: Mapped[str] = mapped_column(String(16))
    """The beginning of the token, so that its owner recognises it in a list."""
    role: Mapped[Role] = mapped_column(EnumText(Role))
    """At most this; the owner's role if that is less. A login has no limit of its own."""
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None] = mapped_column(index=True)
    last_used_at: Mapped[datetime | None]
    last_address: Mapped[str] = mapped_column(String(64), default="")
