"""Tables of users and their tokens."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from hytopus.brain.accounts.roles import Role
from hytopus.brain.db.base import Base
from hytopus.brain.db.sealed import Sealed
from hytopus.brain.db.types import EnumText
from hytopus.kit.ids import new_id


class TokenKind(StrEnum):
    SESSION = "session"
    """Made by a login; ends by logout, or when it is not used for a while."""
    API = "api"
    """Made by a person for a program; lives until it expires or is revoked."""


class User(Base):
    __tablename__ = "users"
    __table_args__ = (UniqueConstraint("name"), Index("uq_users_subject", "issuer", "subject", unique=True))

    id: Mapped[str] = mapped_column(String(16), primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(64))
    password_hash: Mapped[str] = mapped_column(String(255))
    role: Mapped[Role] = mapped_column(EnumText(Role))
    scope: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    """`regions` and `tags` an operator or viewer is limited to; empty: none."""
    disabled: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
    last_login_at: Mapped[datetime | None]
    issuer: Mapped[str | None] = mapped_column(String(255))
    subject: Mapped[str | None] = mapped_column(String(255))
    """Who he is for the provider of single sign-on; None for a user who was made here."""
    totp_secret: Mapped[str | None] = mapped_column(Sealed("users.totp_secret"))
    """Of the authenticator app; counts from `second_factor_at` on."""
    second_factor_at: Mapped[datetime | None]
    totp_period: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    """Of the last code used: neither it nor an earlier one is good again."""

    @property
    def external(self) -> bool:
        """Whether he comes from a provider, with a role that the provider decides."""
        return self.subject is not None

    @property
    def second_factor(self) -> bool:
        """Whether a login takes a code beside the password."""
        return self.second_factor_at is not None


class RecoveryCode(Base):
    """Stands for a code of the app, once. Only its SHA-256 is kept; a used one is deleted."""

    __tablename__ = "recovery_codes"

    id: Mapped[str] = mapped_column(String(16), primary_key=True, default=new_id)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    hash: Mapped[str] = mapped_column(String(64))


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
    scopes: Mapped[list[dict[str, Any]]] = mapped_column(default=list, server_default="[]")
    """Within all of these, beside its owner's scope."""
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None] = mapped_column(index=True)
    last_used_at: Mapped[datetime | None]
    last_address: Mapped[str] = mapped_column(String(64), default="")
    id_token: Mapped[str | None] = mapped_column(Sealed("tokens.id_token"))
    """Of a login by single sign-on; with it, that login is ended at the provider too."""


class OidcLogin(Base):
    """A login that was begun and is now at the provider. Of what comes back, only SHA-256 is kept."""

    __tablename__ = "oidc_logins"

    state_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    binding_hash: Mapped[str] = mapped_column(String(64))
    """Of the cookie of the browser that began."""
    secrets: Mapped[dict[str, str]] = mapped_column(Sealed("oidc_logins.secrets"))
    """`nonce` and `verifier`."""
    next: Mapped[str] = mapped_column(String(500))
    expires_at: Mapped[datetime] = mapped_column(index=True)
