"""Setting up the second factor, asking for it, and taking it away."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.accounts.errors import (
    NoEnrolment,
    NoSecondFactor,
    SecondFactorExists,
    SecondFactorRequired,
    WrongCode,
)
from hytopus.brain.accounts.models import RecoveryCode, User
from hytopus.brain.accounts.sessions import end_sessions
from hytopus.brain.accounts.totp import (
    hash_recovery_code,
    matching_period,
    new_recovery_codes,
    new_secret,
    normalised,
)
from hytopus.brain.activity.actor import Actor
from hytopus.brain.activity.commands import audit


def begin_enrolment(session: AsyncSession, user: User, *, actor: Actor, at: datetime) -> str:
    """A new secret, which counts for nothing until a code made with it was shown. Raises `SecondFactorExists`."""
    if user.second_factor:
        raise SecondFactorExists(name=user.name)
    user.totp_secret = new_secret()
    audit(session, actor, "second_factor.begin", f"user:{user.name}", at=at)
    return user.totp_secret


async def confirm_enrolment(
    session: AsyncSession, user: User, code: str, *, keep: str, actor: Actor, at: datetime
) -> list[str]:
    """Turn it on; the recovery codes. Every other login ends: it was made without. Raises `WrongCode`."""
    if user.second_factor:
        raise SecondFactorExists(name=user.name)
    if user.totp_secret is None:
        raise NoEnrolment
    period = matching_period(user.totp_secret, normalised(code), at, after=0)
    if period is None:
        raise WrongCode
    user.second_factor_at, user.totp_period = at, period
    await end_sessions(session, user, but=keep)
    audit(session, actor, "second_factor.enable", f"user:{user.name}", at=at)
    return await _new_codes(session, user)


async def show(session: AsyncSession, user: User, code: str | None, at: datetime) -> str:
    """Use a code up; says which kind it was. Raises `SecondFactorRequired` or `WrongCode`; `user` must be locked."""
    if not user.second_factor:
        return "none"
    if code is None:
        raise SecondFactorRequired
    given = normalised(code)
    assert user.totp_secret is not None, "turned on with a secret"
    period = matching_period(user.totp_secret, given, at, after=user.totp_period)
    if period is not None:
        user.totp_period = period
        return "code"
    used = delete(RecoveryCode).where(RecoveryCode.user_id == user.id, RecoveryCode.hash == hash_recovery_code(given))
    if (await session.execute(used.returning(RecoveryCode.id))).first() is None:
        raise WrongCode
    return "recovery code"


async def renew_codes(session: AsyncSession, user: User, *, actor: Actor, at: datetime) -> list[str]:
    """New recovery codes in place of the old ones."""
    audit(session, actor, "second_factor.renew_codes", f"user:{user.name}", at=at)
    return await _new_codes(session, user)


async def turn_off(session: AsyncSession, user: User, *, actor: Actor, at: datetime) -> None:
    """The password alone is enough again. Raises `NoSecondFactor`."""
    if not user.second_factor:
        raise NoSecondFactor(name=user.name)
    await _forget(session, user)
    audit(session, actor, "second_factor.disable", f"user:{user.name}", at=at)


async def reset(session: AsyncSession, user: User, *, actor: Actor, at: datetime) -> None:
    """An admin's way out for a user who lost everything; his logins end. Raises `NoSecondFactor`."""
    if not user.second_factor:
        raise NoSecondFactor(name=user.name)
    await _forget(session, user)
    await end_sessions(session, user)
    audit(session, actor, "second_factor.reset", f"user:{user.name}", at=at)


async def codes_left(session: AsyncSession, user: User) -> int:
    return await session.scalar(select(func.count()).where(RecoveryCode.user_id == user.id)) or 0


async def _forget(session: AsyncSession, user: User) -> None:
    user.totp_secret, user.second_factor_at = None, None
    await session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id))


async def _new_codes(session: AsyncSession, user: User) -> list[str]:
    await session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id))
    codes = new_recovery_codes()
    session.add_all([RecoveryCode(user_id=user.id, hash=hash_recovery_code(code)) for code in codes])
    return codes
