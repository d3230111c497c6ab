"""How often somebody may try a password: so often per user name, and so often per address."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from hytopus.brain.accounts.errors import TooManyAttempts
from hytopus.brain.http.throttle import Throttle
from hytopus.kit.clock import Clock


class LoginThrottle:
    """In memory, one per Brain. A name's own limit is generous: it must not let strangers lock a user out for long."""

    def __init__(self, clock: Clock) -> None:
        self._names = Throttle(clock, burst=10, every=6)
        self._addresses = Throttle(clock, burst=30, every=2)

    def take(self, name: str, address: str) -> None:
        """Count an attempt; raises `TooManyAttempts`."""
        wait = self._addresses.take(address) or self._names.take(name)
        if wait:
            raise TooManyAttempts(retry_after=wait)

    def forget(self, name: str, address: str) -> None:
        """The password was right: the attempts before it were the user's own."""
        self._names.give_back(name)
        self._addresses.give_back(address)


async def _throttle(request: Request) -> LoginThrottle:
    throttle: LoginThrottle = request.app.state.logins
    return throttle


LoginThrottleDep = Annotated[LoginThrottle, Depends(_throttle)]
