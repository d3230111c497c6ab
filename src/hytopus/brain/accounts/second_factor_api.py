"""Routes of the second factor."""

from __future__ import annotations

from fastapi import Request

from hytopus.brain.accounts import queries, second_factor
from hytopus.brain.accounts.dependencies import ActorDep, PasswordsDep, PrincipalDep
from hytopus.brain.accounts.errors import (
    NoEnrolment,
    NoSecondFactor,
    SecondFactorExists,
    SecondFactorRequired,
    TooManyAttempts,
    UserNotFound,
    WrongCode,
    WrongPassword,
)
from hytopus.brain.accounts.logins import LoginThrottleDep, ask_password
from hytopus.brain.accounts.schemas import (
    ConfirmSecondFactor,
    EnrolmentOut,
    EnrolSecondFactor,
    RecoveryCodesOut,
    ShowSecondFactor,
)
from hytopus.brain.accounts.totp import enrolment_uri, qr_code
from hytopus.brain.http.dependencies import ClockDep, DatabaseDep, WriteDep
from hytopus.brain.http.problems import problems
from hytopus.brain.http.routing import feature_router

router = feature_router("accounts")


@router.post(
    "/me/second-factor", status_code=201, responses=problems(WrongPassword, TooManyAttempts, SecondFactorExists)
)
async def begin_second_factor(
    body: EnrolSecondFactor,
    request: Request,
    database: DatabaseDep,
    clock: ClockDep,
    passwords: PasswordsDep,
    throttle: LoginThrottleDep,
    actor: ActorDep,
) -> EnrolmentOut:
    """Begin to set up an authenticator app. The secret is in this answer and nowhere else."""
    await ask_password(database, passwords, throttle, actor, body.password)
    async with database.write() as session:
        user = await queries.get_user(session, actor.id, lock=True)
        secret = second_factor.begin_enrolment(session, user, actor=actor, at=clock.now())
    uri = enrolment_uri(secret, user=user.name, host=request.url.hostname or "brain")
    return EnrolmentOut(secret=secret, uri=uri, qr=qr_code(uri))


@router.post(
    "/me/second-factor/confirm", responses=problems(WrongCode, TooManyAttempts, SecondFactorExists, NoEnrolment)
)
async def confirm_second_factor(
    body: ConfirmSecondFactor, session: WriteDep, clock: ClockDep, throttle: LoginThrottleDep, principal: PrincipalDep
) -> RecoveryCodesOut:
    """Turn it on with a code of the app. The recovery codes are in this answer and nowhere else."""
    actor = principal.actor
    throttle.take_code(actor.id)
    user = await queries.get_user(session, actor.id, lock=True)
    codes = await second_factor.confirm_enrolment(
        session, user, body.code, keep=principal.token_id, actor=actor, at=clock.now()
    )
    throttle.forget_code(actor.id)
    return RecoveryCodesOut(recovery_codes=codes)


@router.post(
    "/me/second-factor/recovery-codes",
    responses=problems(WrongPassword, WrongCode, SecondFactorRequired, TooManyAttempts, NoSecondFactor),
)
async def renew_recovery_codes(
    body: ShowSecondFactor,
    database: DatabaseDep,
    clock: ClockDep,
    passwords: PasswordsDep,
    throttle: LoginThrottleDep,
    actor: ActorDep,
) -> RecoveryCodesOut:
    """New recovery codes; the old ones are worthless."""
    await ask_password(database, passwords, throttle, actor, body.password)
    throttle.take_code(actor.id)
    async with database.write() as session:
        user = await queries.get_user(session, actor.id, lock=True)
        if not user.second_factor:
            raise NoSecondFactor(name=user.name)
        await second_factor.show(session, user, body.code, clock.now())
        codes = await second_factor.renew_codes(session, user, actor=actor, at=clock.now())
    throttle.forget_code(actor.id)
    return RecoveryCodesOut(recovery_codes=codes)


@router.post(
    "/me/second-factor/disable",
    status_code=204,
    responses=problems(WrongPassword, WrongCode, SecondFactorRequired, TooManyAttempts, NoSecondFactor),
)
async def disable_second_factor(
    body: ShowSecondFactor,
    database: DatabaseDep,
    clock: ClockDep,
    passwords: PasswordsDep,
    throttle: LoginThrottleDep,
    actor: ActorDep,
) -> None:
    """Turn it off; takes the password and a code, of the app or for recovery."""
    await ask_password(database, passwords, throttle, actor, body.password)
    throttle.take_code(actor.id)
    async with database.write() as session:
        user = await queries.get_user(session, actor.id, lock=True)
        await second_factor.show(session, user, body.code, clock.now())
        await second_factor.turn_off(session, user, actor=actor, at=clock.now())
    throttle.forget_code(actor.id)


@router.delete("/users/{user}/second-factor", status_code=204, responses=problems(UserNotFound, NoSecondFactor))
async def reset_second_factor(user: str, session: WriteDep, clock: ClockDep, actor: ActorDep) -> None:
    """Take a user's second factor away, because he has lost it; his logins end."""
    found = await queries.get_user(session, user, lock=True)
    await second_factor.reset(session, found, actor=actor, at=clock.now())
