"""Routes of accounts: login, the user's own things, and the users."""

from __future__ import annotations

from fastapi import Request, Response
from sqlalchemy import select

from hytopus.brain.accounts import commands, queries, second_factor
from hytopus.brain.accounts.dependencies import ActorDep, PasswordsDep, PrincipalDep, forget_cookie, set_cookie
from hytopus.brain.accounts.errors import (
    ExpiryInThePast,
    InvalidCredentials,
    LastAdmin,
    ScopedAdmin,
    SecondFactorRequired,
    TokenHoldsMore,
    TokenNameTaken,
    TokenNotFound,
    TokenRoleTooHigh,
    TooManyAttempts,
    UserNameTaken,
    UserNotFound,
    WrongCode,
    WrongPassword,
)
from hytopus.brain.accounts.logins import LoginThrottleDep, ask_password
from hytopus.brain.accounts.models import TokenKind, User
from hytopus.brain.accounts.schemas import (
    ChangePassword,
    ChangeUser,
    CreateToken,
    CreateUser,
    Login,
    LoginOut,
    Me,
    NewTokenOut,
    ScopeOut,
    TokenOut,
    UserOut,
)
from hytopus.brain.activity.actor import Actor, ActorKind
from hytopus.brain.activity.requests import address_of, name_request
from hytopus.brain.http.dependencies import ClockDep, DatabaseDep, ReadDep, WriteDep
from hytopus.brain.http.paging import Page, PageDep
from hytopus.brain.http.problems import problems
from hytopus.brain.http.routing import feature_router

router = feature_router("accounts")


@router.post("/login", responses=problems(InvalidCredentials, SecondFactorRequired, WrongCode, TooManyAttempts))
async def login(
    body: Login,
    request: Request,
    response: Response,
    database: DatabaseDep,
    clock: ClockDep,
    passwords: PasswordsDep,
    throttle: LoginThrottleDep,
) -> LoginOut:
    """Trade a name and a password for a token. It ends by logout, or 24 hours after its last use.

    Who has a second factor hears `second_factor_required` after the right password, and sends all again with a code.
    """
    address = address_of(request)
    name_request(request, "session.begin", f"user:{body.name}")
    throttle.take(body.name, address)
    async with database.read() as session:
        user = await queries.find_user(session, body.name)
    right = await passwords.verify(body.password.get_secret_value(), user.password_hash if user else None)
    if user is None or not right or user.disabled:
        raise InvalidCredentials
    if user.second_factor and body.code is not None:
        throttle.take_code(user.id)
    client, at = request.headers.get("user-agent", ""), clock.now()
    actor = Actor(ActorKind.USER, user.id, user.name, address, request.state.request_id)
    async with database.write() as session:
        checked, user = user.password_hash, await queries.get_user(session, user.id, lock=True)
        if user.password_hash != checked or user.disabled:
            raise InvalidCredentials
        shown = await second_factor.show(session, user, body.code, at)
        token, secret = await commands.begin_session(session, user, actor=actor, at=at, shown=shown, client=client)
    throttle.forget(body.name, address)
    throttle.forget_code(user.id)
    assert token.expires_at is not None, "a login always ends"
    if body.cookie:
        set_cookie(response, secret, secure=request.url.scheme == "https")
    return LoginOut(
        token=None if body.cookie else secret, expires_at=token.expires_at, user=UserOut.model_validate(user)
    )


@router.post("/logout", status_code=204)
async def logout(response: Response, session: WriteDep, clock: ClockDep, principal: PrincipalDep) -> None:
    """End this login at once. An API token is revoked by it too."""
    user = await queries.get_user(session, principal.actor.id)
    await commands.revoke_token(session, user, principal.token_id, by=principal, at=clock.now())
    forget_cookie(response)


@router.get("/me")
async def get_me(session: ReadDep, principal: PrincipalDep) -> Me:
    """Who this token stands for, and as what."""
    user = await queries.get_user(session, principal.actor.id)
    return Me(
        user=UserOut.model_validate(user),
        role=principal.role,
        scope=[ScopeOut.model_validate(limit) for limit in principal.scope],
        token_id=principal.token_id,
        must_enrol=principal.must_enrol,
        recovery_codes_left=await second_factor.codes_left(session, user),
    )


@router.post("/me/password", status_code=204, responses=problems(WrongPassword, TooManyAttempts))
async def change_password(
    body: ChangePassword,
    database: DatabaseDep,
    clock: ClockDep,
    passwords: PasswordsDep,
    throttle: LoginThrottleDep,
    principal: PrincipalDep,
) -> None:
    """Set another password; every other login of yours ends."""
    actor = principal.actor
    await ask_password(database, passwords, throttle, actor, body.password)
    password_hash = await passwords.hash(body.new_password.get_secret_value())
    async with database.write() as session:
        user = await queries.get_user(session, actor.id, lock=True)
        await commands.set_password(session, user, password_hash, keep=principal.token_id, actor=actor, at=clock.now())


@router.get("/me/tokens")
async def list_my_tokens(session: ReadDep, principal: PrincipalDep) -> list[TokenOut]:
    """Your API tokens, without their secrets."""
    tokens = await queries.tokens_of(session, principal.actor.id, TokenKind.API)
    return [TokenOut.model_validate(token) for token in tokens]


@router.post(
    "/me/tokens",
    status_code=201,
    responses=problems(TokenNameTaken, TokenRoleTooHigh, ScopedAdmin, ExpiryInThePast),
)
async def create_my_token(
    body: CreateToken, session: WriteDep, clock: ClockDep, principal: PrincipalDep
) -> NewTokenOut:
    """Make an API token. The secret is in this answer and nowhere else."""
    user = await queries.get_user(session, principal.actor.id)
    token, secret = await commands.create_token(
        session,
        user,
        body.name,
        role=body.role,
        scope=body.scope.document(),
        expires_at=body.expires_at,
        by=principal,
        at=clock.now(),
    )
    return NewTokenOut(**TokenOut.model_validate(token).model_dump(), token=secret)


@router.delete("/me/tokens/{token_id}", status_code=204, responses=problems(TokenNotFound, TokenHoldsMore))
async def revoke_my_token(token_id: str, session: WriteDep, clock: ClockDep, principal: PrincipalDep) -> None:
    """Revoke one of your tokens; it is refused from now on."""
    user = await queries.get_user(session, principal.actor.id)
    await commands.revoke_token(session, user, token_id, by=principal, at=clock.now())


@router.get("/users")
async def list_users(session: ReadDep, page: PageDep) -> Page[UserOut]:
    """All users by name."""
    rows, next_cursor = await page.keyset(session, select(User), User.name)
    return Page(items=[UserOut.model_validate(row) for row in rows], next_cursor=next_cursor)


@router.post("/users", status_code=201, responses=problems(UserNameTaken, ScopedAdmin))
async def create_user(
    body: CreateUser, database: DatabaseDep, clock: ClockDep, passwords: PasswordsDep, actor: ActorDep
) -> UserOut:
    """Make a user."""
    password_hash = await passwords.hash(body.password.get_secret_value())
    async with database.write() as session:
        user = await commands.create_user(
            session,
            body.name,
            password_hash,
            body.role,
            scope=body.scope.document(),
            actor=actor,
            at=clock.now(),
        )
    return UserOut.model_validate(user)


@router.get("/users/{user}", responses=problems(UserNotFound))
async def get_user(user: str, session: ReadDep) -> UserOut:
    """One user, by name or id."""
    return UserOut.model_validate(await queries.get_user(session, user))


@router.patch("/users/{user}", responses=problems(UserNotFound, LastAdmin, ScopedAdmin))
async def change_user(
    user: str, body: ChangeUser, database: DatabaseDep, clock: ClockDep, passwords: PasswordsDep, actor: ActorDep
) -> UserOut:
    """Change a user's role, keep him out, or set his password: each ends his logins. Or change his limits."""
    password_hash = await passwords.hash(body.password.get_secret_value()) if body.password else None
    async with database.write() as session:
        found = await queries.get_user(session, user, lock=True)
        await commands.change_user(
            session,
            found,
            role=body.role,
            scope=None if body.scope is None else body.scope.document(),
            disabled=body.disabled,
            password_hash=password_hash,
            actor=actor,
            at=clock.now(),
        )
    return UserOut.model_validate(found)


@router.delete("/users/{user}", status_code=204, responses=problems(UserNotFound, LastAdmin))
async def remove_user(user: str, session: WriteDep, clock: ClockDep, actor: ActorDep) -> None:
    """Remove a user and all his tokens."""
    found = await queries.get_user(session, user, lock=True)
    await commands.remove_user(session, found, actor=actor, at=clock.now())
