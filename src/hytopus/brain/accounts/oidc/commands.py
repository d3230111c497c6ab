"""A login at the provider: begun here, ended here, once; and the user it makes or finds."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from authlib.oauth2.rfc7636 import create_s256_code_challenge
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.accounts import commands
from hytopus.brain.accounts.models import OidcLogin, User
from hytopus.brain.accounts.oidc.claims import Person
from hytopus.brain.accounts.oidc.errors import OidcNameTaken, OidcNotAdmitted, OidcStateUnknown
from hytopus.brain.accounts.queries import is_taken
from hytopus.brain.activity.actor import SYSTEM

TIME_TO_LOG_IN: Final = timedelta(minutes=10)
_WITHIN: Final = re.compile(r"/(?![/\\])[!-\[\]-~]{0,499}")
"""A path of the panel: one slash at the beginning, printable, no backslash."""


@dataclass(frozen=True, slots=True)
class Begun:
    """`state` goes to the provider, `binding` into the browser's cookie; both must come back."""

    state: str
    binding: str
    nonce: str
    challenge: str


@dataclass(frozen=True, slots=True)
class Returned:
    nonce: str
    verifier: str
    next: str


async def begin(session: AsyncSession, next_path: str, *, at: datetime) -> Begun:
    """Remember a login that was begun; those nobody finished are forgotten."""
    await session.execute(delete(OidcLogin).where(OidcLogin.expires_at <= at))
    state, binding, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(4))
    session.add(
        OidcLogin(
            state_hash=_hash(state),
            binding_hash=_hash(binding),
            secrets={"nonce": nonce, "verifier": verifier},
            next=safe_path(next_path),
            expires_at=at + TIME_TO_LOG_IN,
        )
    )
    return Begun(state, binding, nonce, str(create_s256_code_challenge(verifier)))


async def take_back(session: AsyncSession, state: str, binding: str | None, *, at: datetime) -> Returned:
    """The login that this browser began with this state, once. Raises `OidcStateUnknown`."""
    found = await session.scalar(select(OidcLogin).where(OidcLogin.state_hash == _hash(state)).with_for_update())
    if found is None or binding is None or found.binding_hash != _hash(binding) or found.expires_at <= at:
        raise OidcStateUnknown
    await session.delete(found)
    return Returned(found.secrets["nonce"], found.secrets["verifier"], found.next)


async def admit(session: AsyncSession, person: Person, *, at: datetime) -> User:
    """The user whom the provider means, made at his first login, with the role that he has there now.

    He is known by issuer and subject alone: a name or an address never leads to somebody else's account.
    Raises `OidcNameTaken`, `OidcNotAdmitted` or `LastAdmin`.
    """
    known = User.issuer == person.issuer, User.subject == person.subject
    user: User | None = await session.scalar(select(User).where(*known).with_for_update())
    if user is None:
        return await _make(session, person, at=at)
    if user.disabled:
        raise OidcNotAdmitted(name=user.name, why="the account is disabled")
    if (user.role, user.scope) != (person.role, person.scope):
        await commands.change_user(session, user, role=person.role, scope=person.scope, actor=SYSTEM, at=at)
    return user


async def _make(session: AsyncSession, person: Person, *, at: datetime) -> User:
    if await is_taken(session, person.name):
        raise OidcNameTaken(name=person.name)
    user = await commands.create_user(session, person.name, "", person.role, scope=person.scope, actor=SYSTEM, at=at)
    user.issuer, user.subject = person.issuer, person.subject
    return user


def safe_path(path: str) -> str:
    """Where to go after the login: a page of the panel, whatever was asked for."""
    return path if _WITHIN.fullmatch(path) else "/"


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
