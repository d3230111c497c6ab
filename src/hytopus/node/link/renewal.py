"""Renewing the node's certificate in time."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime
from typing import Final

from hytopus.kit.backoff import backoff
from hytopus.kit.clock import Clock
from hytopus.kit.logs import get_logger
from hytopus.kit.waiting import within
from hytopus.node.identity import Identity, save_renewed, signing_request
from hytopus.node.link.dialer import GrpcDialer
from hytopus.wire.channel import LinkClosed
from hytopus.wire.messages import Refused

LOOK_EVERY_S: Final = 3600.0
"""Clocks may be set, and laptops sleep: the waiting is done in pieces."""

log = get_logger(__name__)


def due(valid: tuple[datetime, datetime]) -> datetime:
    """When two thirds of the lifetime are over."""
    start, end = valid
    return start + (end - start) * 2 / 3


async def keep_renewed(identity: Identity, dialer: GrpcDialer, *, clock: Clock) -> None:
    """For ever. The next session uses the new certificate; the one that stands is not disturbed, unless the Brain has
    asked for the renewal and wants to see the new one."""
    delays = backoff(10, LOOK_EVERY_S)
    while True:
        left = (due(await asyncio.to_thread(identity.valid)) - clock.now()).total_seconds()
        if left > 0 and not dialer.renewal_wanted.is_set():
            await _wait(dialer, clock, min(left, LOOK_EVERY_S))
        elif await renew(identity, dialer):
            delays = backoff(10, LOOK_EVERY_S)
            if dialer.renewal_wanted.is_set():
                dialer.renewal_wanted.clear()
                await dialer.redial()
        else:
            await clock.sleep(next(delays))


async def _wait(dialer: GrpcDialer, clock: Clock, seconds: float) -> None:
    with suppress(TimeoutError):
        await within(clock, seconds, dialer.renewal_wanted.wait())


async def renew(identity: Identity, dialer: GrpcDialer) -> bool:
    """One attempt; the session says more about what is wrong with the link."""
    csr = await asyncio.to_thread(signing_request, identity.directory)
    try:
        reply = await dialer.renew(csr)
    except LinkClosed as error:
        log.info("certificate not renewed yet", cause=str(error))
        return False
    if isinstance(reply, Refused):
        log.error("the Brain does not renew the certificate", code=reply.problem.code, cause=reply.problem.message)
        return False
    await asyncio.to_thread(
        save_renewed, identity.directory, certificate_pem=reply.certificate_pem, ca_pem=reply.ca_pem
    )
    log.info("certificate renewed")
    return True
