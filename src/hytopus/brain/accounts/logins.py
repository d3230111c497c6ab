"""How often somebody may try a password: so often per user name, and so often per address."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request
from pydantic import SecretStr

from hytopus.brain.accounts.errors import TooManyAttempts, WrongPassword
from hytopus.brain.accounts.passwords import Passwords
from hytopus.brain.accounts.queries import get_user
from hytopus.brain.activity.actor import Actor
from hytopus.brain.db.engine import Database
from hytopus.brain.http.throttle import Throttle
from hytopus.kit.clock import Clock


class LoginThrottle:
    """In memory, one per Brain. A name's own limit is generous: it must not let strangers lock a user out for long."""

    def __init__(self, clock: Clock) -> None:
        self._names = Throttle(clock, burst=10, every=6)
        self._addresses = Throttle(clock, burst=30, every=2)

        # Whoever tries codes has the password already; and of a million codes three are right at any time.
        self._codes = Throttle(clock, burst=5, every=300)

    def take(self, name: str, address: str) -> None:
        """Count an attempt; raises `TooManyAttempts`."""
        wait = self._addresses.take(address) or self._names.take(name)
        if wait:
            raise TooManyAttempts(retry_after=wait)

    def take_address(self, address: str) -> None:
        """Count a login that is begun elsewhere; raises `TooManyAttempts`."""
        wait = self._addresses.take(address)
        if wait:
            raise TooManyAttempts(retry_after=wait)

    def forget(self, name: str, address: str) -> None:
        """The password was right: the attempts before it were the user's own."""
        self._names.give_back(name)
        self._addresses.give_back(address)

    def take_code(self, user_id: str) -> None:
        """Count a code that is tried; raises `TooManyAttempts`."""
        wait = self._codes.take(user_id)
        if wait:
            raise TooManyAttempts(retry_after=wait)

    def forget_code(self, user_id: str) -> None:
        """The code was right."""
        self._codes.give_back(user_id)


async def ask_password(
    database: Database, passwords: Passwords, throttle: LoginThrottle, actor: Actor, password: SecretStr
) -> None:
    """Somebody who is logged in shows that it is still him. Raises `WrongPassword` or `TooManyAttempts`."""
    throttle.take(actor.name, actor.address)
    async with database.read() as session:
        user = await get_user(session, actor.id)
    if not await passwords.verify(password.get_secret_value(), user.password_hash):
        raise WrongPassword
    throttle.forget(actor.name, actor.address)


async def _throttle(request: Request) -> LoginThrottle:
    throttle: LoginThrottle = request.app.state.logins
    return throttle


LoginThrottleDep = Annotated[LoginThrottle, Depends(_throttle)]
